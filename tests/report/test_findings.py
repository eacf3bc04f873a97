from typing import Any

import pytest

from rejeu.evaluation.metrics import larger_class, measure
from rejeu.report import findings

LEARNED = {"tn": 90, "fp": 10, "fn": 20, "tp": 80}
CHANCE = {"tn": 50, "fp": 50, "fn": 45, "tp": 55}
ALL_NEGATIVE = {"tn": 100, "fp": 0, "fn": 100, "tp": 0}
ALL_POSITIVE = {"tn": 0, "fp": 100, "fn": 0, "tp": 100}


def metrics(cells: dict[str, int]) -> dict[str, Any]:
    labels = [0] * (cells["tn"] + cells["fp"]) + [1] * (cells["fn"] + cells["tp"])
    predicted = [0] * cells["tn"] + [1] * cells["fp"] + [0] * cells["fn"] + [1] * cells["tp"]
    found = measure(labels, predicted)  # pyright: ignore[reportArgumentType]
    assert found["confusion"] == cells
    return found


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([LEARNED], "learned"),
        ([LEARNED, LEARNED], "learned"),
        ([ALL_NEGATIVE], "collapsed"),
        ([ALL_NEGATIVE, ALL_POSITIVE], "collapsed"),
        ([CHANCE], "chance"),
        ([CHANCE, ALL_NEGATIVE], "chance"),
        ([LEARNED, CHANCE], "mixed"),
        ([LEARNED, ALL_NEGATIVE], "mixed"),
    ],
)
def test_learning(runs: list[dict[str, int]], expected: str) -> None:
    assert findings.learning([metrics(run) for run in runs]) == expected


def test_learning_is_more_than_naming_the_larger_class() -> None:
    """90 % right, where 90 % are negative."""
    assert findings.learning([metrics({"tn": 85, "fp": 5, "fn": 5, "tp": 5})]) == "chance"
    assert larger_class({"tn": 85, "fp": 5, "fn": 5, "tp": 5}) == 0.9
    assert larger_class({"tn": 1, "fp": 0, "fn": 1, "tp": 2}) == 0.75


@pytest.mark.parametrize(
    ("cells", "expected"),
    [(LEARNED, False), (CHANCE, False), (ALL_NEGATIVE, True), (ALL_POSITIVE, True)],
)
def test_collapsed(cells: dict[str, int], expected: bool) -> None:
    assert findings.collapsed(cells) is expected


OPPOSITE = {"tn": 80, "fp": 20, "fn": 10, "tp": 90}
EVEN = {"tn": 80, "fp": 20, "fn": 20, "tp": 80}


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([LEARNED, LEARNED], "false_negatives"),
        ([OPPOSITE], "false_positives"),
        ([LEARNED, OPPOSITE], "unclear"),
        ([EVEN], "unclear"),
        ([LEARNED, EVEN], "unclear"),
    ],
)
def test_errors(runs: list[dict[str, int]], expected: str) -> None:
    assert findings.errors([metrics(run) for run in runs]) == expected


@pytest.mark.parametrize(
    ("ours", "others", "expected"),
    [
        ([0.9], [0.5], "single"),
        ([0.90, 0.91, 0.92], [0.50, 0.52, 0.51], "higher"),
        ([0.50, 0.52, 0.51], [0.90, 0.91, 0.92], "lower"),
        ([0.90, 0.50, 0.70], [0.70, 0.71, 0.72], "unclear"),
        # Seeds differ far more than the experiments do; pairing takes that out.
        ([0.11, 0.51, 0.91], [0.10, 0.50, 0.90], "higher"),
        ([0.5, 0.6, 0.7], [0.5, 0.6, 0.7], "unclear"),
    ],
)
def test_compared(ours: list[float], others: list[float], expected: str) -> None:
    assert findings.compared(ours, others) == expected


def test_seeds_that_do_not_pair_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        findings.compared([0.1, 0.2, 0.3], [0.1, 0.2])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0, 2.0, 1.0], "fall"),
        ([1.0, 2.0, 3.0], "rise"),
        ([1.0, 3.0, 2.0], "neither"),
        ([2.0, 2.0, 1.0], "neither"),
        ([2.0, 2.0], "neither"),
    ],
)
def test_order(values: list[float], expected: str) -> None:
    assert findings.order(values) == expected
