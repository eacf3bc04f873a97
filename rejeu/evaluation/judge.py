"""Judge a claim by intervals: per arm it holds, fails or is unclear; two arms give a verdict.

Margins are declared before any run. Claims about a training procedure use Student's t over seeds,
never a bootstrap over them; claims about one fixed set of predictions use exact binomial intervals
per seed, which must agree. Several comparisons in one claim share the risk (Bonferroni).
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from scipy.stats import binomtest

from rejeu.evaluation.statistics import Estimate, estimate

State = Literal["holds", "fails", "unclear", "missing"]
Verdict = Literal["reproduced", "artefact", "contradicted", "inconclusive", "untested"]
Side = Literal["above", "below", "within"]
RISK = 0.05  # of an interval that misses the truth, over all comparisons of a claim
FEWEST_SEEDS = 3


def over_seeds(values: Sequence[float | None], comparisons: int = 1) -> Estimate:
    """Mean and interval of one value per seed; undefined values and few seeds leave no interval."""
    known = [value if value is not None and math.isfinite(value) else None for value in values]
    found = estimate(known, RISK / comparisons)
    return found if found.n >= FEWEST_SEEDS else replace(found, low=None, high=None)


def exact(successes: int, trials: int, comparisons: int = 1) -> Estimate:
    """Clopper-Pearson interval of a share, on one fixed set of predictions."""
    if trials == 0:
        return Estimate(None, None, None, 1)
    found = binomtest(successes, trials).proportion_ci(1 - RISK / comparisons, method="exact")
    return Estimate(successes / trials, float(found.low), float(found.high), 1)


def state(interval: Estimate, side: Side, bound: float) -> State:
    """Whether a claim that a value lies above, below or within (-bound, bound) holds.

    It holds where the whole interval lies there, and fails where the whole interval lies outside.
    """
    low, high = interval.low, interval.high
    if low is None or high is None:
        return "missing"
    inside, outside = {
        "above": (low > bound, high < bound),
        "below": (high < bound, low > bound),
        "within": (low > -bound and high < bound, high < -bound or low > bound),
    }[side]
    return "holds" if inside else "fails" if outside else "unclear"


def together(states: Sequence[State]) -> State:
    """A claim of several comparisons holds where all hold, and fails where one fails."""
    if not states or "missing" in states:
        return "missing"
    if "fails" in states:
        return "fails"
    return "holds" if set(states) == {"holds"} else "unclear"


def agreeing(states: Sequence[State]) -> State:
    """States of several seeds' fixed predictions: one word only where all seeds say it."""
    if len(states) < FEWEST_SEEDS or "missing" in states:
        return "missing"
    return states[0] if len(set(states)) == 1 else "unclear"


def verdict(corrected: State, notebook: State | None) -> Verdict:
    """Put both arms together; `notebook` is None for a claim that needs no such arm."""
    if "missing" in (corrected, notebook):
        return "untested"
    if corrected == "holds":
        return "reproduced"
    if corrected == "unclear" or notebook == "unclear":
        return "inconclusive"
    return "artefact" if notebook == "holds" else "contradicted"
