"""`rejeu decide`: more seeds for claims that are undecided, at the looks that the tier declares.

Seeds are added to those experiments alone that an undecided claim compares, and to those that these
start from. Each look may take its own share of the risk, so that looking again keeps it (`judge`).
"""

import math
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rejeu.build.commit import git
from rejeu.build.engine import snakemake
from rejeu.commands.study_here import study_here
from rejeu.errors import RejeuError
from rejeu.evaluation.fields import quantities, run_of
from rejeu.job.whole_files import read_json
from rejeu.study import looks
from rejeu.study.configuration import Study


def undecided(entries: Iterable[dict[str, Any]], claim: str | None) -> list[dict[str, Any]]:
    """The claims that more seeds may decide; of these the one asked for.

    Raises:
        RejeuError: for a claim that isn't there.
    """
    known = {entry["id"]: entry for entry in entries}
    if claim is not None and claim not in known:
        raise RejeuError(f"--claim {claim}: no such claim; known: {', '.join(known)}")
    return [
        entry
        for name, entry in known.items()
        if claim in (None, name) and entry["why"] == "unclear" and experiments(entry)
    ]


def experiments(entry: dict[str, Any]) -> set[tuple[str, str]]:
    """Part and name of each experiment that a claim compares; none where it compares times."""
    compared = [each for found in entry["arms"].values() for each in found]
    runs = [run_of(path).split(".") for path in quantities(compared)]
    found = {(part, name) for part, name in runs}
    return set() if any(part == "timing" for part, _ in found) else found


def with_starts(study: Study, needed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those experiments and what they start from."""
    found = set(needed)
    for part, name in needed:
        before = study.parts[part].experiments[name].start_from
        while before is not None:
            found.add((part, before))
            before = study.parts[part].experiments[before].start_from
    return found


def next_look(
    study: Study, tier: str, open_claims: list[dict[str, Any]], now: looks.Seeds, number: int
) -> dict[str, Any]:
    """What looks.yaml will say of a look."""
    count = study.tiers[tier].looks[number - 2]
    needed = set().union(*(experiments(entry) for entry in open_claims))
    added: dict[str, dict[str, int]] = {}
    for part, name in sorted(with_starts(study, needed)):
        if len(now[part][name]) < count:
            added.setdefault(part, {})[name] = count
    return {
        "look": number,
        "claims": [entry["id"] for entry in open_claims],
        "seeds": added,
    }


def minutes_of(look: dict[str, Any], tier: str, now: looks.Seeds, jobs: int) -> float:
    """How long the look's training will take, by that of the runs that are there."""
    seconds = 0.0
    for part, counts in look["seeds"].items():
        for name, count in counts.items():
            seeds = now[part][name]
            runs = [Path("results", tier, part, name, f"seed{seed}", "run.json") for seed in seeds]
            each = [read_json(path)["wall_seconds"] for path in runs if path.is_file()]
            seconds += (count - len(seeds)) * sum(each) / max(len(each), 1)
    return seconds / jobs / 60


def build(tier: str, *targets: str) -> None:
    """Run Snakemake in the current folder.

    Raises:
        RejeuError: it failed; it has said why.
    """
    if snakemake(targets, tier):
        raise RejeuError("the build failed; mend what it names, then run `rejeu decide` again")


def decide(study: Study, tier: str, claim: str | None, minutes: float | None, jobs: int) -> str:
    """Take looks until the claims are decided, the looks are used up, or the minutes are.

    Returns:
        What to say of it.
    """
    root, began = Path.cwd(), time.monotonic()
    declared = study.tiers[tier].looks
    if not declared:
        raise RejeuError(
            f"config.yaml: tiers.{tier}.looks: none is declared; expected how many seeds each look "
            "beyond the tier's own has, as `looks: [9, 12]`"
        )
    target = f"results/{tier}/claims.json"
    while True:
        build(tier, target)
        open_claims = undecided(read_json(target), claim)
        if not open_claims:
            return "No claim is undecided that more seeds may decide."
        taken = looks.taken(study, root)
        # Each claim goes on from the look that it has reached.
        number = min(entry["look"] for entry in open_claims) + 1
        due = [entry for entry in open_claims if entry["look"] == number - 1]
        if number - 2 >= len(declared):
            names = ", ".join(entry["id"] for entry in open_claims)
            return f"All {len(declared) + 1} looks are taken; still undecided: {names}"
        now = looks.seeds(study, tier, taken)
        look = next_look(study, tier, due, now, number)
        asked = minutes_of(look, tier, now, jobs)
        spent = (time.monotonic() - began) / 60
        if minutes is not None and spent + asked > minutes:
            left = max(0, math.floor(minutes - spent))
            return (
                f"Look {number} would take about {math.ceil(asked)} min of training, and {left} of "
                f"{minutes:g} are left. Undecided: {', '.join(look['claims'])}"
            )
        print(
            f"look {number}: {', '.join(look['claims'])}; about {math.ceil(asked)} min of training",
            file=sys.stderr,
        )
        stamp = {"time": datetime.now(UTC).replace(microsecond=0), "commit": git(root)["commit"]}
        looks.record(study, root, tier, {"look": number, **stamp, **look})


def main(tier: str | None, claim: str | None, minutes: float | None, jobs: int) -> None:
    """Print what `decide` says of the study in the current folder; without a tier, of its own.

    Raises:
        RejeuError: there is no such tier or claim, no look is declared, or a build failed.
    """
    study, tier = study_here(tier)
    print(decide(study, tier, claim, minutes, jobs))
