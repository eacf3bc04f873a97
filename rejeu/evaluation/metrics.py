"""Measure predictions: accuracy, precision, recall, F1 and confusion, by rule or by class."""

from typing import Any

import numpy as np

from rejeu.evaluation.fields import RULES

SCORES = ("precision", "recall", "f1")
ONE_CLASS = 0.99  # the share of predictions by which a run names one class

# {tn, fp, fn, tp} of two classes; of more, rows by actual and columns by predicted class.
Confusion = dict[str, int] | list[list[int]]


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
    from sklearn.metrics import (  # noqa: PLC0415  the judge needs none of it
        accuracy_score,
        confusion_matrix,
        precision_recall_fscore_support,
    )

    tn, fp, fn, tp = (
        int(count) for count in confusion_matrix(labels, predicted, labels=[0, 1]).ravel()
    )
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels,
        predicted,
        average="binary",
        zero_division=np.nan,  # pyright: ignore[reportArgumentType]
    )
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "precision": defined(precision),
        "recall": defined(recall),
        "f1": defined(f1),
        "confusion": {"tn": tn, "fp": fp, "fn": fn, "tp": tp},
        "n": len(labels),
        "ci95": exact_interval(tn + tp, len(labels)),
    }


def measure_by_rule(labels: np.ndarray, logits: np.ndarray) -> dict[str, Any]:
    """`measure` for argmax at the top level, and for every rule under `by_rule`."""
    by_rule = {rule: measure(labels, decide(logits, rule)) for rule in RULES}
    return by_rule["argmax"] | {"by_rule": by_rule}


def measure_classes(
    labels: np.ndarray, predicted: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """Metrics of one set of predictions of more than two classes, named by their numbers' order.

    Precision, recall and F1 are means over classes (macro), None where a class has none; what a
    class's are, and when undefined, is as in `measure`. `confusion` has a row for each actual and
    a column for each predicted class.
    """
    from sklearn.metrics import (  # noqa: PLC0415  the judge needs none of it
        confusion_matrix,
        precision_recall_fscore_support,
    )

    numbers = list(range(len(classes)))
    confusion = confusion_matrix(labels, predicted, labels=numbers)
    scores = precision_recall_fscore_support(
        labels,
        predicted,
        labels=numbers,
        zero_division=np.nan,  # pyright: ignore[reportArgumentType]
    )
    named = {key: np.asarray(scores[place]) for place, key in enumerate(SCORES)}
    by_class = {
        name: {key: defined(values[number]) for key, values in named.items()}
        | {"n": int(confusion[number].sum())}
        for number, name in enumerate(classes)
    }
    right, rows = int(confusion.trace()), len(labels)
    return {
        "accuracy": right / rows,
        **{key: defined(float(values.mean())) for key, values in named.items()},
        "by_class": by_class,
        "confusion": confusion.tolist(),
        "classes": classes,
        "n": rows,
        "ci95": exact_interval(right, rows),
    }


def measure_predictions(
    labels: np.ndarray, logits: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """metrics.json of `logits` (rows, classes): of two classes by decision rule, else by class."""
    if len(classes) == 2:
        return measure_by_rule(labels, logits)
    return measure_classes(labels, logits.argmax(axis=1), classes)


def exact_interval(right: int, rows: int) -> list[float]:
    """The 95 % interval (Clopper-Pearson) of a share of `rows`."""
    from scipy.stats import binomtest  # noqa: PLC0415  half a second that reports do without

    interval = binomtest(right, rows).proportion_ci(0.95, method="exact")
    return [float(interval.low), float(interval.high)]


def matrix(confusion: Confusion) -> np.ndarray:
    """Rows by actual class (down) and predicted class (across)."""
    if isinstance(confusion, dict):
        return np.array([[confusion[key] for key in row] for row in (("tn", "fp"), ("fn", "tp"))])
    return np.array(confusion)


def larger_class(confusion: Confusion) -> float:
    """The share of the largest actual class: accuracy of always naming it."""
    counts = matrix(confusion)
    return float(counts.sum(axis=1).max() / counts.sum())


def collapsed(confusion: Confusion) -> bool:
    """Whether predictions are of one class: all, or nearly all (ONE_CLASS) of one not so frequent.

    So a stray row saves no run, and that a class is rare isn't held against one.
    """
    counts = matrix(confusion)
    named, total = counts.sum(axis=0), int(counts.sum())
    most = int(named.argmax())
    nearly = named[most] >= ONE_CLASS * total > counts.sum(axis=1)[most]
    return bool(named[most] == total or nearly)


def above_larger_class(confusion: Confusion) -> float:
    """How much accuracy exceeds that of always naming the largest class."""
    counts = matrix(confusion)
    return float(counts.trace() / counts.sum()) - larger_class(confusion)


def defined(value: float) -> float | None:
    """A score as a plain number; None for NaN, by which scikit-learn says that it is undefined."""
    return None if np.isnan(value) else float(value)
