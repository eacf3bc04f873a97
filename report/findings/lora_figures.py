"""The figures of Part 2: rank, scale, time, doses of a row, and how replies end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from findings import comparisons
from findings.axes import BESIDE, beside, categories, fitted, measured
from rejeu.evaluation.statistics import share
from rejeu.report.evidence import Evidence
from rejeu.report.figures import BLUE, GREY, LINES, ORANGE, Language


def rank(evidence: Evidence, language: Language) -> Figure:
    """Loss (left axis) and time (right axis) against r, as the assignment drew them, and ours."""
    sweep = comparisons.rank_sweep(evidence)
    printed = {r: result.reference for r, result in sweep.items() if result.reference}
    reference = RankSweep(
        train_loss={r: [values["train_loss"]] for r, values in printed.items()},
        heldout_loss={},
        seconds={r: [values["seconds"]] for r, values in printed.items()},
    )
    reproduced = RankSweep(
        train_loss={r: result.train_losses for r, result in sweep.items()},
        heldout_loss={r: result.heldout_losses for r, result in sweep.items()},
        seconds={r: [run["wall_seconds"] for run in result.runs] for r, result in sweep.items()},
    )
    return rank_sweeps(language, reference, reproduced)


def hidden_a4(evidence: Evidence, language: Language) -> Figure:
    results = comparisons.compared(evidence, "lora", "grid")
    return rank_and_scale(language, comparisons.by_rank_and_scale(results))


def hidden_a5(evidence: Evidence, language: Language) -> Figure:
    return rank_times(language, comparisons.timed(evidence, "rank", "seconds_per_step"))


def hidden_a7(evidence: Evidence, language: Language) -> Figure:
    results, words = comparisons.compared(evidence, "lora", "doses"), language.words
    labels = {"related": words["added_reply"], "placebo": words["placebo_reply"]}
    responses = {label: comparisons.dose_responses(results, row) for row, label in labels.items()}
    return dose_response(language, responses)


def hidden_a8(evidence: Evidence, language: Language) -> Figure:
    results, words = comparisons.compared(evidence, "lora", "endings"), language.words
    labels = (words["joined_plain"], words["joined_separated"])
    shares = map(comparisons.shares_stopped, results)
    return shares_stopped(language, dict(zip(labels, shares, strict=True)))


@dataclass(frozen=True)
class RankSweep:
    """Losses and times by rank; lists hold one value per seed."""

    train_loss: dict[int, list[float]]
    heldout_loss: dict[int, list[float]]
    seconds: dict[int, list[float]]


def rank_sweeps(language: Language, reference: RankSweep, reproduced: RankSweep) -> Figure:
    """Loss (left axis) and time (right axis) against r, as the assignment drew them, and ours."""
    figure = Figure(figsize=(7.2, 2.8))
    count = max(len(values) for values in reproduced.train_loss.values())
    titles = [
        f"{language.words['reference']} ({language.seeds(1)})",
        f"{language.words['reproduced']} ({language.seeds(count)})",
    ]
    for place, (title, sweep) in enumerate(zip(titles, (reference, reproduced), strict=True)):
        left = figure.add_subplot(1, 2, place + 1)
        right = left.twinx()
        series(left, sweep.train_loss, BLUE, "o-", language.words["train_loss"])
        if sweep.heldout_loss:
            series(left, sweep.heldout_loss, BLUE, "D:", language.words["heldout_loss"])
        series(right, sweep.seconds, ORANGE, "s--", language.words["time"])
        left.set_title(title, fontsize=10)
        left.set_xlabel(language.words["rank"])
        left.set_xticks(sorted(sweep.train_loss))
        left.set_ylabel(language.words["loss"] if place == 0 else "", color=BLUE)
        right.set_ylabel(language.words["time"] if place == 1 else "", color=ORANGE)
        right.spines["right"].set_visible(True)
        right.set_ylim(0, None)
        language.ticks(left.yaxis, 2)
        language.ticks(right.yaxis, 0)
    lines = [*figure.axes[-2].get_lines(), *figure.axes[-1].get_lines()]
    named = {
        str(line.get_label()): line for line in lines if not str(line.get_label()).startswith("_")
    }
    figure.legend(
        list(named.values()), list(named), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


def series(axes: Axes, values: dict[int, list[float]], colour: str, style: str, label: str) -> None:
    """Mean line over ranks, with each seed as a faint point."""
    ranks = sorted(values)
    axes.plot(
        ranks, [np.mean(values[r]) for r in ranks], style, color=colour, markersize=4, label=label
    )
    for r in ranks:
        if len(values[r]) > 1:
            axes.plot([r] * len(values[r]), values[r], ".", color=colour, alpha=0.3, markersize=4)


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
