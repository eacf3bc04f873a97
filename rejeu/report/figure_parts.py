"""What report.js needs to know of a drawing: which of its parts show which rows of its table."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation

from rejeu.report.figure_table import is_single, series_of


def name_parts(figure: Figure) -> None:
    """Give the parts of a drawing identifiers, which its SVG has then.

    `points-12-20` are a line's 20 points, in the order of the figure's table (`as_csv`) from its
    row 12 on, the first being 0; in `points-12-20-without-0-7` the first and the eighth are no
    numbers, and have no mark. `with-12-3` goes with them: a bar, a range, a title; and
    `with-12-3-single` are single values, of which a point is the mean.
    """
    row = 0
    for axes in figure.axes:
        if axes.images:
            row += len(axes.texts)  # a heat map's cells
            continue
        drawn = list(series_of(axes))
        colours = Counter(to_hex(line.get_color()) for line, _, _ in drawn)
        for line, bar, name in drawn:
            points = np.asarray(line.get_xydata())
            count = len(points)
            if not count:
                continue  # it stands in the legend alone, and in no row
            unmarked = np.flatnonzero(~np.isfinite(points).all(axis=1))
            without = "-".join(["-without", *map(str, unmarked)]) if len(unmarked) else ""
            line.set_gid(f"points-{row}-{count}{without}")
            alone = colours[to_hex(line.get_color())] == 1
            for number, part in enumerate(beside(axes, line, bar, name, alone=alone)):
                single = isinstance(part, Line2D) and is_single(part)
                part.set_gid(f"with-{row}-{number}{'-single' if single else ''}")
            row += count


def beside(
    axes: Axes, line: Line2D, bar: ErrorbarContainer | None, name: str, *, alone: bool
) -> Iterator[Artist]:
    """What is drawn for a series beside its points.

    Args:
        alone: no other series of the panel has its colour, so what has it belongs to this one.
    """
    if bar:
        yield from (*bar.lines[1], *bar.lines[2])
    for text in axes.texts:
        if isinstance(text, Annotation) and name and text.get_text().split() == name.split():
            yield text
            if text.arrow_patch:
                yield text.arrow_patch
    if not alone:
        return
    colour = to_hex(line.get_color())
    for single in filter(is_single, axes.get_lines()):
        if to_hex(single.get_color()) == colour:
            yield single
    for area in axes.collections:
        filled: Any = area.get_facecolor()
        if len(filled) and to_hex(filled[0]) == colour:
            yield area
