"""`rejeu trace`: where a number or a claim stands in the report, and all that it was made from.

The report's addresses.json says which values a number was computed from; Snakemake's graph says
which jobs made their files, down to the raw inputs, whose record has the sha256 of each file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build.dry_run import dry_run
from rejeu.commands.study_here import study_here
from rejeu.errors import RejeuError
from rejeu.evaluation.judge import claimed
from rejeu.evaluation.judge_tier import values_compared
from rejeu.job.whole_files import read_json
from rejeu.report.addresses import in_lines, unrounded
from rejeu.study.names import suggest

SHOWN = 8  # places of a number that stands in many
JUDGED = re.compile(r"results/[^/]+/(claims|observations)\.json")
_ENTRY = re.compile(r"/(\d+)/(\w+)(?:/(\w+)/(\d+))?")
_SPACES = re.compile(r"[\s\u00a0\u202f]+")

Address = Mapping[str, Any]  # {file, key, value}


@dataclass(frozen=True)
class Place:
    """A number where it stands in one language's report."""

    language: str
    number: Mapping[str, Any]
    origin: list[Address]

    def __str__(self) -> str:
        inside = ", ".join(it for it in (self.number["section"], self.number["in"]) if it)
        how = {"text": "", "attribute": ", as an alternative text"}.get(self.number["as"], "")
        return f"{self.language}: {inside or 'title page'}{how}"


def main(text: str | None, claim: str | None, tier: str | None, root: Path) -> None:
    """Print it.

    Raises:
        RejeuError: there is no report, or no such number or claim in it.
    """
    if (text is None) == (claim is None):
        raise RejeuError("expected a number as the report has it, or --claim and its id")
    study, tier = study_here(tier)
    known = {language: read_addresses(root, tier, language) for language in study.languages}
    places = [place for language, each in known.items() for place in places_of(language, each)]
    figures = {name: file for each in known.values() for name, file in each["figures"].items()}
    if claim is not None:
        told, origin = claim_in_lines(claim, root, tier, places)
    else:
        told, origin = found_in_lines(str(text), places, figures, study.languages)
    print("\n".join(told))
    files = {each["file"] for each in expanded(origin, study.report.reference, root)}
    print("\n".join(made_from(files, jobs_of(tier, root), root)))


def read_addresses(root: Path, tier: str, language: str) -> dict[str, Any]:
    """What `addresses.as_json` gave of a language's report.

    Raises:
        RejeuError: the report isn't there.
    """
    path = root / "results" / tier / "report" / language / "addresses.json"
    if not path.is_file():
        raise RejeuError(
            f"{path}: no such file; `rejeu report --tier {tier}` makes it, and --tier takes another"
        )
    return read_json(path)


def places_of(language: str, known: Mapping[str, Any]) -> list[Place]:
    """Each number of a language's report, in reading order."""
    return [
        Place(language, number, [known["addresses"][place] for place in number["from"]])
        for number in known["numbers"]
    ]


def found_in_lines(
    asked: str, places: list[Place], figures: Mapping[str, str], languages: Iterable[str]
) -> tuple[list[str], list[Address]]:
    """A number as a report has it, or all that a table or figure has; and the addresses.

    Raises:
        RejeuError: no report has it.
    """
    if asked in figures or any(place.number["in"] == asked for place in places):
        found = [place for place in places if place.number["in"] == asked]
        drawn = [address(figures[asked], [])] if asked in figures else []
        lines = [f"{asked} shows {figures[asked]}", ""] if drawn else []
        origin = [*drawn, *(each for place in found for each in place.origin)]
        return [*lines, *numbers_in_lines(found)], origin
    found = [place for place in places if matches(place.number["text"], asked)]
    if not found:
        raise RejeuError(
            f"{asked}: no such number, table or figure stands in the report; expected a number as "
            f"it has it in {' or '.join(languages)}, or an identifier as tbl-rank-en"
        )
    # The other languages write it in their own way.
    computed = {str((place.number["value"], place.origin)) for place in found if place.origin}
    found = [
        place
        for place in places
        if place in found or str((place.number["value"], place.origin)) in computed
    ]
    return [*numbers_in_lines(found)], [each for place in found for each in place.origin]


def matches(written: str, asked: str) -> bool:
    """Whether a report's text is what is asked for, or an interval whose mean or end is."""
    wanted = comparable(asked)
    whole = comparable(written)
    parts = re.split(r"[\[\];]|,\s", _SPACES.sub(" ", written))
    return wanted == whole or wanted in [comparable(part) for part in parts]


def comparable(text: str) -> str:
    """A number without spaces, with the keyboard's signs."""
    bare = _SPACES.sub("", text).replace("\N{MINUS SIGN}", "-").replace("×", "x")
    return bare.lstrip("+").rstrip("%").removeprefix("x")


def numbers_in_lines(found: list[Place]) -> Iterator[str]:
    """Where numbers stand and what they were computed from; what is computed alike, once."""
    alike: dict[str, list[Place]] = {}
    for place in found:
        alike.setdefault(str((place.number["value"], place.origin)), []).append(place)
    for places in list(alike.values())[:SHOWN]:
        number, origin = places[0].number, places[0].origin
        yield " = ".join(dict.fromkeys(place.number["text"] for place in places))
        for place in dict.fromkeys(map(str, places)):
            yield f"  stands in  {place}"
        written = [f"{it.number['template']}, line {it.number['template_line']}" for it in places]
        yield f"  written by {'; '.join(dict.fromkeys(written))}"
        if number["value"] is not None:
            yield f"  unrounded  {unrounded(number['value'])[0]}"
        for place, line in enumerate(in_lines(origin)):
            yield f"  {'' if place else 'from':9}  {line}"
        yield ""
    if len(alike) > SHOWN:
        yield f"and {len(alike) - SHOWN} more that read so\n"


def claim_in_lines(
    name: str, root: Path, tier: str, places: list[Place]
) -> tuple[list[str], list[Address]]:
    """A judged claim, or what the report says on its own account; and the addresses of both arms.

    Raises:
        RejeuError: nothing is called so.
    """
    known: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for file in ("claims", "observations"):
        path = f"results/{tier}/{file}.json"
        if (root / path).is_file():
            entries = read_json(root / path)
            known |= {it["id"]: (f"{path}#/{n}/", it) for n, it in enumerate(entries)}
    if name not in known:
        raise RejeuError(f"--claim {name}: no such claim; {suggest(name, known)}")
    begins, entry = known[name]
    here = [
        place
        for place in places
        if any(f"{each['file']}#{each['key']}/".startswith(begins) for each in place.origin)
    ]
    lines = [
        f"{name}: {entry['verdict']}{', firm' if entry['firm'] else ''}",
        *(f"  stands in  {place}" for place in dict.fromkeys(map(str, here))),
        f"  judged in  {begins.rstrip('/')}",
    ]
    origin: list[Address] = []
    for arm, compared in entry["arms"].items():
        for each in compared:
            lines.append(f"  {arm}: {each['quantity']} {claimed(each)}: {each['state']}")
            values = ", ".join(
                f"{seed}: {value!r}"
                for seed, value in zip(each["seeds"], each["values"], strict=True)
            )
            lines.append(f"    by seed  {values or 'no run'}")
            if each["interval"] is not None:
                low, high = each["interval"]
                what = "share   " if each["test"] == "most" else "mean    "
                lines.append(f"    {what} {each['measured']!r} [{low!r}, {high!r}]")
            origin += compared_files(each, tier)
    once = {(each["file"], each["key"]): each for each in origin}
    lines += [f"  from       {line}" for line in in_lines(with_values(once.values(), root))]
    return [*lines, ""], origin


def expanded(origin: Iterable[Address], reference: str | None, root: Path) -> Iterator[Address]:
    """Addresses, but for one among what was judged those of the runs that were compared for it."""
    for each in origin:
        judged, entry = JUDGED.fullmatch(each["file"]), _ENTRY.match(each["key"])
        if not (judged and entry and (root / each["file"]).is_file()):
            yield each
            continue
        known, tier = read_json(root / each["file"])[int(entry[1])], each["file"].split("/")[1]
        if entry[2] == "reference":
            yield address(str(reference), [])
        elif entry[2] == "arms":
            yield from compared_files(known["arms"][entry[3]][int(entry[4])], tier)
        else:
            for compared in known["arms"].values():
                for comparison in compared:
                    yield from compared_files(comparison, tier)


def compared_files(comparison: Mapping[str, Any], tier: str) -> list[Address]:
    """The addresses of the values that were compared, on each seed."""
    return [address(*found) for found in values_compared(comparison, tier)]


def address(file: str, keys: list[str]) -> Address:
    """An address whose value isn't read."""
    return {"file": file, "key": "".join(f"/{key}" for key in keys), "value": None}


def with_values(origin: Iterable[Address], root: Path) -> Iterator[Address]:
    """Addresses with the values that stand there; those of derived quantities stand nowhere."""
    for each in origin:
        value: Any = None
        if each["file"].endswith(".json") and (root / each["file"]).is_file():
            value = read_json(root / each["file"])
            for key in each["key"].split("/")[1:]:
                value = value.get(key) if isinstance(value, dict) else None
        plain = isinstance(value, int | float | str)
        yield {**each, "value": value if plain else None}


@dataclass(frozen=True)
class Job:
    """What made a file, and from which; `first` is the first of its outputs."""

    rule: str
    first: str
    inputs: list[str]


def jobs_of(tier: str, root: Path) -> dict[str, Job]:
    """The job of each file that a tier's report is made from, by Snakemake's graph.

    Raises:
        RejeuError: with Snakemake's message, where it can't plan.
    """
    with dry_run("all", tier, root) as workflow:
        return {
            str(path): Job(job.rule.name, str(job.output[0]), [*map(str, job.input)])
            for job in workflow.dag.jobs
            for path in job.output
        }


def behind(files: Iterable[str], jobs: Mapping[str, Job]) -> tuple[list[Job], list[str]]:
    """All jobs that files hang on, from the last to the first, and what no job makes."""
    steps: dict[str, int] = {}  # by a job's first output, how far from raw inputs it is
    unmade: dict[str, None] = {}

    def walk(path: str) -> int:
        job = jobs.get(path)
        if job is None:
            unmade[path] = None
            return 0
        if job.first not in steps:
            steps[job.first] = 0
            steps[job.first] = 1 + max(map(walk, job.inputs), default=0)
        return steps[job.first]

    for path in sorted(files):
        walk(path)
    order = sorted(steps, key=lambda first: (-steps[first], first))
    return [jobs[first] for first in order], list(unmade)


def made_from(files: Iterable[str], jobs: Mapping[str, Job], root: Path) -> list[str]:
    """Which jobs made files, the last first, and the raw inputs that they began from."""
    order, unmade = behind(files, jobs)
    rules: dict[str, list[str]] = {}
    for job in order:
        rules.setdefault(job.rule, []).append(job.first)
    width = max(map(len, rules), default=0)
    lines = ["made by"] if rules else []
    for rule, outputs in rules.items():
        more = f" and {len(outputs) - 1} more" if len(outputs) > 1 else ""
        lines.append(f"  {rule:{width}}  {outputs[0]}{more}")
    read = [path for path in unmade if (root / path).is_file() and not Path(path).is_absolute()]
    lines += ["written by hand", *(f"  {path}" for path in read)] if read else []
    return [*lines, *raw_inputs((job.first for job in order), root)]


def raw_inputs(outputs: Iterable[str], root: Path) -> Iterator[str]:
    """Each raw input's files with their sha256, as the record has them that is among outputs."""
    for path in sorted(path for path in outputs if Path(path).name == "source.json"):
        if not (root / path).is_file():
            yield f"raw input\n  {path}: not there any more"
            continue
        record = read_json(root / path)
        yield f"raw input {record['input']} ({record['revision']})"
        for file, facts in record["files"].items():
            yield f"  {facts['sha256']}  {file}"
