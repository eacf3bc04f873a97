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
from rejeu.job.whole_files import read_json
from rejeu.report.addresses import in_lines, unrounded
from rejeu.study.names import suggest

SHOWN = 8  # places of a number that stands in many
JUDGED = re.compile(r"results/[^/]+/(claims|observations)\.json")
_ARM = re.compile(r"/(\d+)/arms/(\w+)/(\d+)/")
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
    places = [
        place for language in study.languages for place in read_places(root, tier, language)
    ]
    if text is not None:
        found = [place for place in places if matches(place.number["text"], text)]
        if not found:
            raise RejeuError(
                f"{text}: no such number stands in results/{tier}/report; expected it as one of "
                f"the reports has it, in {', '.join(study.languages)}"
            )
        told = [*numbers_in_lines(found)]
        origin = [each for place in found for each in place.origin]
    else:
        told, origin = claim_in_lines(str(claim), root, tier, places)
    print("\n".join(told))
    files = {each["file"] for each in expanded(origin, root)}
    made = made_from(files, tier, root)
    print("\n".join(made))


def read_places(root: Path, tier: str, language: str) -> list[Place]:
    """Each number of a language's report.

    Raises:
        RejeuError: the report isn't there.
    """
    path = root / "results" / tier / "report" / language / "addresses.json"
    if not path.is_file():
        raise RejeuError(f"{path}: no such file; `rejeu report --tier {tier}` makes it")
    known = read_json(path)
    return [
        Place(language, number, [known["addresses"][place] for place in number["from"]])
        for number in known["numbers"]
    ]


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
        yield number["text"]
        for place in dict.fromkeys(map(str, places)):
            yield f"  stands in  {place}"
        yield f"  written by {number['template']}, line {number['template_line']}"
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
            lines.append(
                f"  {arm}: {each['quantity']} {each['side']} {each['around']:g} by more than "
                f"{each['margin']:g}: {each['state']}"
            )
            values = ", ".join(
                f"{seed}: {value!r}" for seed, value in zip(each["seeds"], each["values"], strict=True)
            )
            lines.append(f"    by seed  {values or 'no run'}")
            if each["interval"] is not None:
                low, high = each["interval"]
                lines.append(f"    mean     {each['measured']!r} [{low!r}, {high!r}]")
            origin += compared_files(each, tier)
    lines += [f"  from       {line}" for line in in_lines(with_values(origin, root))]
    return [*lines, ""], origin


def expanded(origin: Iterable[Address], root: Path) -> Iterator[Address]:
    """Addresses, and for one among what was judged also those of the runs that were compared."""
    for each in origin:
        yield each
        arm = _ARM.match(f"{each['key']}/")
        judged = JUDGED.fullmatch(each["file"])
        if arm and judged and (root / each["file"]).is_file():
            entry = read_json(root / each["file"])[int(arm[1])]
            yield from compared_files(entry["arms"][arm[2]][int(arm[3])], each["file"].split("/")[1])


def compared_files(comparison: Mapping[str, Any], tier: str) -> list[Address]:
    """The addresses of the values that were compared, on each seed."""
    found = []
    for path in (comparison["of"], comparison["against"]):
        if path is None:
            continue
        part, name, *keys = path.split(".")
        if part == "timing":
            found.append(address(f"results/{tier}/timing/{name}.json", keys))
            continue
        file = f"{keys[0]}.{'jsonl' if keys[0] == 'log' else 'json'}"
        found += [
            address(f"results/{tier}/{part}/{name}/seed{seed}/{file}", keys[1:])
            for seed in comparison["seeds"]
        ]
    return found


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


def made_from(files: Iterable[str], tier: str, root: Path) -> list[str]:
    """Which jobs made files, from the last to the first, and the raw inputs that they began from."""
    with dry_run("all", tier, root) as workflow:
        jobs = {str(path): job for job in workflow.dag.jobs for path in job.output}
    known = sorted(file for file in files if file in jobs)
    by_hand = sorted(file for file in files if file not in jobs and (root / file).is_file())
    rules: dict[str, list[Any]] = {}
    seen: set[str] = set()
    waiting = list(known)
    order: list[Any] = []
    while waiting:
        path = waiting.pop(0)
        job = jobs.get(path)
        if job is None or str(job.output[0]) in seen:
            if job is None and path.startswith("report/"):
                by_hand.append(path)
            continue
        seen.add(str(job.output[0]))
        order.append(job)
        waiting += map(str, job.input)
    for job in order:
        rules.setdefault(job.rule.name, []).append(job)
    lines = ["made by"] if rules else []
    width = max(map(len, rules), default=0)
    sources = []
    for rule, same in rules.items():
        first = min(str(job.output[0]) for job in same)
        more = f" and of {len(same) - 1} jobs more" if len(same) > 1 else ""
        lines.append(f"  {rule:{width}}  {first}{more}")
        sources += [path for job in same for path in map(str, job.output) if path.endswith("source.json")]
    lines += [f"written by hand\n  {', '.join(dict.fromkeys(by_hand))}"] if by_hand else []
    return [*lines, *raw_inputs(sources, root)]


def raw_inputs(sources: Iterable[str], root: Path) -> Iterator[str]:
    """Each raw input's files with their sha256, as its record has them."""
    for path in sorted(set(sources)):
        if not (root / path).is_file():
            yield f"raw input\n  {path}: not there any more"
            continue
        record = read_json(root / path)
        yield f"raw input {record['input']} ({record['revision']})"
        for file, facts in record["files"].items():
            yield f"  {facts['sha256']}  {file}"
