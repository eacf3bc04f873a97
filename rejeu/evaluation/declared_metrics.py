"""The metrics that a study's own program writes, checked against those that its part declares."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rejeu.errors import RejeuError
from rejeu.study.strict_reading import parse_json, read_utf8, shown

Kind = Literal["number", "share", "count", "text"]
EXPECTED: dict[str, str] = {
    "number": "a finite number, or null where it is undefined",
    "share": "a number from 0 to 1, or null where it is undefined",
    "count": "a whole number, 0 or more",
    "text": "a text",
}
MOST_NAMED = 12  # faults; the others are counted


def read_metrics(path: Path, declared: Mapping[str, Any]) -> dict[str, Any]:
    """The metrics in a program's `metrics.json`.

    Args:
        declared: the kind of each metric by its name; nested as the metrics are, or with dots.

    Raises:
        RejeuError: it is no JSON object, or for each metric that is missing, not declared or of
            another kind its name, the value found and what was expected.
    """
    metrics = parse_json(read_utf8(path), path.name)
    if not isinstance(metrics, dict):
        raise RejeuError(f"{path.name}: expected an object of metrics, found {shown(metrics)}")
    kinds, values = flat(declared), flat(metrics)
    faults = [
        f"{name}: is missing; expected {EXPECTED[kind]}"
        for name, kind in kinds.items()
        if name not in values
    ]
    faults += [
        f"{name}: {shown(value)} isn't declared; add it to the part's `metrics`, or don't write it"
        for name, value in values.items()
        if name not in kinds
    ]
    faults += [
        f"{name}: found {shown(values[name])}, expected {EXPECTED[kind]}"
        for name, kind in kinds.items()
        if name in values and not fits(values[name], kind)
    ]
    if faults:
        more = len(faults) - MOST_NAMED
        named = faults[:MOST_NAMED] + ([f"and {more} faults more"] if more > 0 else [])
        raise RejeuError("metrics.json was refused:\n  " + "\n  ".join(named))
    return metrics


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested values by their names, joined with dots; an empty object is a value."""
    flattened: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            flattened |= flat(value, f"{before}{name}.")
        else:
            flattened[f"{before}{name}"] = value
    return flattened


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of the declared kind, which EXPECTED puts into words."""
    if kind == "text":
        return isinstance(value, str)
    if value is None:
        return kind != "count"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if kind == "count":
        return value >= 0 and float(value).is_integer()
    return kind == "number" or 0 <= value <= 1


def check_log(path: Path) -> None:
    """Refuse a `log.jsonl` without a step and a loss in each line.

    Raises:
        RejeuError: with the line, the value found and what was expected.
    """
    # Not splitlines(), which also cuts at characters that JSON allows inside a string.
    lines = read_utf8(path).removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        where = f"{path.name}, line {number}"
        row = parse_json(line, where)
        for key, kind in (("step", "count"), ("loss", "number")):
            value = row.get(key) if isinstance(row, dict) else None
            if value is None or not fits(value, kind):
                raise RejeuError(
                    f"{where}: found {shown(row)}, expected an object with a whole number `step` "
                    "and a finite number `loss`"
                )
