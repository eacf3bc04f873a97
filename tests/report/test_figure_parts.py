"""What a page's script finds in a drawing."""

import csv
import io
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from rejeu.report.figure_parts import name_parts
from rejeu.report.figure_table import as_csv
from rejeu.report.figures import STYLE
from tests.report.test_figures import FIGURES, LANGUAGES

SVG = "{http://www.w3.org/2000/svg}"
MARKED = re.compile(r"points-(\d+)-(\d+)(?:-without[-\d]+)?")


def parts(figure: Figure, path: Path) -> dict[str, Any]:
    """The groups of the drawing that have an identifier, by it."""
    figure.savefig(path, format="svg")
    drawn = ET.parse(path)  # noqa: S314  just drawn
    named = [each for each in drawn.iter(f"{SVG}g") if "id" in each.attrib]
    assert len({each.attrib["id"] for each in named}) == len(named)
    return {each.attrib["id"]: each for each in named}


def table(figure: Figure) -> list[dict[str, str]]:
    known = LANGUAGES["en"]
    return list(csv.DictReader(io.StringIO(as_csv(figure, known.numbers, known.words))))


@pytest.mark.parametrize("name", FIGURES)
def test_each_line_has_its_rows_of_the_table(name: str, tmp_path: Path) -> None:
    with mpl.rc_context(STYLE):
        figure = FIGURES[name][0](LANGUAGES["en"])
        rows = table(figure)
        name_parts(figure)
        found = [MARKED.fullmatch(key) for key in parts(figure, tmp_path / "figure.svg")]
    places = [
        place
        for each in found
        if each
        for place in range(int(each[1]), int(each[1]) + int(each[2]))
    ]
    assert sorted(places) == sorted(set(places))
    panels_of_cells = sum(len(axes.texts) for axes in figure.axes if axes.images)
    assert len(places) + panels_of_cells == len(rows)


def test_a_series_has_its_points_bars_range_title_and_single_values(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 0], [1.0, 2.0], ".", color="#112233")
    axes.errorbar([0, 1], [1.5, 3.0], [0.5, 1], color="#112233", capsize=3, marker="o", label="A")
    (line,) = axes.plot([0, 1, 2], [1.0, np.nan, 2.0], marker="s", color="#445566", label="Two b")
    axes.fill_between([0, 1, 2], [0, 0, 0], [1, 1, 1], color="#445566", alpha=0.2)
    axes.annotate("Two\nb", (2, 2), (2.5, 2), arrowprops={"arrowstyle": "-"})
    axes.axhline(9)
    axes.plot([], [], marker="o", color="#778899", label="Legend's own")
    name_parts(figure)
    found = parts(figure, tmp_path / "figure.svg")
    assert len(found["points-0-2"].findall(f".//{SVG}use")) == 2
    marks = found["points-2-3-without-1"].findall(f".//{SVG}use")
    assert len(marks) == 2, "what is no number has no mark"
    assert line.get_gid() == "points-2-3-without-1"
    assert not [key for key in found if key.startswith("points-5-")], "a row that isn't there"
    first = [key for key in found if key.startswith("with-0-")]
    assert len(first) == 4, "two caps, the bars, the single values"
    assert [key for key in first if key.endswith("-single")] == ["with-0-3-single"]
    assert len([key for key in found if key.startswith("with-2-")]) == 3, "title, leader, range"


def test_what_two_series_may_share_belongs_to_neither(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    for name in ("A", "B"):
        axes.plot([0, 1], [1.0, 2.0], marker="o", color="#112233", label=name)
    axes.plot([0, 0], [1.0, 2.0], ".", color="#112233")
    name_parts(figure)
    assert not [key for key in parts(figure, tmp_path / "figure.svg") if key.startswith("with-")]
