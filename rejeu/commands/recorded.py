"""Verdicts as the terminal shows them, and those that a file records to guard them."""

from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.evaluation.judge import VERDICTS
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


def differences(judged: dict[str, str], recorded: Recorded) -> list[str]:
    """What to say of each verdict that isn't the recorded one; claims without a record pass."""
    wrong = [
        f"{name}: {judged[name]}, recorded: {' or '.join(expected)}"
        for name, expected in recorded.items()
        if name in judged and judged[name] not in expected
    ]
    return wrong + [
        f"{name}: recorded, but no such claim" for name in recorded if name not in judged
    ]


def verdicts_of(tier: str, path: Path) -> Recorded:
    """The verdicts that a file records for a tier, by claim; RejeuError where it isn't that."""
    tiers = read_yaml(path) or {}
    verdicts = (tiers.get(tier) or {}) if isinstance(tiers, dict) else tiers
    return checked(verdicts, str(path), f"{path}, {tier}", ", under each tier's name")


def checked(verdicts: Any, file: str, where: str, place: str = "") -> Recorded:
    """Recorded verdicts; RejeuError where a value is none."""
    expected = f"expected a verdict, or a list of them, for each claim's id{place}"
    if not isinstance(verdicts, dict):
        raise RejeuError(f"{file}: {expected}; found {shown(verdicts)}")
    recorded = {name: [each] if isinstance(each, str) else each for name, each in verdicts.items()}
    for name, each in recorded.items():
        if not (isinstance(each, list) and each and set(map(str, each)) <= set(VERDICTS)):
            raise RejeuError(f"{where}, {name}: {expected}; found {shown(each)}")
    return recorded
