from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.metrics import f1_score, precision_score, recall_score

from rejeu.evaluation.metrics import (
    above_larger_class,
    collapsed,
    decide,
    larger_class,
    measure,
    measure_by_rule,
    measure_classes,
    measure_predictions,
)

LABELS = np.array([0, 0, 0, 1, 1, 1, 1, 0])
# Rows 1 and 5: argmax and the notebook's rule part. Row 7: a tie, which argmax gives to class 0.
LOGITS = np.array(
    [
        [1.0, -1.0],
        [0.1, 0.3],
        [2.0, 1.0],
        [-1.0, 2.0],
        [0.2, 0.9],
        [0.0, 0.4],
        [3.0, 0.2],
        [0.5, 0.5],
    ],
    dtype=np.float32,
)


def test_both_rules_by_hand() -> None:
    assert decide(LOGITS, "argmax").tolist() == [0, 1, 0, 1, 1, 1, 0, 0]
    assert decide(LOGITS, "logit_above_half").tolist() == [0, 0, 1, 1, 1, 0, 0, 0]
    found = measure_by_rule(LABELS, LOGITS)
    assert found["confusion"] == {"tn": 3, "fp": 1, "fn": 1, "tp": 3}
    assert (found["accuracy"], found["precision"], found["recall"], found["f1"]) == (0.75,) * 4
    assert found["n"] == 8
    assert found["by_rule"].keys() == {"argmax", "logit_above_half"}
    assert found["by_rule"]["argmax"] == {
        key: value for key, value in found.items() if key != "by_rule"
    }
    half = found["by_rule"]["logit_above_half"]
    assert half["confusion"] == {"tn": 3, "fp": 1, "fn": 2, "tp": 2}
    assert half == measure(LABELS, np.array([0, 0, 1, 1, 1, 0, 0, 0]))


def test_unknown_rule() -> None:
    with pytest.raises(
        ValueError, match="unknown decision rule 'odd'; known: argmax, logit_above_half"
    ):
        decide(LOGITS, "odd")


def test_positive_never_predicted() -> None:
    found = measure(LABELS, np.zeros(8, dtype=int))
    assert found["confusion"] == {"tn": 4, "fp": 0, "fn": 4, "tp": 0}
    assert found["precision"] is None
    assert (found["recall"], found["f1"], found["accuracy"]) == (0.0, 0.0, 0.5)


def test_positive_alone_predicted() -> None:
    found = measure(LABELS, np.ones(8, dtype=int))
    assert found["confusion"] == {"tn": 0, "fp": 4, "fn": 0, "tp": 4}
    assert (found["precision"], found["recall"]) == (0.5, 1.0)
    assert found["f1"] == pytest.approx(2 / 3)


def test_no_positive_at_all() -> None:
    found = measure(np.zeros(5, dtype=int), np.zeros(5, dtype=int))
    assert (found["accuracy"], found["precision"], found["recall"], found["f1"]) == (
        1.0,
        None,
        None,
        None,
    )
    assert found["ci95"][1] == 1.0


def plain(value: Any) -> bool:
    """Whether JSON knows the value: numpy's numbers are not among them."""
    if isinstance(value, dict):
        return all(map(plain, value.values()))
    if isinstance(value, list):
        return all(map(plain, value))
    return type(value) in (int, float, str, type(None))


ROWS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_any_predictions(rows: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(rows).T
    found = measure(labels, predicted)
    tn, fp, fn, tp = found["confusion"].values()
    n = len(rows)
    assert plain(found)
    assert tn + fp + fn + tp == found["n"] == n
    assert found["accuracy"] == pytest.approx((tp + tn) / n)
    assert found["precision"] == (pytest.approx(tp / (tp + fp)) if tp + fp else None)
    assert found["recall"] == (pytest.approx(tp / (tp + fn)) if tp + fn else None)
    assert found["f1"] == (pytest.approx(2 * tp / (2 * tp + fp + fn)) if tp + fp + fn else None)
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        if found[name] is not None:
            assert found[name] == pytest.approx(score(labels, predicted))
    low, high = found["ci95"]
    right = tp + tn
    assert low == pytest.approx(beta.ppf(0.025, right, n - right + 1) if right else 0.0)
    assert high == pytest.approx(beta.ppf(0.975, right + 1, n - right) if right < n else 1.0)
    assert low <= found["accuracy"] <= high


def cells(counts: tuple[int, ...]) -> dict[str, int]:
    return dict(zip(("tn", "fp", "fn", "tp"), counts, strict=True))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((90, 10, 20, 80), False),
        ((50, 50, 45, 55), False),
        ((97, 3, 100, 0), False),
        ((99, 1, 100, 0), True),  # a stray row
        ((98, 2, 100, 0), True),
        ((989, 1, 2, 8), False),  # one that tells a rare class
        ((990, 0, 10, 0), True),
        ((100, 0, 100, 0), True),
        ((0, 100, 0, 100), True),
    ],
)
def test_collapsed_is_naming_one_class(counts: tuple[int, ...], expected: bool) -> None:
    assert collapsed(cells(counts)) is expected


@pytest.mark.parametrize(
    ("counts", "larger", "above"),
    [
        ((90, 10, 20, 80), 0.5, 0.35),
        ((85, 5, 5, 5), 0.9, 0.0),  # 90 % right, where 90 % are negative
        ((1, 0, 1, 2), 0.75, 0.0),
        ((0, 0, 1, 3), 1.0, -0.25),
    ],
)
def test_learning_is_more_than_naming_the_larger_class(
    counts: tuple[int, ...], larger: float, above: float
) -> None:
    assert larger_class(cells(counts)) == larger
    assert above_larger_class(cells(counts)) == pytest.approx(above)


NAMES = ["sport", "world", "science"]


def test_three_classes_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2])
    logits = np.eye(3)[[0, 0, 0, 1, 1, 1, 2, 2]]
    found = measure_predictions(labels, logits, NAMES)
    assert found["confusion"] == [[3, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert (found["accuracy"], found["n"], found["classes"]) == (0.75, 8, NAMES)
    assert found["by_class"] == {
        "sport": {"precision": 1.0, "recall": 0.75, "f1": pytest.approx(6 / 7), "n": 4},
        "world": {
            "precision": pytest.approx(2 / 3),
            "recall": pytest.approx(2 / 3),
            "f1": pytest.approx(2 / 3),
            "n": 3,
        },
        "science": {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "n": 1},
    }
    assert found["precision"] == pytest.approx((1 + 2 / 3 + 0.5) / 3)
    assert found["recall"] == pytest.approx((0.75 + 2 / 3 + 1) / 3)
    assert found["f1"] == pytest.approx((6 / 7 + 4 / 3) / 3)
    assert found["ci95"] == [
        pytest.approx(beta.ppf(0.025, 6, 3)),
        pytest.approx(beta.ppf(0.975, 7, 2)),
    ]


def test_two_classes_are_measured_by_rule() -> None:
    assert measure_predictions(LABELS, LOGITS, ["no", "yes"]) == measure_by_rule(LABELS, LOGITS)


def test_what_one_class_lacks_the_mean_lacks() -> None:
    found = measure_classes(np.array([0, 1, 1]), np.array([0, 1, 0]), NAMES)
    assert found["by_class"]["science"] == {"precision": None, "recall": None, "f1": None, "n": 0}
    assert (found["precision"], found["recall"], found["f1"]) == (None, None, None)
    # Predicted, but wrongly: recall has no rows to count, F1 is 0.
    found = measure_classes(np.array([0, 1, 1]), np.array([0, 1, 2]), NAMES)
    assert found["by_class"]["science"] == {"precision": 0.0, "recall": None, "f1": 0.0, "n": 0}
    assert found["f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_any_predictions_of_three_classes(rows: list[tuple[int, int]]) -> None:
    labels, predicted = np.array(rows).T
    found = measure_classes(labels, predicted, NAMES)
    assert plain(found)
    for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        for number, values in enumerate(found["by_class"].values()):
            if values[name] is not None:
                alone = score(labels == number, predicted == number)
                assert values[name] == pytest.approx(alone)
    counts = np.array(found["confusion"])
    assert counts.sum() == len(rows)
    assert counts[0, 1] == sum((labels == 0) & (predicted == 1))
    assert found["accuracy"] == pytest.approx((labels == predicted).mean())
    assert collapsed(found["confusion"]) is (len(set(predicted.tolist())) == 1)
    assert larger_class(found["confusion"]) == max(np.bincount(labels)) / len(rows)


def test_a_confusion_of_three_classes() -> None:
    confusion = [[50, 10, 0], [10, 20, 0], [5, 5, 0]]
    assert (larger_class(confusion), collapsed(confusion)) == (0.6, False)
    assert above_larger_class(confusion) == pytest.approx(0.1)
    assert collapsed([[0, 60, 0], [0, 30, 0], [0, 10, 0]])
