"""What the results say, as words that the templates choose their sentences by.

Sentences that interpret a result hang on these, so the prose can't contradict the data.
"""

import itertools
from typing import Any

from rejeu.evaluation.metrics import larger_class
from rejeu.evaluation.statistics import estimate


def learning(metrics: list[dict[str, Any]]) -> str:
    """Whether a classifier learned, over its seeds.

    `learned`: on every seed, accuracy's whole interval lies above the larger class's share;
    `collapsed`: on every seed, one class only was predicted; `chance`: no seed did better than
    always naming the larger class; `mixed`: seeds differ.
    """
    if all(collapsed(run["confusion"]) for run in metrics):
        return "collapsed"
    above = [run["ci95"][0] > larger_class(run["confusion"]) for run in metrics]
    if all(above):
        return "learned"
    return "mixed" if any(above) else "chance"


def collapsed(confusion: dict[str, int]) -> bool:
    """Whether all predictions are of one class."""
    positive = confusion["tp"] + confusion["fp"]
    negative = confusion["tn"] + confusion["fn"]
    return positive == 0 or negative == 0


def errors(metrics: list[dict[str, Any]]) -> str:
    """Which errors prevail on every seed: `false_negatives`, `false_positives` or `unclear`."""
    differences = [run["confusion"]["fn"] - run["confusion"]["fp"] for run in metrics]
    if all(difference > 0 for difference in differences):
        return "false_negatives"
    if all(difference < 0 for difference in differences):
        return "false_positives"
    return "unclear"


def compared(ours: list[float], others: list[float]) -> str:
    """`higher`, `lower` or `unclear` by the t interval of differences paired by seed.

    One seed gives no interval: `single`.
    """
    if len(ours) < 2:
        return "single"
    difference = estimate([our - other for our, other in zip(ours, others, strict=True)])
    if difference.low is not None and difference.low > 0:
        return "higher"
    if difference.high is not None and difference.high < 0:
        return "lower"
    return "unclear"


def order(values: list[float]) -> str:
    """Whether means `fall`, `rise` or do `neither` from each to the next."""
    steps = [after - before for before, after in itertools.pairwise(values)]
    if all(step < 0 for step in steps):
        return "fall"
    return "rise" if all(step > 0 for step in steps) else "neither"
