"""The figures of Part 1: what the notebook's decision rule, batch size and learning rate did."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.figure import Figure

from findings import comparisons
from findings.axes import beside, categories, fitted, measured
from findings.threshold_curves import NOTEBOOK_THRESHOLD, Rules, rules
from rejeu.evaluation.statistics import share
from rejeu.report import figures
from rejeu.report.evidence import Evidence
from rejeu.report.figures import BLUE, GREY, LINES, MARKERS, ORANGE, Language


def hidden_a1(evidence: Evidence, language: Language) -> Figure:
    results = comparisons.compared(evidence, "sentiment", "chain")
    runs = {result.title: result.losses for result in results}
    return figures.losses(language, runs, [result.place for result in results])


def hidden_a2(evidence: Evidence, language: Language) -> Figure:
    (baseline,) = comparisons.compared(evidence, "sentiment", "rules")
    folder = evidence.folder / "sentiment" / baseline.name
    frames = [
        pd.read_parquet(folder / f"seed{seed}/predictions.parquet") for seed in baseline.seeds
    ]
    predictions = [
        (frame["label"].to_numpy(), frame[["logit_0", "logit_1"]].to_numpy()) for frame in frames
    ]
    return decision_rules(language, rules(predictions))


def hidden_a3(evidence: Evidence, language: Language) -> Figure:
    return batch_times(language, comparisons.timed(evidence, "batch", "seconds_per_row"))


def hidden_a10(evidence: Evidence, language: Language) -> Figure:
    results = comparisons.compared(evidence, "sentiment", "crossing")
    larger = comparisons.larger_share(results[0])
    return crossing(language, comparisons.crossed(results), larger)


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
