"""Measure predictions: accuracy, precision, recall, F1 and confusion, by decision rule."""

from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

RULES = ("argmax", "logit_above_half")


def decide(logits: np.ndarray, rule: str) -> np.ndarray:
    """Class 0 or 1 for each row of `logits` (rows, 2).

    `argmax` takes the likelier class. `logit_above_half` is the notebook's rule: positive when
    the positive class's *logit*, not its probability, is above 0.5.
    """
    if rule == "argmax":
        return logits.argmax(axis=1)
    if rule == "logit_above_half":
        return (logits[:, 1] > 0.5).astype(int)
    raise ValueError(f"unknown decision rule '{rule}'; known: {', '.join(RULES)}")


def measure(labels: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Metrics of one set of predictions, class 1 being positive.

    What is undefined is None: precision where nothing was predicted positive, recall where nothing
    is, F1 = 2 tp / (2 tp + fp + fn) where neither is. `ci95` is accuracy's exact
    binomial interval (Clopper-Pearson) over test rows.
    """
    tn, fp, fn, tp = (
        int(count) for count in confusion_matrix(labels, predicted, labels=[0, 1]).ravel()
    )
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels,
        predicted,
        average="binary",
        zero_division=np.nan,  # pyright: ignore[reportArgumentType]
    )
    interval = binomtest(tn + tp, len(labels)).proportion_ci(0.95, method="exact")
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "precision": defined(precision),
        "recall": defined(recall),
        "f1": defined(f1),
        "confusion": {"tn": tn, "fp": fp, "fn": fn, "tp": tp},
        "n": len(labels),
        "ci95": [float(interval.low), float(interval.high)],
    }


def measure_by_rule(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """`measure` for argmax at the top level, and for every rule under `by_rule`."""
    by_rule = {rule: measure(labels, decide(logits, rule)) for rule in RULES}
    return by_rule["argmax"] | {"by_rule": by_rule}


def larger_class(confusion: dict[str, int]) -> float:
    """The share of the larger actual class: accuracy of always naming it."""
    actual = confusion["tp"] + confusion["fn"]
    total = sum(confusion.values())
    return max(actual, total - actual) / total


def collapsed(confusion: dict[str, int]) -> bool:
    """Whether all predictions are of one class."""
    positive = confusion["tp"] + confusion["fp"]
    return positive in (0, sum(confusion.values()))


def above_larger_class(confusion: dict[str, int]) -> float:
    """How much accuracy exceeds that of always naming the larger class."""
    right = confusion["tn"] + confusion["tp"]
    return right / sum(confusion.values()) - larger_class(confusion)


def defined(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
