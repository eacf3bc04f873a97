"""What figures show, as tables."""

import csv
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

from rejeu.report import figures
from rejeu.report.figure_table import as_csv
from rejeu.report.figures import STYLE
from tests.report.test_figures import FIGURES, LANGUAGES


def table(figure: Figure, language: str) -> list[dict[str, str]]:
    known = LANGUAGES[language]
    return list(csv.DictReader(io.StringIO(as_csv(figure, known.numbers, known.words))))


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_a_table_in_both_languages(name: str) -> None:
    shapes = []
    for language, mark in (("fr", "."), ("en", ",")):
        with mpl.rc_context(STYLE):
            rows = table(FIGURES[name][0](LANGUAGES[language]), language)
        assert rows
        assert not any(
            key.startswith("_") or value.startswith("_")
            for row in rows
            for key, value in row.items()
        )
        numbers = [value for row in rows for value in row.values() if value[:1].isdigit()]
        assert numbers
        # The other language's decimal mark is nowhere; thousands aren't grouped by it either.
        decimals = [value for value in numbers if mark in value.replace(" ", "")]
        assert language == "en" or decimals == [], decimals
        shapes.append([len(rows), len(rows[0])])
    assert shapes[0] == shapes[1]


def test_a_table_has_the_values_drawn() -> None:
    runs = {"One": [[0.7] * 20, [0.5] * 20], "_Two": [[0.25] * 7]}
    rows = table(figures.losses(LANGUAGES["en"], runs, [0, 1]), "en")
    words = LANGUAGES["en"].words
    of_one = [row for row in rows if row[words["series"]] == "One"]
    assert [row[words["share"]] for row in of_one][:3] == ["2.5", "7.5", "12.5"]
    assert {row[words["loss"]] for row in of_one} == {"0.6000"}
    assert len(rows) == 20 + 7  # a title may begin as Matplotlib's own names do


def test_a_mean_has_its_interval_and_its_single_values() -> None:
    figure, axes = plt.subplots()
    axes.plot([0, 0], [1.0, 2.0], ".", color="#112233")
    axes.errorbar([0, 1], [1.5, 3.0], yerr=[[0.5, 0], [1, 0]], color="#112233", label="A")
    axes.axhline(9)
    axes.axvline(9, label="edge")
    axes.set_xticks([0, 1], ["zero", "one\nmore"])
    words = LANGUAGES["en"].words
    first, second = table(figure, "en")
    assert first == {
        words["series"]: "A",
        words["place"]: "zero",
        words["value"]: "1.500",
        words["low"]: "1.000",
        words["high"]: "2.500",
        words["single_values"]: "1.000; 2.000",
    }
    assert (second[words["place"]], second[words["value"]]) == ("one more", "3.000")
    assert second[words["low"]] == second[words["single_values"]] == ""
    plt.close(figure)


def test_a_figure_without_points_has_no_table() -> None:
    assert as_csv(Figure(), LANGUAGES["en"].numbers, LANGUAGES["en"].words).strip() == ""
