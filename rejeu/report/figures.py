"""Draw the report's figures, once for each language. The reference stands left, ours right."""

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
from rejeu.report.numbers import Numbers
from rejeu.report.words import read_words

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
    """Write a figure to paths named `name.{language}.{svg,png}`."""
    for output in outputs:
        language, suffix = Path(output).suffixes[-2].lstrip("."), Path(output).suffix.lstrip(".")
        with mpl.rc_context(STYLE), replacing(output) as temporary:
            metadata = {"Date": None} if suffix == "svg" else {"Software": None}
            draw(by_code[language]).savefig(temporary, format=suffix, dpi=160, metadata=metadata)


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
