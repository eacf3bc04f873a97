"""`make claims`: the judged claims in the terminal, beside the verdicts recorded for the tier.

Usage: python -m rejeu.commands.claims_table [TIER]
"""

import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from rejeu.errors import RejeuError
from rejeu.evaluation.judge import VERDICTS
from rejeu.job.whole_files import read_json
from rejeu.report.numbers import Numbers
from rejeu.report.verdicts import Judged, Told
from rejeu.study import claims as claims_file
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml, shown

SYMBOLS = {
    "reproduced": "[green]✓[/]",
    "artefact": "[yellow]◆[/]",
    "contradicted": "[red]✗[/]",
    "inconclusive": "◐",
    "untested": "○",
}


# One verdict, or the set of those that fewer than 90 of 100 replays of the runs' spread tell apart.
Recorded = dict[str, list[str]]


def differences(found: dict[str, str], recorded: Recorded) -> list[str]:
    """What to say of each verdict that isn't the recorded one; claims without a record pass."""
    said = [
        f"{name}: {found[name]}, recorded: {' or '.join(expected)}"
        for name, expected in recorded.items()
        if name in found and found[name] not in expected
    ]
    return said + [f"{name}: recorded, but no such claim" for name in recorded if name not in found]


def table(claims: dict[str, Judged], recorded: Recorded, tier: str) -> Table:
    """One line per claim."""
    shown = Table(title=f"Claims at the {tier} tier", title_justify="left")
    for heading in ("Claim", "Reference", "Corrected", "As the notebook", "Verdict", "Recorded"):
        shown.add_column(heading, no_wrap=heading in ("Claim", "Verdict"), overflow="fold")
    for claim in claims.values():
        shown.add_row(
            claim.id,
            claim.reference,
            claim.measured["corrected"],
            claim.measured.get("notebook", ""),
            f"{SYMBOLS[claim.verdict]} {claim.verdict}{', firm' if claim.firm else ''}",
            " or ".join(recorded.get(claim.id, ["-"])),
        )
    return shown


def verdicts_of(tier: str, path: Path) -> Recorded:
    """The verdicts that a file records for a tier, by claim; RejeuError where it isn't that."""
    tiers = read_yaml(path) or {}
    verdicts = (tiers.get(tier) or {}) if isinstance(tiers, dict) else tiers
    expected = "expected a verdict, or a list of them, for each claim's id, under each tier's name"
    if not isinstance(verdicts, dict):
        raise RejeuError(f"{path}: {expected}; found {shown(verdicts)}")
    found = {name: [each] if isinstance(each, str) else each for name, each in verdicts.items()}
    for name, each in found.items():
        if not (isinstance(each, list) and each and set(map(str, each)) <= set(VERDICTS)):
            raise RejeuError(f"{path}, {tier}, {name}: {expected}; found {shown(each)}")
    return found


def main(study: Study, tier: str, root: Path) -> int:
    """Print the table; 1 where a verdict differs from the recorded one.

    Raises:
        RejeuError: when the claims have not been judged.
    """
    results = root / "results" / tier / "claims.json"
    if not results.is_file():
        raise RejeuError(f"{results}: no such file; `make claims TIER={tier}` makes it")
    entries: list[dict[str, Any]] = read_json(results)
    path = root / study.report.claims
    expected = root / study.beside_claims("expected-verdicts.yaml")
    missing = not expected.is_file()
    recorded = {} if missing else verdicts_of(tier, expected)
    given = claims_file.load(
        read_yaml(path), study.report.claims, study, read_yaml(root / "report" / "reference.yaml")
    )
    statements = {claim.id: claim.statement.model_dump() for claim in given.claims}
    claims = Told(Numbers("en"), statements, {}, {}, ()).claims(entries)
    Console().print(table(claims, recorded, tier))
    wrong = differences({name: claim.verdict for name, claim in claims.items()}, recorded)
    for line in wrong:
        print(f"differs from {expected.relative_to(root)}: {line}", file=sys.stderr)
    if missing:
        print(
            f"{expected.relative_to(root)}: no such file, so nothing guards these verdicts. Record "
            f"there what you read from the runs, under `{tier}:`, as `claim: verdict`",
            file=sys.stderr,
        )
    return 1 if wrong or missing else 0


if __name__ == "__main__":
    try:
        study = load(read_yaml("config.yaml"), "config.yaml")
        sys.exit(main(study, sys.argv[1] if len(sys.argv) > 1 else study.tier, Path.cwd()))
    except RejeuError as error:
        sys.exit(f"error: {error}")
