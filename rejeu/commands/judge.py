"""`rejeu judge`: the verdicts of a claims file on anyone's results, made by any program.

The same rule judges them as in a report. Results of a tier that lie in their study's folder are
looked at as the tier declares; of any others all seeds that are there are one look.
"""

import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.table import Table

from rejeu.commands.recorded import SYMBOLS, Recorded, checked, differences
from rejeu.commands.terminal import console
from rejeu.errors import RejeuError
from rejeu.evaluation import guarded
from rejeu.evaluation.fields import quantities
from rejeu.evaluation.judge import Runs, judge_all, shown_by_arm, still_open
from rejeu.evaluation.quantities import Value
from rejeu.evaluation.result_tables import ResultFolder, read_folder
from rejeu.job.whole_files import read_note
from rejeu.study import looks
from rejeu.study.claims import ARMS, Claim, Claims, Comparison, refuse_circle
from rejeu.study.configuration import load
from rejeu.study.names import describe_fault, first_of, refer
from rejeu.study.strict_reading import read_yaml, shown

OPEN = {
    "tier": "isn't judged on results of this name (its `tiers`)",
    "device": "is about another device than the runs computed on",
    "undefined": "has a value that isn't defined on some seed, or its run diverged",
    "missing": f"has fewer than {guarded.FEWEST_SEEDS} seeds, or undefined values",
    "mixed": "its runs came out in several kinds, of which no mean tells anything",
    "unclear": "its interval lies on both sides of the margin",
    "needs": "the claim that it needs doesn't hold",
    "no_run": "compares nothing",
}


def main(file: Path, folder: Path, as_json: bool, expected: Path | None) -> int:
    """Judge and print; 1 where a verdict isn't the expected one.

    Raises:
        RejeuError: the claims, the results or the expected verdicts were refused.
    """
    claims = read_claims(file)
    results = read_folder(folder)
    named = {tier for claim in claims for tier in claim.tiers or ()}
    name = folder.resolve().name
    # Who names no tier, or keeps results under another name, has them all judged.
    recorded = recorded_in(expected, name) if expected else {}
    asked = [claim for claim in claims if name not in named or name in (claim.tiers or [name])]
    values = read_values(asked, results, file, untested(folder))
    entries = judged(claims, values, results, name if name in named else None, declared(folder))
    if as_json:
        print(json.dumps(entries, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        console().print(table(entries, recorded))
        for entry in entries:
            if entry["why"]:
                print(f"{entry['id']}: {OPEN.get(entry['why'], entry['why'])}{more_seeds(entry)}")
    wrong = differences({entry["id"]: entry["verdict"] for entry in entries}, recorded)
    for line in wrong:
        print(f"differs from {expected}: {line}", file=sys.stderr)
    return 1 if wrong else 0


def read_claims(file: Path) -> list[Claim]:
    """The claims of a file; what a report says on its own account is left to the report.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    raw = read_yaml(file)
    if isinstance(raw, dict) and isinstance(raw.get("claims"), list):
        # A claim without a statement is stated by its id.
        named = [
            {"statement": str(each.get("id"))} | each if isinstance(each, dict) else each
            for each in raw["claims"]
        ]
        raw = raw | {"claims": named}
    try:
        claims = Claims.model_validate(raw).claims
        ids = [claim.id for claim in claims]
        needs = {claim.id: claim.needs for claim in claims}
        for claim in claims:
            if ids.count(claim.id) > 1:
                raise ValueError(f"claim '{claim.id}' stands {ids.count(claim.id)} times")
            if claim.notebook and not claim.corrected:
                raise ValueError(
                    f"claim '{claim.id}': a notebook arm needs a corrected one beside it"
                )
            if claim.needs is not None:
                refer(f"claim '{claim.id}', needs", claim.needs, needs)
            refuse_circle(claim, needs)
    except ValidationError as error:
        faults = first_of([f"  {describe_fault(each)}" for each in error.errors()])
        raise RejeuError(f"{file} was refused, and nothing was judged:\n{faults}") from None
    except ValueError as error:
        raise RejeuError(f"{file} was refused, and nothing was judged:\n  {error}") from None
    return claims


def untested(folder: Path) -> set[str]:
    """Ids of the claims that a tier of Rejeu's own left untested, as it may lack runs for them."""
    entries = read_note(folder / "claims.json")
    known = (
        [each for each in entries if isinstance(each, dict)] if isinstance(entries, list) else []
    )
    return {str(each.get("id")) for each in known if each.get("verdict") == "untested"}


def read_values(
    claims: list[Claim], results: ResultFolder, file: Path, lacking: Collection[str] = ()
) -> dict[str, dict[int, Value]]:
    """The values of every quantity that claims compare, by path and seed.

    Args:
        lacking: ids of claims whose runs may be missing.

    Raises:
        RejeuError: with the claim, for each quantity that isn't there or can't be compared.
    """
    values: dict[str, dict[int, Value]] = {}
    faults = []
    for claim in claims:
        for compared in (*claim.corrected, *claim.notebook):
            try:
                for path in quantities([compared.model_dump()]):
                    if path not in values:
                        values[path] = results.values(path)
                refuse_values(compared, values)
            except RejeuError as error:
                if claim.id in lacking:
                    continue
                faults.append(f"  claim '{claim.id}', {compared.of}: {error}")
    if faults:
        listed = first_of(list(dict.fromkeys(faults)))
        raise RejeuError(f"{file}: the results were refused, and nothing was judged:\n{listed}")
    return values


def refuse_values(compared: Comparison, values: Mapping[str, Mapping[int, Value]]) -> None:
    """Refuse texts where numbers are needed, and two quantities without a seed in common."""
    paths = quantities([compared.model_dump()])
    texts = compared.by == "equal" and compared.against is not None
    for path in paths:
        for seed, value in values[path].items():
            if isinstance(value, str) and not texts:
                raise RejeuError(
                    f"{path}, seed {seed}: found the text {shown(value)}, expected a number; "
                    "texts can be compared with `by: equal` alone"
                )
            if compared.by == "share" and isinstance(value, int | float) and value < 0:
                raise RejeuError(
                    f"{path}, seed {seed}: found {value}, expected a count, for `by: share`"
                )
    seeds = [sorted(values[path]) for path in paths]
    if not set(seeds[0]) & set(seeds[-1]):
        raise RejeuError(
            f"has the seeds {shown(seeds[0])}, and {paths[-1]} {shown(seeds[-1])}; expected some "
            "that both have, since values are compared seed by seed"
        )


def declared(folder: Path) -> tuple[list[int], looks.Seeds]:
    """The later looks of a tier whose results are `folder`, and the seeds of its first, if known.

    Raises:
        RejeuError: the study's configuration was refused.
    """
    tier, path = folder.resolve().name, folder.resolve().parent.parent / "config.yaml"
    if folder.resolve().parent.name != "results" or not path.is_file():
        return [], {}
    try:
        raw = read_yaml(path)
    except RejeuError:  # somebody else's, like the folder
        return [], {}
    tiers = raw.get("tiers") if isinstance(raw, dict) else None
    if not isinstance(tiers, dict) or tier not in tiers:
        return [], {}
    study = load(raw, str(path))
    return study.tiers[tier].looks, looks.seeds(study, tier, {})


def judged(
    claims: list[Claim],
    values: Mapping[str, Mapping[int, Value]],
    results: ResultFolder,
    tier: str | None,
    known: tuple[list[int], looks.Seeds] = ([], {}),
) -> list[dict[str, Any]]:
    """The entries of all claims, with their statements.

    Args:
        tier: the name of the results, where claims name tiers.
        known: what `declared` gives.
    """
    later, own = known

    def first(path: str) -> list[int] | None:
        part, name, *_ = path.split(".")
        return own.get(part, {}).get(name)

    plain = [
        claim.model_dump(exclude={"statement"})
        | {"kind": "claim", "reference": None, "tiers": claim.tiers if tier else None}
        for claim in claims
    ]
    runs = Runs(values.get, results.kinds, first, results.device())
    entries = judge_all(plain, tier or results.folder.name, runs, lambda _: None, later)
    statements = {claim.id: claim.statement for claim in claims}
    return [entry | {"statement": statements[entry["id"]]} for entry in entries]


def recorded_in(path: Path, name: str) -> Recorded:
    """Expected verdicts by claim, from a file with or without tiers' names around them."""
    raw = read_yaml(path) or {}
    if isinstance(raw, dict) and isinstance(raw.get(name), dict):
        raw = raw[name]
    return checked(raw, str(path), str(path))


def table(entries: list[dict[str, Any]], recorded: Recorded) -> Table:
    """One line per claim."""
    arms = [arm for arm in ARMS if any(arm in entry["arms"] for entry in entries)]
    shown_table = Table()
    for heading in ("Claim", *(arm.capitalize() for arm in arms), "Seeds", "Verdict"):
        shown_table.add_column(heading, no_wrap=heading in ("Seeds", "Verdict"), overflow="fold")
    if recorded:
        shown_table.add_column("Expected", overflow="fold")
    for entry in entries:
        by_arm = shown_by_arm(entry["arms"])
        measured = [written(by_arm[arm]) if arm in by_arm else "" for arm in arms]
        verdict = (
            f"{SYMBOLS[entry['verdict']]} {entry['verdict']}{', firm' if entry['firm'] else ''}"
        )
        expected = [" or ".join(recorded.get(entry["id"], ["-"]))] if recorded else []
        shown_table.add_row(entry["id"], *measured, str(entry["seeds"]), verdict, *expected)
    return shown_table


def written(compared: Mapping[str, Any]) -> str:
    """A comparison's value with its interval, or on how many seeds an event was seen."""
    if compared["test"] == "most":
        return f"{compared['count']} / {len(compared['values'])}"
    if compared["measured"] is None:
        return "-"
    signed = "+" if compared["against"] and compared["by"] == "difference" else ""
    ends = "" if compared["interval"] is None else " [{:.3f}, {:.3f}]".format(*compared["interval"])
    return f"{compared['measured']:{signed}.3f}{ends}"


def more_seeds(entry: Mapping[str, Any]) -> str:
    """How many seeds would decide an unclear claim, where that can be foreseen."""
    if entry["why"] != "unclear":
        return ""
    needed = [each["seeds_needed"] for each in still_open(entry["arms"])]
    if None in needed or not needed:
        return ""
    return f"; about {max(needed)} seeds would decide it, if these are typical"
