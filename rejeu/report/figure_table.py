"""What a figure shows as a table, read off the drawing itself: so it can't say anything else."""

import csv
import io
import re
from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from rejeu.report.numbers import Numbers

# What Matplotlib calls a line that was given no label.
UNNAMED = re.compile(r"_(child\d+|container\d+|nolegend_)?$")
SINGLE = "."  # the marker of single values, of which another line shows the mean
Row = dict[str, str]


def as_csv(figure: Figure, numbers: Numbers, words: dict[str, str]) -> str:
    """The table of a figure, its numbers as a language writes them, as CSV.

    A row for each point: its panel, series, place, value, the ends of its interval and the single
    values that it is the mean of; or, of a heat map, for each cell. What no row has is no column.
    """
    place = the_only([axes.get_xlabel() for axes in figure.axes]) or words["place"]
    value = the_only([axes.get_ylabel() for axes in figure.axes]) or words["value"]
    rows = [row for axes in figure.axes for row in rows_of(axes, place, value, numbers, words)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    told = [key for key in columns if any(row.get(key) for row in rows)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(told)
    writer.writerows([row.get(key, "") for key in told] for row in rows)
    return text.getvalue()


def the_only(labels: list[str]) -> str | None:
    """What all these axes are called that have a name; None where they differ."""
    named = {" ".join(label.split("\n")) for label in labels if label}
    return named.pop() if len(named) == 1 else None


def rows_of(
    axes: Axes, place: str, value: str, numbers: Numbers, words: dict[str, str]
) -> Iterator[Row]:
    """The rows of one panel, under the names of the place and the value."""
    # Two scales of one panel are axes of their own, and one of them has its title.
    here = axes.get_shared_x_axes().get_siblings(axes)
    panel = {words["panel"]: next((each.get_title() for each in here if each.get_title()), "")}
    if axes.images:
        yield from (panel | cell for cell in cells(axes, place, value))
        return
    singles = [line for line in axes.get_lines() if is_single(line)]
    for line, bar, known in series_of(axes):
        ends = interval_ends(bar)
        for number, (x, y) in enumerate(np.asarray(line.get_xydata())):
            row = {words["series"]: known, place: written_place(axes, x, numbers)}
            row |= {value: written(y, numbers)}
            if number < len(ends) and ends[number][0] != ends[number][1]:
                low, high = (written(end, numbers) for end in ends[number])
                row |= {words["low"]: low, words["high"]: high}
            beside = [
                written(each, numbers)
                for single in singles
                if single.get_color() == line.get_color()
                for at, each in np.asarray(single.get_xydata())
                if np.isclose(at, x)
            ]
            yield (
                panel
                | row
                | ({words["single_values"]: words["then"].join(beside)} if beside else {})
            )


def series_of(axes: Axes) -> Iterator[tuple[Line2D, ErrorbarContainer | None, str]]:
    """The lines of one panel that have rows, the bars at their points, and their names, if any."""
    bars = {id(bar.lines[0]): bar for bar in axes.containers if isinstance(bar, ErrorbarContainer)}
    for line in axes.get_lines():
        bar = bars.get(id(line))
        name = str(bar.get_label() if bar else line.get_label())
        known = "" if UNNAMED.match(name) else name
        if not is_single(line) and is_data(axes, line) and (known or bar):
            yield line, bar, known


def is_single(line: Line2D) -> bool:
    """Whether a line shows single values, as faint points."""
    return line.get_marker() == SINGLE and bool(UNNAMED.match(str(line.get_label())))


def is_data(axes: Axes, line: Line2D) -> bool:
    """Whether a line shows points; one that parts the panel has its ends at the edges."""
    return line.get_transform() == axes.transData


def interval_ends(bar: ErrorbarContainer | None) -> list[tuple[float, float]]:
    """The low and high end of each bar of a series."""
    drawn = bar.lines[2] if bar else ()
    segments = [
        segment
        for each in drawn
        if isinstance(each, LineCollection)
        for segment in each.get_segments()
    ]
    return [(float(ends[0][1]), float(ends[-1][1])) for ends in map(np.asarray, segments)]


def cells(axes: Axes, across: str, down: str) -> Iterator[Row]:
    """A heat map's cells, by the names on its axes."""
    columns = [tick.get_text() for tick in axes.get_xticklabels()]
    rows = [tick.get_text() for tick in axes.get_yticklabels()]
    for text in axes.texts:
        column, row = (round(each) for each in text.get_position())
        count, *share = text.get_text().split("\n")
        yield {down: rows[row], across: columns[column], "n": count, "%": "".join(share)}


def written_place(axes: Axes, x: float, numbers: Numbers) -> str:
    """A place on the horizontal axis: its name where the axis has names, else its number."""
    if isinstance(axes.xaxis.get_major_locator(), FixedLocator):
        named = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        _, nearest = min(named, key=lambda tick: abs(tick[0] - x))
        if nearest.get_text():
            return nearest.get_text().replace("\n", " ")
    return numbers.setting(float(f"{x:.4g}"))


def written(value: float, numbers: Numbers) -> str:
    """A number with four significant digits."""
    return numbers.significant(float(value)) if np.isfinite(value) else ""
