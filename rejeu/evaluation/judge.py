"""Judge a claim by intervals: per arm it holds, fails or is unclear; two arms give a verdict.

Margins are declared before any run. Claims about a training procedure use Student's t over seeds,
never a bootstrap over them; claims about one fixed set of predictions use exact binomial intervals
per seed, which must agree. Several comparisons in one claim share the risk (Bonferroni).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from scipy.stats import binomtest

from rejeu.evaluation.statistics import Estimate, estimate

State = Literal["holds", "fails", "unclear", "missing"]
Verdict = Literal["reproduced", "artefact", "contradicted", "inconclusive", "untested"]
Side = Literal["above", "below", "within"]
VERDICTS: tuple[Verdict, ...] = (
    *("reproduced", "artefact", "contradicted"),
    *("inconclusive", "untested"),
)
RISK = 0.05  # of an interval that misses the truth, over all comparisons of a claim
FEWEST_SEEDS = 3

Values = Sequence[float | str | None]
Read = Callable[[str], Values | None]


def judge(claim: dict[str, Any], tier: str, read: Read, reference: Read) -> dict[str, Any]:
    """One entry of claims.json.

    Args:
        claim: as `rejeu.claims.Claim` has it, in plain values.
        read: gives a quantity's values, one per seed, by its path; None where it wasn't run.
        reference: gives one value of the document by its path.
    """
    arms = {
        arm: [compare(comparison, read, len(claim[arm])) for comparison in claim[arm]]
        for arm in ("corrected", "notebook")
        if claim[arm]
    }
    states: dict[str, State] = {
        arm: together([found["state"] for found in compared]) for arm, compared in arms.items()
    }
    shown = arms["corrected"][0]
    judged = tier in claim["tiers"]
    return {
        "id": claim["id"],
        "section": claim["section"],
        "finding": claim["finding"],
        "tier": tier,
        "quantity": shown["quantity"],
        "reference": refer(claim["reference"], reference),
        "measured": shown["measured"],
        "interval": shown["interval"],
        "margin": claim["corrected"][0]["margin"],
        "verdict_by_arm": states,
        "verdict": verdict(states["corrected"], states.get("notebook")) if judged else "untested",
        "arms": arms,
        "seeds": len(shown["values"]),
    }


def compare(comparison: dict[str, Any], read: Read, comparisons: int) -> dict[str, Any]:
    """Measure one comparison and say whether it holds.

    `test` is `seeds` (t interval over paired seeds), `exact` (binomial share per seed, agreeing) or
    `each` (a fixed value per seed, agreeing).
    """
    values: list[Any] = measure(comparison, read)
    around, side = comparison["around"], comparison["side"]
    bound = -comparison["margin"] if side == "below" else comparison["margin"]
    if comparison["test"] == "seeds":
        intervals = [over_seeds(values, comparisons)]
    elif comparison["test"] == "exact":
        intervals = [exact(count, total, comparisons) for count, total in values]
        values = [interval.mean for interval in intervals]
    else:
        intervals = [Estimate(value, value, value, 1) for value in values]
    states: list[State] = [state(shifted(found, around), side, bound) for found in intervals]
    return {
        "quantity": named(comparison),
        "measured": None if None in values or not values else sum(values) / len(values),
        "interval": None if comparison["test"] == "each" else around_all(intervals),
        "values": values,
        "state": together(states) if comparison["test"] == "seeds" else agreeing(states),
        **{key: comparison[key] for key in ("by", "test", "side", "around", "margin")},
    }


def measure(comparison: dict[str, Any], read: Read) -> list[Any]:
    """The comparison's value on each seed; nothing where an experiment is missing."""
    ours, others = (read(path) if path else None for path in paths(comparison))
    if ours is None or (comparison["against"] is not None and others is None):
        return []
    return paired(comparison, ours, others)


def around_all(intervals: list[Estimate]) -> list[float] | None:
    """The narrowest interval that holds all of them, if there are any."""
    lows = [interval.low for interval in intervals if interval.low is not None]
    highs = [interval.high for interval in intervals if interval.high is not None]
    return [min(lows), max(highs)] if lows and len(lows) == len(intervals) else None


def paths(comparison: dict[str, Any]) -> tuple[str, str | None]:
    return comparison["of"], comparison["against"]


def paired(comparison: dict[str, Any], ours: Values, others: Values | None) -> list[Any]:
    """One value per seed: ours as it is, its difference from or ratio to the other, or both."""
    if others is None:
        return list(ours)
    combine: dict[str, Callable[[Any, Any], Any]] = {
        "difference": lambda our, other: our - other,
        "ratio": lambda our, other: our / other if other else None,
        "equal": lambda our, other: float(our == other),
        "share": lambda our, other: (our, our + other),
    }
    return [
        None if our is None or other is None else combine[comparison["by"]](our, other)
        for our, other in zip(ours, others, strict=True)
    ]


def named(comparison: dict[str, Any]) -> str:
    """The quantity in words of the result files."""
    of, against = paths(comparison)
    sign = {"difference": "-", "ratio": "/", "equal": "==", "share": "as a share of both with"}
    return f"{of} {sign[comparison['by']]} {against}" if against else of


def refer(comparison: dict[str, Any] | None, reference: Read) -> float | None:
    """The document's own value of a quantity, where it printed one."""
    if comparison is None:
        return None
    of, against = paths(comparison)
    values = paired(comparison, reference(of) or [], reference(against) if against else None)
    found = values[0]
    return found[0] / found[1] if isinstance(found, tuple) else float(found)


def shifted(interval: Estimate, around: float) -> Estimate:
    if interval.low is None or interval.high is None:
        return interval
    return replace(interval, low=interval.low - around, high=interval.high - around)


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
