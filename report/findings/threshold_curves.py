"""Precision and recall by the threshold on a logit: what the notebook's decision rule did."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rejeu.evaluation.metrics import decide

NOTEBOOK_THRESHOLD = 0.5  # on the positive class's logit: the rule `logit_above_half`


@dataclass(frozen=True)
class Rules:
    """Precision and recall by the threshold on the positive class's logit.

    `precision` and `recall` are of shape (seeds, thresholds). Each of `argmax` is one seed's
    (threshold that names as many rows positive, precision, recall).
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    argmax: list[tuple[float, float, float]]


def rules(predictions: Sequence[tuple[np.ndarray, np.ndarray]], count: int = 200) -> Rules:
    """Both measures at `count` thresholds that span the logits of all seeds but their extremes.

    Args:
        predictions: for each seed, labels (rows,) and logits (rows, 2).
    """
    pooled = np.concatenate([logits[:, 1] for _, logits in predictions])
    low, high = np.quantile(pooled, [0.01, 0.99])
    thresholds = np.linspace(min(low, 0.0), max(high, 2 * NOTEBOOK_THRESHOLD), count)
    found = [by_threshold(labels, logits[:, 1], thresholds) for labels, logits in predictions]
    return Rules(
        thresholds,
        np.array([precision for precision, _ in found]),
        np.array([recall for _, recall in found]),
        [by_argmax(labels, logits) for labels, logits in predictions],
    )


def by_argmax(labels: np.ndarray, logits: np.ndarray) -> tuple[float, float, float]:
    predicted, falling = decide(logits, "argmax"), np.sort(logits[:, 1])[::-1]
    count, hits = predicted.sum(), (predicted & (labels == 1)).sum()
    return (
        float(falling[max(count, 1) - 1]),
        float(hits / count) if count else np.nan,
        float(hits / (labels == 1).sum()),
    )


def by_threshold(
    labels: np.ndarray, logits: np.ndarray, thresholds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall where the positive class is named by `logits` above a threshold.

    Args:
        labels: 0 or 1, both of them, of shape (rows,).
        logits: of the positive class, of shape (rows,).

    Returns:
        Two arrays of the shape of `thresholds`; precision is NaN where nothing is named positive.
    """
    positive = labels == 1
    rows, hits = (
        len(values) - np.searchsorted(np.sort(values), thresholds, side="right")
        for values in (logits, logits[positive])
    )
    undefined = np.full(len(thresholds), np.nan)
    return np.divide(hits, rows, out=undefined, where=rows > 0), hits / positive.sum()
