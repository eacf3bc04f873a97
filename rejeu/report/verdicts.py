"""Judged claims as a template shows them."""

from dataclasses import dataclass
from typing import Any

from rejeu.evaluation.statistics import Estimate
from rejeu.report.numbers import Numbers


@dataclass(frozen=True)
class Judged:
    """One entry of claims.json with its statement in one language."""

    id: str
    section: str
    finding: str | None
    statement: str
    verdict: str
    states: dict[str, str]  # by arm
    reference: str
    measured: dict[str, str]  # by arm, the first comparison, with its interval


def judged(
    entries: list[dict[str, Any]], statements: dict[str, dict[str, str]], numbers: Numbers
) -> dict[str, Judged]:
    """Claims by their id, in the claims file's order."""
    return {
        entry["id"]: Judged(
            id=entry["id"],
            section=entry["section"],
            finding=entry["finding"],
            statement=statements[entry["id"]][numbers.language],
            verdict=entry["verdict"],
            states=entry["verdict_by_arm"],
            reference=value(entry["reference"], entry["arms"]["corrected"][0], numbers),
            measured={arm: shown(found[0], numbers) for arm, found in entry["arms"].items()},
        )
        for entry in entries
    }


def shown(comparison: dict[str, Any], numbers: Numbers) -> str:
    """A comparison's value with its interval, or how many seeds' texts are equal."""
    if comparison["by"] == "equal":
        if not comparison["values"]:
            return numbers.decimal(None)
        same, of = sum(comparison["values"]), len(comparison["values"])
        return f"{numbers.integer(same)} / {numbers.integer(of)}"
    low, high = comparison["interval"] or (None, None)
    found = Estimate(comparison["measured"], low, high, len(comparison["values"]))
    return sign(found.mean, comparison) + numbers.interval(found, 3)


def value(number: float | None, comparison: dict[str, Any], numbers: Numbers) -> str:
    return sign(number, comparison) + numbers.decimal(number, 3)


def sign(number: float | None, comparison: dict[str, Any]) -> str:
    """× before a ratio, + before a difference upwards; the minus sign is the number's own."""
    if number is None:
        return ""
    if comparison["by"] == "ratio":
        return "×\N{NO-BREAK SPACE}"
    paired = " - " in comparison["quantity"]
    return "+" if paired and number > 0 else ""
