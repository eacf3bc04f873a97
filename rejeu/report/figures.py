"""Draw the report's figures, once for each language. The reference stands left, ours right."""

import itertools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from rejeu.report.figure_parts import name_parts
from rejeu.report.figure_table import as_csv
from rejeu.report.numbers import Numbers
from rejeu.report.words import read_words

BLUE, ORANGE, GREY = "#2b6ca3", "#c8553d", "#8a8f98"
COLOURS = [BLUE, ORANGE, "#3d8b62", "#8e5ba6", "#b8860b", GREY]
MARKERS = ["o", "s", "^", "D", "v", "P"]
LINES = ["-", "--", "-.", ":"]
TITLE_WIDTH = 24  # characters of a line's title
TITLE_LINE, TITLE_GAP = 0.055, 0.02  # shares of the axis: a title's line, and what parts two titles
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
        """The words for values of one seed, or for the mean of `count` seeds."""
        return self.words["one_seed"] if count == 1 else self.words["mean_of_seeds"].format(n=count)

    def ticks(self, axis: Any, digits: int) -> None:
        """Let an axis write its numbers as the language does, with so many decimals."""
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: self.numbers.decimal(value, digits))
        )


def languages(words: Iterable[str | Path]) -> dict[str, Language]:
    """Languages by their code, from files of words (see `read_words`)."""
    return {code: Language(texts, Numbers(code)) for code, texts in read_words(words).items()}


def save(
    draw: Callable[[Language], Figure], by_code: dict[str, Language], outputs: list[str]
) -> None:
    """Write a figure to paths named `name.{language}.{svg,png,csv}`: drawn, and as a table."""
    for output in outputs:
        code, suffix = Path(output).suffixes[-2].lstrip("."), Path(output).suffix.lstrip(".")
        language = by_code[code]
        with mpl.rc_context(STYLE), replacing(output) as temporary:
            figure = draw(language)
            if suffix == "csv":
                table = as_csv(figure, language.numbers, language.words)
                temporary.write_text(table, encoding="utf-8")
                continue
            name_parts(figure)
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            figure.savefig(temporary, format=suffix, dpi=160, metadata=metadata)


Confusion = Mapping[str, float] | Sequence[Sequence[float]]


def confusion(
    language: Language,
    reference: Confusion | None,
    runs: Sequence[Confusion],
    classes: Sequence[str] | None = None,
) -> Figure:
    """Heat maps of confusion matrices: shares of each actual class, with counts.

    Ours are the mean over seeds. A matrix is {tn, fp, fn, tp}, or of shape (actual, predicted)
    beside the names of the `classes`.
    """
    panels = [(language.words["reference"], counts(reference))] if reference else []
    mean = np.mean([counts(run) for run in runs], axis=0)
    panels.append((f"{language.words['reproduced']} ({language.seeds(len(runs))})", mean))
    names = list(classes or [language.words["negative"], language.words["positive"]])
    side = max(1.0, 0.35 * len(names))  # more classes need more room
    figure = Figure(figsize=(3.3 * side * len(panels), 2.9 * side))
    for place, (title, cells) in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), place + 1)
        heat_map(axes, cells, [label(name) for name in names], language)
        axes.set_title(title, fontsize=10)
        if place == 0:
            axes.set_ylabel(language.words["actual"])
    return figure


def counts(matrix: Confusion) -> np.ndarray:
    """A confusion matrix of shape (actual, predicted)."""
    if isinstance(matrix, Mapping):
        return np.array([[matrix["tn"], matrix["fp"]], [matrix["fn"], matrix["tp"]]], dtype=float)
    return np.array(matrix, dtype=float)


def heat_map(axes: Axes, cells: np.ndarray, names: list[str], language: Language) -> None:
    """Draw one confusion matrix, coloured by the share of each actual class.

    Args:
        cells: counts, or their means, of shape (actual, predicted).
        names: of the classes, on both axes.
    """
    total = cells.sum(axis=1, keepdims=True)
    shares = np.divide(cells, total, out=np.zeros_like(cells), where=total > 0)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    axes.set_xlabel(language.words["predicted"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for (row, column), share in np.ndenumerate(shares):
        count = float(cells[row, column])
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


def losses(
    language: Language,
    runs: Mapping[str, list[list[float]]],
    places: Sequence[int],
    pieces: int = 20,
) -> Figure:
    """Training loss against the share of training done: mean and range of the seeds.

    Args:
        runs: for each experiment's title, each seed's loss by step.
        places: of each experiment among its part's, so that it looks the same in every figure.
    """
    figure = Figure(figsize=(6.8, 3.2))
    axes = figure.add_subplot()
    lines: list[Line2D] = []
    for number, (seeds, place) in enumerate(zip(runs.values(), places, strict=True)):
        cut = min(pieces, *(len(seed) for seed in seeds))
        curves = np.array(
            [[part.mean() for part in np.array_split(np.array(seed), cut)] for seed in seeds]
        )
        shares = 100 * (np.arange(cut) + 0.5) / cut
        # Each line thinner than the one below it, so that runs which coincide all show.
        lines += axes.plot(
            shares,
            curves.mean(axis=0),
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            linestyle=LINES[place // len(COLOURS) % len(LINES)],
            markersize=3,
            linewidth=max(1.2, 4.2 - number),
        )
        if len(seeds) > 1:
            colour = lines[-1].get_color()
            axes.fill_between(
                shares, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, lw=0
            )
    axes.set_xlabel(language.words["share"])
    axes.set_ylabel(language.words["loss"])
    language.ticks(axes.yaxis, 2)
    name_lines(axes, lines, [label(title) for title in runs])
    return figure


def name_lines(axes: Axes, lines: Sequence[Line2D], titles: Sequence[str]) -> None:
    """Write each line's title at its right end, and the titles of near ones above one another."""
    low, high = axes.get_ylim()
    ends = [np.asarray(each.get_xydata())[-1] for each in lines]
    texts = ["\n".join(textwrap.wrap(title, TITLE_WIDTH)) for title in titles]
    wanted = [(end[1] - low) / (high - low) for end in ends]
    heights = [TITLE_LINE * (text.count("\n") + 1) + TITLE_GAP for text in texts]
    for each, title in zip(lines, titles, strict=True):
        each.set_label(title)
    # From the middle of the title's left side, so that it crosses no other title.
    leader = {"arrowstyle": "-", "linewidth": 0.8, "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 1}
    for number, height in zip(range(len(lines)), spread_out(wanted, heights), strict=True):
        axes.annotate(
            texts[number],
            xy=(ends[number][0], ends[number][1]),
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=7.5,
            arrowprops={**leader, "color": lines[number].get_color()},
        )


def spread_out(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Middles of boxes of these heights, in the order wanted, near there, and none over another."""
    placed = list(wanted)
    order = sorted(range(len(wanted)), key=lambda number: -wanted[number])
    for above, below in itertools.pairwise(order):
        least = (heights[above] + heights[below]) / 2
        placed[below] = min(placed[below], placed[above] - least)
    for last in order[-1:]:
        placed[last] = max(placed[last], heights[last] / 2)
    for below, above in itertools.pairwise(reversed(order)):
        least = (heights[above] + heights[below]) / 2
        placed[above] = max(placed[above], placed[below] + least)
    return placed
