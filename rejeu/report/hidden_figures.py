"""Draw the figures of the chapter on the notebook's faults, from plain numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from rejeu.evaluation.statistics import Estimate, estimate, share
from rejeu.report.decisions import NOTEBOOK_THRESHOLD, Rules
from rejeu.report.figures import BLUE, COLOURS, GREY, MARKERS, ORANGE, Language

LINES = ["-", "--", "-.", ":"]
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


def decision_rules(language: Language, rules: Rules) -> Figure:
    """Precision and recall against the threshold: mean of the seeds and their range."""
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    words = language.words
    for number, (name, values) in enumerate(
        (("precision", rules.precision), ("recall", rules.recall))
    ):
        colour = (BLUE, ORANGE)[number]
        axes.plot(
            rules.thresholds,
            values.mean(axis=0),
            color=colour,
            linestyle=LINES[number],
            label=words[name],
        )
        if len(values) > 1:
            axes.fill_between(
                rules.thresholds,
                values.min(axis=0),
                values.max(axis=0),
                color=colour,
                alpha=0.15,
                lw=0,
            )
        axes.plot(
            [seed[0] for seed in rules.argmax],
            [seed[1 + number] for seed in rules.argmax],
            MARKERS[number],
            color=colour,
            markersize=5,
            markeredgecolor="white",
            label=f"{words[name]}, {words['argmax']}",
        )
    axes.axvline(NOTEBOOK_THRESHOLD, color=GREY, linestyle=":", label=words["notebook_rule"])
    axes.set_xlabel(words["threshold"])
    axes.set_ylabel(words["precision_recall"])
    axes.set_ylim(None, 1.02)
    fitted(language, axes.xaxis)
    fitted(language, axes.yaxis)
    axes.legend(frameon=False, loc="best")
    return figure


def batch_times(language: Language, seconds: Mapping[int, Sequence[float]]) -> Figure:
    """Milliseconds per row by batch size; a faint line joins the times of one repeat."""
    figure = Figure(figsize=(4.4, 3.0))
    axes = figure.add_subplot()
    sizes = sorted(seconds)
    times = [[1000 * value for value in seconds[size]] for size in sizes]
    for repeat in zip(*times, strict=True):
        axes.plot(range(len(sizes)), repeat, color=GREY, alpha=0.4, linewidth=0.8)
    measured(axes, range(len(sizes)), times, 0, "")
    categories(axes, [language.numbers.integer(size) for size in sizes])
    axes.set_xlabel(language.words["batch_size"])
    axes.set_ylabel(language.words["time_per_row"])
    fitted(language, axes.yaxis)
    return figure


def rank_and_scale(
    language: Language,
    by_rank: Mapping[int, Mapping[float, Sequence[float]]],
) -> Figure:
    """Held-out loss minus that of r8 against the scale, a line for each rank.

    Args:
        by_rank: for each rank, each seed's difference by scale.
    """
    figure = Figure(figsize=(6.4, 3.4))
    axes = figure.add_subplot()
    axes.axhline(0, color=GREY, linewidth=0.8)
    series = {
        f"r = {language.numbers.integer(rank)}": cells for rank, cells in sorted(by_rank.items())
    }
    for number, (label, cells) in enumerate(series.items()):
        scales = sorted(cells)
        # The axis is logarithmic: a factor sets series apart.
        apart = 2 ** (BESIDE * (number - (len(series) - 1) / 2) / 2)
        places = [scale * apart for scale in scales]
        values = [cells[scale] for scale in scales]
        measured(axes, places, values, number, label, LINES[number % len(LINES)])
    axes.set_xscale("log", base=2)
    scales = sorted({scale for cells in by_rank.values() for scale in cells})
    axes.xaxis.set_major_locator(FixedLocator(scales))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(scales, [language.numbers.setting(scale) for scale in scales])
    axes.set_xlabel(language.words["scale"])
    axes.set_ylabel(language.words["heldout_difference"])
    fitted(language, axes.yaxis)
    axes.legend(frameon=False, ncols=2)
    return figure


def rank_times(language: Language, seconds: Mapping[int, Sequence[float]]) -> Figure:
    """Time by rank as a multiple of the smallest rank's, beside proportionality.

    Args:
        seconds: each rank's times, one per repeat.
    """
    figure = Figure(figsize=(5.4, 3.2))
    axes = figure.add_subplot()
    ranks, first = sorted(seconds), min(seconds)
    relative = [np.divide(seconds[rank], seconds[first]).tolist() for rank in ranks]
    axes.plot(
        ranks,
        [rank / first for rank in ranks],
        "--",
        color=GREY,
        label=language.words["proportion"],
    )
    measured(axes, ranks, relative, 0, language.words["timed"], "-")
    axes.set_xticks(ranks, [language.numbers.integer(rank) for rank in ranks])
    axes.set_xlabel(language.words["rank"])
    axes.set_ylabel(language.words["relative_time"])
    axes.set_ylim(0, None)
    fitted(language, axes.yaxis)
    axes.legend(frameon=False)
    return figure


def dose_response(
    language: Language, responses: Mapping[str, Mapping[int, Sequence[float]]]
) -> Figure:
    """Change of a reply's log-probability per token against the dose, a line for each reply.

    Args:
        responses: for each reply's label, each seed's change by dose; dose 0 is zero.
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    axes.axhline(0, color=GREY, linewidth=0.8)
    doses = sorted({dose for cells in responses.values() for dose in cells})
    for number, (label, cells) in enumerate(responses.items()):
        places = beside(len(doses), len(responses), number)
        values = [cells[dose] for dose in doses]
        measured(axes, places.tolist(), values, number, label, LINES[number])
    categories(axes, [language.numbers.integer(dose) for dose in doses])
    axes.set_xlabel(language.words["dose"])
    axes.set_ylabel(language.words["response"])
    fitted(language, axes.yaxis)
    axes.legend(frameon=False, loc="upper left")
    return figure


def shares_stopped(language: Language, shares: Mapping[str, Sequence[float]]) -> Figure:
    """The share of replies that ended by themselves (0 to 1), by experiment."""
    figure = Figure(figsize=(4.8, 3.0))
    axes = figure.add_subplot()
    for number, values in enumerate(shares.values()):
        measured(axes, [number], [values], number, "", summarise=share)
    categories(axes, list(shares))
    axes.set_ylim(-0.04, 1.04)
    axes.set_ylabel(language.words["share_stopped"])
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: language.numbers.percent(value, 0))
    )
    return figure


def crossing(
    language: Language,
    accuracies: Mapping[int, Mapping[float, Sequence[float]]],
    larger_class: float,
) -> Figure:
    """Accuracy by learning rate, a line for each batch size.

    Args:
        accuracies: for each batch size, each seed's accuracy by learning rate.
        larger_class: the accuracy of always naming the larger class.
    """
    figure = Figure(figsize=(5.4, 3.2))
    axes = figure.add_subplot()
    axes.axhline(larger_class, color=GREY, linestyle=":", label=language.words["larger_class"])
    rates = sorted({rate for cells in accuracies.values() for rate in cells})
    for number, (size, cells) in enumerate(sorted(accuracies.items())):
        places = beside(len(rates), len(accuracies), number)
        label = language.words["batch_of"].format(n=language.numbers.integer(size))
        values = [cells[rate] for rate in rates]
        measured(axes, places.tolist(), values, number, label, LINES[number], share)
    categories(axes, [language.numbers.setting(rate) for rate in rates])
    axes.set_xlabel(language.words["learning_rate"])
    axes.set_ylabel(language.words["accuracy"])
    fitted(language, axes.yaxis)
    axes.legend(frameon=False)
    return figure
