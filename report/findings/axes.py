"""What the study's figures share: points with their intervals, and axes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rejeu.evaluation.statistics import Estimate, estimate
from rejeu.report.figures import COLOURS, MARKERS, Language

BESIDE = 0.09  # how far series that share a place on the axis stand apart


def measured(
    axes: Axes,
    places: Sequence[float],
    values: Sequence[Sequence[float]],
    number: int,
    label: str,
    line: str = "none",
    summarise: Callable[[Sequence[float]], Estimate] = estimate,
) -> None:
    """Mean and t interval at each place, every single value as a faint point.

    `number` picks the series' colour and marker; `line` joins the means.
    """
    colour, marker = COLOURS[number], MARKERS[number]
    for place, single in zip(places, values, strict=True):
        if len(single) > 1:
            axes.plot([place] * len(single), single, ".", color=colour, alpha=0.35, markersize=5)
    found = [summarise(single) for single in values]
    means = [math.nan if each.mean is None else each.mean for each in found]
    # One value has no interval, and gets no bar.
    ends = [
        [mean if end is None else end for end, mean in zip(column, means, strict=True)]
        for column in ([each.low for each in found], [each.high for each in found])
    ]
    axes.errorbar(
        places,
        means,
        yerr=np.abs(np.subtract(ends, means)),
        color=colour,
        marker=marker,
        linestyle=line,
        markersize=5,
        capsize=3,
        linewidth=1.2,
        label=label,
    )


def fitted(language: Language, axis: Any) -> None:
    """Round ticks, with as many decimals as tell them apart. Call it when all is drawn."""
    low, high = axis.get_view_interval()
    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    language.ticks(axis, max(0, math.ceil(1 - math.log10(high - low))))


def categories(axes: Axes, labels: Sequence[str]) -> None:
    """Name the places 0, 1, 2, ... of the horizontal axis."""
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.5, len(labels) - 0.5)


def beside(places: int, series: int, number: int) -> np.ndarray:
    """Places 0, 1, 2, ... moved a little, so that series don't cover each other."""
    return np.arange(places) + BESIDE * (number - (series - 1) / 2)
