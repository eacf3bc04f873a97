"""When each margin was set, and whether results were there already: `margins.yaml`.

A margin that is set after its results can be chosen to fit them, and seeds can be added until they
say what they should. So a build records, before it runs anything, each comparison whose definition
is new or changed: when, at which commit, whether runs that it judges were there, and how many there
were to be. Entries stay.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from rejeu.build.commit import git
from rejeu.errors import RejeuError
from rejeu.evaluation.fields import quantities
from rejeu.job.whole_files import write_text
from rejeu.study import looks
from rejeu.study.configuration import Study
from rejeu.study.names import Name, Strict, describe_fault
from rejeu.study.strict_reading import read_yaml

FILE = "margins.yaml"
HEADING = """\
# When each margin was set. A build adds what is new or changed before it runs anything: keep this
# file with the claims, and let it stand. `after`: whether runs that it judges were there already;
# `runs`: how many a tier was to have, before it had any.
"""


class Entry(Strict):
    """One definition of a claim's comparisons, by its digest, with its margins to read."""

    margins: list[float]
    digest: str
    time: AwareDatetime = Field(strict=False)
    commit: str | None
    after: bool
    runs: dict[str, int] | None = None


Ledger = dict[str, list[dict[str, Any]]]


def read(study: Study, root: Path) -> Ledger:
    """The ledger's entries by claim, in the order written.

    Raises:
        RejeuError: with the file, the key and what was expected there.
    """
    path = root / study.beside_claims(FILE)
    known: Any = (read_yaml(path) or {}) if path.is_file() else {}
    try:
        TypeAdapter(dict[Name, list[Entry]]).validate_python(known)
    except ValidationError as error:
        raise RejeuError(
            f"{study.beside_claims(FILE)}: {describe_fault(error.errors()[0])}"
        ) from None
    return known


def late(judged: Iterable[Mapping[str, Any]], ledger: Ledger) -> list[str]:
    """Ids of what is judged by a margin that was set, or changed, when results were there."""
    return [
        claim["id"]
        for claim in judged
        if claim["corrected"] and digest(claim) != before_results(ledger.get(claim["id"], []))
    ]


def before_results(entries: Iterable[Mapping[str, Any]]) -> str | None:
    """The digest of a claim as it was last defined before there were results, if it was.

    Of several definitions before them the last one counts: else one could be declared for each
    result that may come, and chosen when it is there.
    """
    *_, last = [None, *(entry["digest"] for entry in entries if not entry["after"])]
    return last


def declare(study: Study, judged: Iterable[Mapping[str, Any]], root: Path) -> list[str]:
    """Record what is new or changed; return its ids."""
    ledger = read(study, root)
    planned = {tier: looks.seeds(study, tier, {}) for tier in study.tiers}
    changed, recounted = [], []
    for claim in judged:
        if not claim["corrected"]:
            continue
        *_, last = ledger.get(claim["id"]) or [{}]
        runs = runs_declared(claim, last.get("runs") or {}, planned, root)
        if last.get("digest") != digest(claim):
            changed.append((claim, runs))
        # What was recorded before runs were counted says nothing of them.
        elif last.get("runs") not in (None, runs):
            last["runs"] = runs
            recounted.append(claim["id"])
    if not (changed or recounted):
        return []
    now = datetime.now(UTC).replace(microsecond=0)
    commit = git(root)["commit"]
    for claim, runs in changed:
        entry = {
            "margins": margins(claim),
            **{"digest": digest(claim), "time": now, "commit": commit and commit[:12]},
            **{"after": has_results(claim, root), "runs": runs},
        }
        ledger[claim["id"]] = [*ledger.get(claim["id"], []), entry]
    write_text(root / study.beside_claims(FILE), HEADING + ledger_text(ledger))
    return [*(claim["id"] for claim, _ in changed), *recounted]


def runs_declared(
    claim: Mapping[str, Any],
    known: Mapping[str, int],
    planned: Mapping[str, looks.Seeds],
    root: Path,
) -> dict[str, int]:
    """By tier, the runs that a claim compares: of a tier with results, as many as were `known`."""
    counts = {tier: runs_planned(claim, own) for tier, own in planned.items()}
    return {
        tier: known[tier]
        if known.get(tier, count) != count and has_results(claim, root, tier)
        else count
        for tier, count in counts.items()
        if count
    }


def runs_planned(claim: Mapping[str, Any], own: looks.Seeds) -> int:
    """The runs that a claim compares, of a tier's own seeds."""
    named = {
        tuple(path.split(".")[:2]) for path in quantities([*claim["corrected"], *claim["notebook"]])
    }
    return sum(len(own.get(part, {}).get(name, ())) for part, name in named)


def with_runs_added(
    judged: Iterable[Mapping[str, Any]], ledger: Ledger, study: Study, tier: str
) -> list[str]:
    """Ids of what has more runs in a tier than were declared before there were any."""
    own = looks.seeds(study, tier, {})
    found = []
    for claim in judged:
        *_, last = ledger.get(claim["id"]) or [{}]
        declared = (last.get("runs") or {}).get(tier)
        if declared is not None and runs_planned(claim, own) > declared:
            found.append(claim["id"])
    return found


def ledger_text(ledger: Ledger) -> str:
    """The ledger as YAML, also beside a Snakemake that was installed alone, without ruamel.yaml."""
    try:
        from rejeu.study.yaml_reader import yaml_text  # noqa: PLC0415
    except ModuleNotFoundError:  # JSON is YAML, but for times; these are read from texts, too
        return "".join(
            f"{json.dumps(claim)}:\n"
            + "".join(f"- {json.dumps(entry, default=str)}\n" for entry in entries)
            for claim, entries in ledger.items()
        )
    return yaml_text(ledger)


def margins(claim: Mapping[str, Any]) -> list[float]:
    """The margin of each comparison of a claim, corrected arm first, in its quantity's unit."""
    return [each["margin"] for each in (*claim["corrected"], *claim["notebook"])]


def digest(claim: Mapping[str, Any]) -> str:
    """Of all that decides: quantities, sides and margins."""
    decides = {
        arm: [{key: each[key] for key in each if key != "unit"} for each in claim[arm]]
        for arm in ("corrected", "notebook")
    }
    text = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def has_results(claim: Mapping[str, Any], root: Path, tier: str = "*") -> bool:
    """Whether runs of one of the claim's quantities are there, in any tier or the one named."""
    paths = quantities([*claim["corrected"], *claim["notebook"]])
    return any(any((root / "results").glob(f"{tier}/{pattern(path)}")) for path in paths)


def pattern(path: str) -> str:
    """The result files of a quantity in a tier's folder."""
    part, name, *_ = path.split(".")
    return f"timing/{name}.json" if part == "timing" else f"{part}/{name}/seed*/run.json"
