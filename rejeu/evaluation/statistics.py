"""Summaries over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its interval (Student's t); None where it can't be had."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


def share(values: Sequence[float | None]) -> Estimate:
    """`estimate` of values that can't leave 0 to 1, and so neither can their interval."""
    unbounded = estimate(values)
    if unbounded.low is None or unbounded.high is None:
        return unbounded
    return replace(unbounded, low=max(unbounded.low, 0.0), high=min(unbounded.high, 1.0))


def estimate(values: Sequence[float | None], risk: float = 0.05) -> Estimate:
    """Mean and t interval over seeds; a single seed has no interval, an undefined value no mean.

    The interval misses the truth with probability `risk`.
    """
    defined = np.array([value for value in values if value is not None], dtype=float)
    if len(defined) < len(values) or not len(defined):
        return Estimate(None, None, None, len(values))
    mean = float(defined.mean())
    if len(defined) == 1:
        return Estimate(mean, None, None, 1)
    # Here, since it takes as long to load as a report of one seed to be written, which needs none.
    # The quantile is that of scipy.stats.t, whose module takes three times as long.
    from scipy.special import stdtrit  # noqa: PLC0415

    quantile = stdtrit(len(defined) - 1, 1 - risk / 2)
    half = float(quantile * defined.std(ddof=1) / np.sqrt(len(defined)))
    return Estimate(mean, mean - half, mean + half, len(defined))


def windows(losses: list[float], shares: list[float]) -> list[float]:
    """Mean loss of each stretch of a run that ends at the next of `shares` (0 to 1, rising)."""
    ends = [max(1, round(end * len(losses))) for end in shares]
    starts = [0, *ends[:-1]]
    return [
        float(np.mean(losses[min(start, end - 1) : end]))
        for start, end in zip(starts, ends, strict=True)
    ]
