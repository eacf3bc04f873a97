import re
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from rejeu.files import read_yaml
from rejeu.report import figures
from rejeu.report.figures import Language, RankSweep

WORDS = [str(Path(__file__).parents[2] / "report" / code / "words.yaml") for code in ("fr", "en")]
LANGUAGES = figures.languages(WORDS)
REFERENCE = {"tn": 4642, "fp": 297, "fn": 745, "tp": 4233}
RUNS = [{"tn": 900, "fp": 100, "fn": 200, "tp": 800}, {"tn": 910, "fp": 90, "fn": 212, "tp": 788}]
COLLAPSED = [{"tn": 1000, "fp": 0, "fn": 1000, "tp": 0}]
LOSSES = {
    "Référence": [[0.7 - step / 100 for step in range(40)], [0.69] * 40],
    "Autre": [[0.5] * 7, [0.6] * 7],
}
SWEEP = RankSweep(
    train_loss={4: [3.5, 3.6], 8: [3.4, 3.5], 16: [3.3, 3.4]},
    heldout_loss={4: [3.7, 3.8], 8: [3.6, 3.7], 16: [3.65, 3.7]},
    seconds={4: [1200.0, 1210.0], 8: [1250.0, 1260.0], 16: [1300.0, 1310.0]},
)
KNOWN = RankSweep(
    {4: [3.3767], 8: [3.3444], 16: [3.3257]}, {}, {4: [227.6], 8: [231.9], 16: [258.7]}
)

# name: how it is drawn, the words that must appear, texts in French and in English
FIGURES: dict[str, tuple[Callable[[Language], Figure], list[str], tuple[list[str], list[str]]]] = {
    "confusion": (
        lambda language: figures.confusion(language, REFERENCE, RUNS),
        ["reference", "predicted", "actual", "negative", "positive"],
        (["4\u202f642\n94,0\u00a0%", "206\n20,6\u00a0%"], ["4,642\n94.0%", "206\n20.6%"]),
    ),
    "alone": (
        lambda language: figures.confusion(language, None, COLLAPSED),
        ["predicted", "actual", "negative", "positive"],
        (["1\u202f000\n100,0\u00a0%", "0\n0,0\u00a0%"], ["1,000\n100.0%", "0\n0.0%"]),
    ),
    "losses": (
        lambda language: figures.losses(language, LOSSES),
        ["share", "loss"],
        (["0,50"], ["0.50"]),
    ),
    "rank": (
        lambda language: figures.rank(language, KNOWN, SWEEP),
        ["rank", "loss", "time", "train_loss", "heldout_loss"],
        (["3,50", "1\u202f000"], ["3.50", "1,000"]),
    ),
}
EACH = pytest.mark.parametrize(
    ("name", "code"), [(name, code) for name in FIGURES for code in LANGUAGES]
)


@pytest.fixture(autouse=True)
def _no_figure_is_left_open() -> Iterator[None]:
    yield
    assert plt.get_fignums() == []


def texts(figure: Figure) -> set[str]:
    return {
        text.get_text()
        for text in figure.findobj(Text)
        if isinstance(text, Text) and text.get_visible()
    }


@EACH
def test_words_and_numbers_are_the_language_s(name: str, code: str) -> None:
    draw, words, (french, english) = FIGURES[name]
    language = LANGUAGES[code]
    with mpl.rc_context(figures.STYLE):
        figure = draw(language)
        figure.draw_without_rendering()
    shown = texts(figure)
    assert {language.words[word] for word in words} <= shown
    assert set(french if code == "fr" else english) <= shown
    point = r"\d\.\d" if code == "fr" else r"\d,\d(?!\d\d)|[\u202f\u00a0]"
    assert not [text for text in shown if re.search(point, text)]


@EACH
def test_no_axes_are_empty(name: str, code: str) -> None:
    figure = FIGURES[name][0](LANGUAGES[code])
    assert len(figure.axes) == {"confusion": 2, "alone": 1, "losses": 1, "rank": 4}[name]
    for axes in figure.axes:
        assert axes.has_data()


@EACH
def test_two_drawings_are_byte_equal(name: str, code: str, tmp_path: Path) -> None:
    outputs = [
        str(tmp_path / place / f"{name}.{code}.{suffix}")
        for place in "ab"
        for suffix in ("svg", "png")
    ]
    figures.save(FIGURES[name][0], LANGUAGES, outputs)
    first_svg, first_png, second_svg, second_png = (Path(output).read_bytes() for output in outputs)
    assert first_svg == second_svg
    assert first_png == second_png
    assert first_svg.startswith(b"<?xml")
    with Image.open(outputs[1]) as image:
        assert image.width > 300
        colours = image.convert("RGB").getcolors(1 << 24)
        assert colours
        assert len(colours) > 10


def test_a_figure_s_title_says_how_many_seeds() -> None:
    french, english = LANGUAGES["fr"], LANGUAGES["en"]
    assert "Reproduit (moyenne de 2 graines)" in texts(figures.confusion(french, REFERENCE, RUNS))
    assert "Reproduced (one seed)" in texts(figures.confusion(english, None, COLLAPSED))
    assert {"Reference (one seed)", "Reproduced (mean of 2 seeds)"} <= texts(
        figures.rank(english, KNOWN, SWEEP)
    )


def test_the_confusion_s_cells_are_where_their_axes_say() -> None:
    axes = figures.confusion(LANGUAGES["en"], None, [{"tn": 1, "fp": 2, "fn": 3, "tp": 4}]).axes[0]
    cells = {text.get_position(): text.get_text().split("\n")[0] for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 0): "2", (0, 1): "3", (1, 1): "4"}  # (predicted, actual)
    assert axes.images[0].get_array().tolist() == [[1 / 3, 2 / 3], [3 / 7, 4 / 7]]  # pyright: ignore[reportOptionalMemberAccess]


def test_lines_are_the_means_of_the_seeds() -> None:
    figure = figures.losses(LANGUAGES["en"], LOSSES)
    first, second = figure.axes[0].get_lines()
    assert len(first.get_xdata()) == 20  # pyright: ignore[reportArgumentType]
    assert len(second.get_xdata()) == 7  # pyright: ignore[reportArgumentType]  a run of seven steps
    assert list(second.get_ydata()) == pytest.approx([0.55] * 7)  # pyright: ignore[reportArgumentType]
    legend = figure.axes[0].get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == ["Référence", "Autre"]


def test_rank_holds_every_series() -> None:
    left, right, ours, time = figures.rank(LANGUAGES["en"], KNOWN, SWEEP).axes
    assert list(left.get_lines()[0].get_ydata()) == [3.3767, 3.3444, 3.3257]  # pyright: ignore[reportArgumentType]
    assert list(right.get_lines()[0].get_ydata()) == [227.6, 231.9, 258.7]  # pyright: ignore[reportArgumentType]
    assert list(ours.get_lines()[0].get_ydata()) == pytest.approx([3.55, 3.45, 3.35])  # pyright: ignore[reportArgumentType]
    assert list(time.get_lines()[0].get_ydata()) == [1205.0, 1255.0, 1305.0]  # pyright: ignore[reportArgumentType]


def test_one_rank_and_one_seed_can_be_drawn(tmp_path: Path) -> None:
    one = RankSweep({8: [3.4]}, {8: [3.6]}, {8: [70.0]})
    figures.save(
        lambda language: figures.rank(language, KNOWN, one), LANGUAGES, [str(tmp_path / "a.fr.svg")]
    )
    short = {"a": [[0.7]]}
    figures.save(
        lambda language: figures.losses(language, short), LANGUAGES, [str(tmp_path / "b.en.svg")]
    )


def test_both_languages_have_the_same_words() -> None:
    french, english = (read_yaml(path) for path in WORDS)
    assert french.keys() == english.keys()
    assert all(
        isinstance(word, str) and word.strip() for word in [*french.values(), *english.values()]
    )
    assert "{n}" in french["mean_of_seeds"]
    assert "{n}" in english["mean_of_seeds"]
