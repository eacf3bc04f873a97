"""Where a mean over seeds lies, judged by a law of t that holds for skewed noise too.

Student's t assumes normal noise. With noise as skewed as a lognormal's (shape 1), its 95 % interval
misses the mean in 16 to 18 of 100 studies of three to eight seeds, and neither a sign-flip test nor
a bootstrap of so few values mends that. So |t| is compared with the law that it has in that skewed
case: for normal noise the risk is then far below the one allowed, and that is the price.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

FEWEST_SEEDS = 3  # for a mean to have an interval
SHAPE = 1.0  # of the lognormal noise that verdicts withstand
DRAWS = 200_000
CHUNK = 20_000
POWER, BOTH = 0.8, 0.9  # of 100 studies that find an effect; at each of two edges
EQUAL = 1e-9  # relative: values nearer to each other than this differ by rounding alone
MOST_SEEDS = 100


@dataclass(frozen=True)
class Place:
    """On which side of a point a mean lies (1 above, -1 below, 0: on it), and the risk in it."""

    side: int
    p: float


@cache
def law(n: int) -> np.ndarray:
    """|t| of `n` values of skewed noise around their true mean, sorted, of shape (DRAWS,)."""
    draw = np.random.default_rng(n)
    mean = math.exp(SHAPE**2 / 2)
    chunks = []
    for _ in range(DRAWS // CHUNK):
        noise = draw.lognormal(0, SHAPE, (CHUNK, n)) - mean
        chunks.append(np.abs(noise.mean(axis=1)) / (noise.std(axis=1, ddof=1) / math.sqrt(n)))
    return np.sort(np.concatenate(chunks))


def critical(n: int, risk: float) -> float:
    """What |t| of `n` values exceeds with probability `risk` though the mean is the point's."""
    return float(np.quantile(law(n), 1 - risk))


def p_value(t: float, n: int) -> float:
    """The probability of so large a |t|, never below one in DRAWS."""
    simulated = law(n)
    beyond = len(simulated) - int(np.searchsorted(simulated, abs(t), side="left"))
    return (beyond + 1) / (len(simulated) + 1)


def alike(values: np.ndarray) -> bool:
    """Whether values show no spread but rounding's."""
    return float(np.ptp(values)) <= EQUAL * max(1.0, float(np.abs(values).max()))


def lumped(sample: np.ndarray) -> bool:
    """Whether all values but one are alike, so that what spread there is hangs on that one."""
    rising = np.sort(sample)
    return alike(rising[1:]) or alike(rising[:-1])


def interval(values: Sequence[float], risk: float) -> tuple[float, float] | None:
    """The mean's interval, missed with probability `risk` at most; None for fewer than three seeds.

    Values without spread have none either, nor those that are alike but for one and too few: that
    seeds agree isn't that all would.
    """
    sample = np.asarray(values, dtype=float)
    if len(sample) < FEWEST_SEEDS or alike(sample):
        return None
    if lumped(sample) and agreeing(len(sample)) > risk:
        return None
    half = critical(len(sample), risk) * sample.std(ddof=1) / math.sqrt(len(sample))
    return float(sample.mean() - half), float(sample.mean() + half)


def beside(values: Sequence[float], point: float) -> Place:
    """Where the mean of at least three values lies.

    Values without spread are counted like coins: `n` of `n` on one side happens with probability
    2 ** (1 - n) where the sides are equally likely. Where all but one are alike the risk is no
    smaller than that: of so few steps, a row more or less, the spread isn't known.
    """
    sample = np.asarray(values, dtype=float)
    away = float(sample.mean()) - point
    if abs(away) <= EQUAL * max(1.0, abs(point)):
        return Place(0, 1.0)
    side = 1 if away > 0 else -1
    if alike(sample):
        return Place(side, agreeing(len(sample)))
    p = p_value(away / (sample.std(ddof=1) / math.sqrt(len(sample))), len(sample))
    return Place(side, max(p, agreeing(len(sample))) if lumped(sample) else p)


def agreeing(n: int) -> float:
    """The probability that `n` coins all fall on one side."""
    return min(1.0, 2.0 ** (1 - n))


def detectable(values: Sequence[float], risk: float) -> float | None:
    """How far beyond a point a mean must lie to be found there in 80 of 100 studies like this one.

    The noise is taken for normal, with the spread that the values have. None: values without
    spread, or alike but for one, too few for any effect to be found.
    """
    sample = np.asarray(values, dtype=float)
    if lumped(sample) and agreeing(len(sample)) > risk:
        return None
    if alike(sample):
        return 0.0
    return float(sample.std(ddof=1)) * detectable_spreads(len(sample), risk)


@cache
def detectable_spreads(n: int, risk: float, power: float = POWER) -> float:
    """`detectable`, as a multiple of the spread, in studies of which `power` is the share."""
    from scipy.optimize import brentq  # noqa: PLC0415  half a second that reports do without
    from scipy.stats import nct  # noqa: PLC0415

    bound = critical(n, risk)

    def short(distance: float) -> float:
        return float(nct.sf(bound, n - 1, distance * math.sqrt(n))) - power

    root: Any = brentq(short, 0.0, 4 * (bound + 2) / math.sqrt(n))
    return float(root)


def seeds_needed(
    values: Sequence[float], distance: float, risk: float, power: float = POWER
) -> int | None:
    """The fewest seeds, more than there are, that would decide a mean so far from a point.

    None: over a hundred.

    Args:
        power: in how many of such studies.
    """
    sample = np.asarray(values, dtype=float)
    spread = float(sample.std(ddof=1))
    more = range(len(sample) + 1, MOST_SEEDS + 1)

    def enough(n: int) -> bool:
        if lumped(sample) and agreeing(n) > risk:
            return False
        return alike(sample) or spread * detectable_spreads(n, risk, power) <= distance

    # More seeds never see less, and each law takes a while to draw.
    place = bisect_left(more, True, key=enough)
    return more[place] if place < len(more) else None
