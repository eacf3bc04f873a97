"""`rejeu claims`: the judged claims in the terminal, beside the verdicts recorded for the tier."""

import sys
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from rejeu.commands.recorded import SYMBOLS, Recorded, differences, verdicts_of
from rejeu.commands.study_here import study_here
from rejeu.commands.terminal import console
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json
from rejeu.report.numbers import Numbers
from rejeu.report.verdicts import Judged, Told
from rejeu.study import claims as claims_file
from rejeu.study.configuration import Study
from rejeu.study.names import words_in
from rejeu.study.strict_reading import read_yaml


def table(claims: dict[str, Judged], recorded: Recorded, tier: str) -> Table:
    """One row per claim, in 80 columns where there are no more; what was recorded if it differs."""
    shown = Table(
        title=f"Claims at the {tier} tier", title_justify="left", box=SIMPLE_HEAD, pad_edge=False
    )
    for heading in ("Claim", "Reference", "Corrected", "Notebook", "Verdict"):
        shown.add_column(heading, overflow="fold", no_wrap=heading == "Verdict")
    for claim in claims.values():
        verdict = f"{SYMBOLS[claim.verdict]} {claim.verdict}{', firm' if claim.firm else ''}"
        expected = recorded.get(claim.id, [])
        if expected and claim.verdict not in expected:
            verdict += f"\n≠ {' or '.join(expected)}"
        shown.add_row(
            claim.id,
            claim.reference,
            claim.measured["corrected"],
            claim.measured.get("notebook", ""),
            verdict,
        )
    return shown


def main(study: Study, tier: str, root: Path) -> int:
    """Print the table; 1 where a verdict differs from the recorded one.

    Raises:
        RejeuError: when the claims have not been judged.
    """
    results = root / "results" / tier / "claims.json"
    if not results.is_file():
        raise RejeuError(f"{results}: no such file; `rejeu claims --tier {tier}` makes it")
    entries: list[dict[str, Any]] = read_json(results)
    if study.report.claims is None:
        raise RejeuError("config.yaml: report.claims: none is named, so there is nothing to judge")
    expected = root / study.beside_claims("expected-verdicts.yaml")
    missing = not expected.is_file()
    recorded = {} if missing else verdicts_of(tier, expected)
    language = study.languages[0]
    stated = claims_file.parse(read_yaml(root / study.report.claims), study.report.claims)
    statements = {
        claim.id: {language: words_in(claim.statement, language)} for claim in stated.claims
    }
    claims = Told(Numbers(language), statements, {}, {}, ()).claims(entries)
    console().print(table(claims, recorded, tier))
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


def show(tier: str | None) -> int:
    """Print the table of the study in the current folder; the exit code."""
    return main(*study_here(tier), Path.cwd())
