"""When each margin was set, and whether results were there already: `margins.yaml`.

A margin that is set after its results can be chosen to fit them. So a build records, before it
runs anything, each comparison whose definition is new or changed: when, at which commit, and
whether runs that it judges were there. Entries stay.
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
from rejeu.study.configuration import Study
from rejeu.study.names import Name, Strict, describe_fault
from rejeu.study.strict_reading import read_yaml

FILE = "margins.yaml"
HEADING = """\
# When each margin was set. A build adds what is new or changed before it runs anything: keep this
# file with the claims, and let it stand. `after`: whether runs that it judges were there already.
"""


class Entry(Strict):
    """One definition of a claim's comparisons, by its digest, with its margins to read."""

    margins: list[float]
    digest: str
    time: AwareDatetime = Field(strict=False)
    commit: str | None
    after: bool


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


def recorded(claim: Mapping[str, Any], ledger: Ledger) -> dict[str, Any] | None:
    """The last entry of a claim, if that is how it is now defined."""
    *_, last = ledger.get(claim["id"]) or [None]
    return last if last is not None and last["digest"] == digest(claim) else None


def declare(study: Study, judged: Iterable[Mapping[str, Any]], root: Path) -> list[str]:
    """Record what is new or changed; return its ids."""
    ledger = read(study, root)
    new = [claim for claim in judged if claim["corrected"] and recorded(claim, ledger) is None]
    if not new:
        return []
    now = datetime.now(UTC).replace(microsecond=0)
    commit = git(root)["commit"]
    for claim in new:
        entry = {
            "margins": margins(claim),
            **{"digest": digest(claim), "time": now, "commit": commit and commit[:12]},
            "after": has_results(claim, root),
        }
        ledger[claim["id"]] = [*ledger.get(claim["id"], []), entry]
    write_text(root / study.beside_claims(FILE), HEADING + ledger_text(ledger))
    return [claim["id"] for claim in new]


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


def has_results(claim: Mapping[str, Any], root: Path) -> bool:
    """Whether, in any tier, all runs of one of the claim's quantities are there."""
    paths = quantities([*claim["corrected"], *claim["notebook"]])
    return any(any((root / "results").glob(pattern(path))) for path in paths)


def pattern(path: str) -> str:
    """The result files of a quantity, in any tier."""
    part, name, *_ = path.split(".")
    return f"*/timing/{name}.json" if part == "timing" else f"*/{part}/{name}/seed*/run.json"
