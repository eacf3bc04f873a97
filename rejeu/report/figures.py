"""Draw the report's figures, once for each language. The reference stands left, ours right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from rejeu.job.whole_files import replacing
from rejeu.report import escape
from rejeu.report.numbers import Numbers
from rejeu.study.strict_reading import read_yaml

BLUE, ORANGE, GREY = "#2b6ca3", "#c8553d", "#8a8f98"
COLOURS = [BLUE, ORANGE, "#3d8b62", "#8e5ba6", "#b8860b", GREY]
MARKERS = ["o", "s", "^", "D", "v", "P"]
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "rejeu",  # the same figure gives the same bytes
    "svg.fonttype": "path",
    "text.parse_math": False,  # a `$` in a title is a dollar
}


@dataclass(frozen=True)
class Language:
    """What a figure says: its words, and how numbers are written."""

    words: dict[str, str]
    numbers: Numbers

    def seeds(self, count: int) -> str:
        return self.words["one_seed"] if count == 1 else self.words["mean_of_seeds"].format(n=count)

    def ticks(self, axis: Any, digits: int) -> None:
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: self.numbers.decimal(value, digits))
        )


def languages(words: list[str]) -> dict[str, Language]:
    """Languages by their code, from files `{code}/words.yaml`."""
    codes = {Path(path).parent.name: read_yaml(path) for path in words}
    return {code: Language(found, Numbers(code)) for code, found in codes.items()}


def save(
    draw: Callable[[Language], Figure], known: dict[str, Language], outputs: list[str]
) -> None:
    """Write a figure to paths named `name.{language}.{svg,png}`."""
    for output in outputs:
        language, suffix = Path(output).suffixes[-2].lstrip("."), Path(output).suffix.lstrip(".")
        with mpl.rc_context(STYLE), replacing(output) as temporary:
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            draw(known[language]).savefig(temporary, format=suffix, dpi=160, metadata=metadata)


def confusion(
    language: Language, reference: dict[str, int] | None, runs: list[dict[str, int]]
) -> Figure:
    """Heat maps of {tn, fp, fn, tp}: shares of each actual class, with counts.

    Ours are the mean over seeds.
    """
    panels: list[tuple[str, Mapping[str, float]]] = []
    if reference:
        panels.append((language.words["reference"], reference))
    mean = {cell: float(np.mean([run[cell] for run in runs])) for cell in ("tn", "fp", "fn", "tp")}
    panels.append((f"{language.words['reproduced']} ({language.seeds(len(runs))})", mean))
    figure = Figure(figsize=(3.3 * len(panels), 2.9))
    for place, (title, cells) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        heat_map(axes, np.array([[cells["tn"], cells["fp"]], [cells["fn"], cells["tp"]]]), language)
        axes.set_title(title, fontsize=10)
        if place == 0:
            axes.set_ylabel(language.words["actual"])
    return figure


def heat_map(axes: Axes, counts: np.ndarray, language: Language) -> None:
    shares = counts / counts.sum(axis=1, keepdims=True)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [language.words["negative"], language.words["positive"]]
    axes.set_xticks([0, 1], names)
    axes.set_yticks([0, 1], names, rotation=90, va="center")
    axes.set_xlabel(language.words["predicted"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        count = float(counts[row, column])
        text = f"{language.numbers.integer(count)}\n{language.numbers.percent(share)}"
        axes.text(
            column, row, text, ha="center", va="center", color="white" if share > 0.55 else "black"
        )


def label(text: str) -> str:
    """A title on one line, with the code, ‹U+1F600›, of a character that the font lacks."""
    font = get_font(findfont(STYLE["font.family"]))
    return "".join(
        character if font.get_char_index(ord(character)) else f"‹U+{ord(character):X}›"
        for character in escape.line(text)
    )


def losses(language: Language, runs: dict[str, list[list[float]]], pieces: int = 20) -> Figure:
    """Training loss against the share of training done: mean and range of the seeds.

    Args:
        runs: for each experiment's title, each seed's loss by step.
    """
    figure = Figure(figsize=(6.4, 3.2))
    axes = figure.add_subplot()
    lines: list[Line2D] = []
    for place, seeds in enumerate(runs.values()):
        cut = min(pieces, *(len(seed) for seed in seeds))
        curves = np.array(
            [[part.mean() for part in np.array_split(np.array(seed), cut)] for seed in seeds]
        )
        shares = 100 * (np.arange(cut) + 0.5) / cut
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        # Each line thinner than the one below it, so that runs which coincide all show.
        lines += axes.plot(
            shares,
            curves.mean(axis=0),
            color=colour,
            marker=marker,
            markersize=3,
            linewidth=max(1.2, 4.2 - place),
        )
        if len(seeds) > 1:
            axes.fill_between(
                shares, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, lw=0
            )
    axes.set_xlabel(language.words["share"])
    axes.set_ylabel(language.words["loss"])
    language.ticks(axes.yaxis, 2)
    # Named here, since a label of a line that begins with `_` would be left out.
    axes.legend(lines, [label(title) for title in runs], frameon=False)
    return figure


@dataclass(frozen=True)
class RankSweep:
    """Losses and times by rank; lists hold one value per seed."""

    train_loss: dict[int, list[float]]
    heldout_loss: dict[int, list[float]]
    seconds: dict[int, list[float]]


def rank(language: Language, reference: RankSweep, reproduced: RankSweep) -> Figure:
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
