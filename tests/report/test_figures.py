import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from findings import axes as study_axes
from findings import lora_figures, sentiment_figures, threshold_curves
from findings.lora_figures import RankSweep
from rejeu.evaluation.statistics import estimate
from rejeu.report import figures
from rejeu.report.figures import Language
from rejeu.report.words import read_words

ROOT = Path(__file__).parents[2]
WORDS = [
    path
    for code in ("fr", "en")
    for path in (ROOT / f"rejeu/report/words/{code}.yaml", ROOT / f"report/{code}/words.yaml")
]
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
LABELS = np.arange(300) % 2
RULES = threshold_curves.rules(
    [
        (LABELS, np.column_stack([-margin, margin]))
        for margin in np.random.default_rng(1).normal(size=(3, 300)) + LABELS - 0.5
    ]
)
GRID = {
    rank: {scale: [rank / 1000 + scale / 100 + seed / 500 for seed in range(3)] for scale in scales}
    for rank, scales in ((4, (1.0, 2.0)), (8, (1.0,)), (16, (0.25, 0.5, 1.0)))
}
RESPONSES = {
    dose: [dose / 100, dose / 90, dose / 110] if dose else [0.0] * 3 for dose in (0, 1, 4, 16, 64)
}
CROSSED = {16: {2e-5: [0.84, 0.85], 2e-3: [0.5, 0.51]}, 32: {2e-5: [0.82, 0.83], 2e-3: [0.5, 0.5]}}

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
        lambda language: figures.losses(language, LOSSES, [0, 7]),
        ["share", "loss"],
        (["0,50"], ["0.50"]),
    ),
    "rank": (
        lambda language: lora_figures.rank_sweeps(language, KNOWN, SWEEP),
        ["rank", "loss", "time", "train_loss", "heldout_loss"],
        (["3,50", "1\u202f000"], ["3.50", "1,000"]),
    ),
    "hidden_a2": (
        lambda language: sentiment_figures.decision_rules(language, RULES),
        ["precision", "recall", "notebook_rule", "threshold", "precision_recall"],
        (["Rappel, argmax", "0,8"], ["Recall, argmax", "0.8"]),
    ),
    "hidden_a3": (
        lambda language: sentiment_figures.batch_times(
            language, {16: [1.5, 1.6, 1.55], 32: [1.3, 1.35, 1.32]}
        ),
        ["batch_size", "time_per_row"],
        (["16", "32", "1\u202f500"], ["16", "32", "1,500"]),
    ),
    "hidden_a4": (
        lambda language: lora_figures.rank_and_scale(language, GRID),
        ["scale", "heldout_difference"],
        (["r = 16", "0,5", "2", "0,040"], ["r = 16", "0.5", "2", "0.040"]),
    ),
    "hidden_a5": (
        lambda language: lora_figures.rank_times(
            language, {4: [0.3, 0.31], 8: [0.31, 0.32], 16: [0.33, 0.32]}
        ),
        ["rank", "relative_time", "proportion", "timed"],
        (["4", "16", "3,0"], ["4", "16", "3.0"]),
    ),
    "hidden_a7": (
        lambda language: lora_figures.dose_response(
            language,
            {
                language.words["added_reply"]: RESPONSES,
                language.words["placebo_reply"]: {dose: [-0.02, 0.0, 0.01] for dose in RESPONSES},
            },
        ),
        ["dose", "response", "added_reply", "placebo_reply"],
        (["64", "0,60"], ["64", "0.60"]),
    ),
    "hidden_a8": (
        lambda language: lora_figures.shares_stopped(
            language,
            {
                language.words["joined_plain"]: [0.0, 0.0, 0.1],
                language.words["joined_separated"]: [0.9, 1.0, 0.8],
            },
        ),
        ["joined_plain", "joined_separated", "share_stopped"],
        (["80\u00a0%"], ["80%"]),
    ),
    "hidden_a10": (
        lambda language: sentiment_figures.crossing(language, CROSSED, 0.5),
        ["learning_rate", "accuracy", "larger_class"],
        (["Lot de 32", "0,00002", "0,80"], ["Batch of 32", "0.00002", "0.80"]),
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
    assert len(figure.axes) == {"confusion": 2, "rank": 4}.get(name, 1)
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
        lora_figures.rank_sweeps(english, KNOWN, SWEEP)
    )


def test_the_confusion_s_cells_are_where_their_axes_say() -> None:
    axes = figures.confusion(LANGUAGES["en"], None, [{"tn": 1, "fp": 2, "fn": 3, "tp": 4}]).axes[0]
    cells = {text.get_position(): text.get_text().split("\n")[0] for text in axes.texts}
    assert cells == {(0, 0): "1", (1, 0): "2", (0, 1): "3", (1, 1): "4"}  # (predicted, actual)
    assert axes.images[0].get_array().tolist() == [[1 / 3, 2 / 3], [3 / 7, 4 / 7]]  # pyright: ignore[reportOptionalMemberAccess]


def test_lines_are_the_means_of_the_seeds() -> None:
    figure = figures.losses(LANGUAGES["en"], LOSSES, [0, 7])
    first, second = figure.axes[0].get_lines()
    assert len(first.get_xdata()) == 20  # pyright: ignore[reportArgumentType]
    assert len(second.get_xdata()) == 7  # pyright: ignore[reportArgumentType]  a run of seven steps
    assert list(second.get_ydata()) == pytest.approx([0.55] * 7)  # pyright: ignore[reportArgumentType]
    assert [text.get_text() for text in figure.axes[0].texts] == ["Référence", "Autre"]


def test_a_run_looks_the_same_in_every_figure() -> None:
    """By its place among its part's experiments, whatever stands beside it."""
    one, other = (
        [
            (line.get_color(), line.get_marker(), line.get_linestyle())
            for line in figures.losses(LANGUAGES["en"], LOSSES, places).axes[0].get_lines()
        ]
        for places in ([0, 7], [1, 0])
    )
    assert one[0] == other[1]
    assert one[1][0] == other[0][0]  # there are fewer colours than experiments
    assert len({*one, *other}) == 3


def test_titles_stand_at_their_lines_and_never_over_one_another() -> None:
    heights = [0.1, 0.2, 0.1, 0.1]
    for wanted in ([0.5, 0.5, 0.5, 0.9], [0.0, 0.0, 0.0, 0.0], [0.1, 0.4, 0.7, 0.95]):
        placed = figures.spread_out(wanted, heights)
        boxes = sorted((y - h / 2, y + h / 2) for y, h in zip(placed, heights, strict=True))
        assert boxes[0][0] >= -1e-9
        assert all(one[1] <= next_[0] + 1e-9 for one, next_ in itertools.pairwise(boxes))
    assert figures.spread_out([0.1, 0.4, 0.7, 0.95], heights) == [0.1, 0.4, 0.7, 0.95]
    assert figures.spread_out([], []) == []


def test_titles_are_drawn_as_they_are(tmp_path: Path) -> None:
    titles = {r"$\frac$": r"$\frac$", "_hidden": "_hidden", "a\n\x07b": "a b", "漢": "‹U+6F22›"}
    drawn = []

    def draw(language: Language) -> Figure:
        drawn.append(figures.losses(language, {title: [[0.7, 0.6]] for title in titles}, range(4)))
        return drawn[-1]

    # Saved as the rules save it: mathematics that can't be set would fail there.
    figures.save(draw, LANGUAGES, [str(tmp_path / "a.en.svg")])
    assert [text.get_text() for text in drawn[0].axes[0].texts] == list(titles.values())


def test_rank_holds_every_series() -> None:
    left, right, ours, time = lora_figures.rank_sweeps(LANGUAGES["en"], KNOWN, SWEEP).axes
    assert list(left.get_lines()[0].get_ydata()) == [3.3767, 3.3444, 3.3257]  # pyright: ignore[reportArgumentType]
    assert list(right.get_lines()[0].get_ydata()) == [227.6, 231.9, 258.7]  # pyright: ignore[reportArgumentType]
    assert list(ours.get_lines()[0].get_ydata()) == pytest.approx([3.55, 3.45, 3.35])  # pyright: ignore[reportArgumentType]
    assert list(time.get_lines()[0].get_ydata()) == [1205.0, 1255.0, 1305.0]  # pyright: ignore[reportArgumentType]


def bars(axes: Axes) -> list[list[tuple[float, float, float, float]]]:
    """For each series its (place, mean, low, high)."""
    found = []
    for container in axes.containers:
        assert isinstance(container, ErrorbarContainer)
        line, _, (segments,) = container.lines
        assert line is not None
        ends = [(low, high) for (_, low), (_, high) in segments.get_segments()]
        rows = zip(line.get_xdata(), line.get_ydata(), ends, strict=True)  # pyright: ignore[reportArgumentType]
        found.append([(float(x), float(mean), low, high) for x, mean, (low, high) in rows])
    return found


def test_bars_are_t_intervals_at_their_place() -> None:
    axes = lora_figures.rank_and_scale(LANGUAGES["en"], GRID).axes[0]
    series = bars(axes)
    assert [len(cells) for cells in series] == [2, 1, 3]
    for cells, rank in zip(series, GRID, strict=True):
        for (place, *shown), scale in zip(cells, GRID[rank], strict=True):
            expected = estimate(GRID[rank][scale])
            assert shown == pytest.approx([expected.mean, expected.low, expected.high])
            assert 0.9 < place / scale < 1.1
    legend = axes.get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == ["r = 4", "r = 8", "r = 16"]


def test_a_share_s_bar_stays_within_0_and_1() -> None:
    axes = lora_figures.shares_stopped(LANGUAGES["en"], {"a": [0.0, 0.0, 0.1], "b": [1.0]}).axes[0]
    ((place, _, low, high),), ((other, mean, *ends),) = bars(axes)
    assert (place, other) == (0, 1)
    assert low == 0
    assert high > 0.1
    assert ends == [mean, mean]  # a single value has no interval


def test_time_is_relative_within_each_repeat() -> None:
    axes = lora_figures.rank_times(LANGUAGES["en"], {4: [1.0, 2.0], 16: [1.1, 2.2]}).axes[0]
    ((first, last),) = bars(axes)
    assert first == pytest.approx((4, 1, 1, 1))
    assert last == pytest.approx((16, 1.1, 1.1, 1.1))  # both repeats agree, whatever they took
    assert list(axes.get_lines()[0].get_ydata()) == [1, 4]  # pyright: ignore[reportArgumentType]


def test_every_repeat_s_times_are_shown_in_milliseconds() -> None:
    axes = sentiment_figures.batch_times(LANGUAGES["en"], {32: [0.3, 0.4], 16: [0.1, 0.2]}).axes[0]
    drawn = [list(line.get_ydata()) for line in axes.get_lines()]  # pyright: ignore[reportArgumentType]
    assert [100, 300] in drawn
    assert [200, 400] in drawn


def test_the_crossing_has_a_line_for_each_batch_and_the_larger_class() -> None:
    axes = sentiment_figures.crossing(LANGUAGES["en"], CROSSED, 0.52).axes[0]
    assert [[round(mean, 3) for _, mean, _, _ in line] for line in bars(axes)] == [
        [0.845, 0.505],
        [0.825, 0.5],
    ]
    assert list(axes.get_lines()[0].get_ydata()) == [0.52, 0.52]  # pyright: ignore[reportArgumentType]


def test_the_rules_figure_marks_the_notebook_s_threshold() -> None:
    lines = sentiment_figures.decision_rules(LANGUAGES["en"], RULES).axes[0].get_lines()
    assert list(lines[-1].get_xdata()) == [0.5, 0.5]  # pyright: ignore[reportArgumentType]
    curve, points = lines[0], lines[1]
    assert list(curve.get_ydata()) == pytest.approx(list(RULES.precision.mean(axis=0)))  # pyright: ignore[reportArgumentType]
    assert list(points.get_xdata()) == [seed[0] for seed in RULES.argmax]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "axis", [(0.0, 0.011), (0.0, 0.2), (0.4, 0.9), (0.0, 30.0), (130.0, 133.0)]
)
def test_ticks_have_the_decimals_that_tell_them_apart(axis: tuple[float, float]) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_ylim(*axis)
    study_axes.fitted(LANGUAGES["en"], axes.yaxis)
    figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.yaxis.get_ticklabels()]
    assert len(set(labels)) == len(labels) > 3
    assert [float(text) for text in labels] == pytest.approx(axes.get_yticks())  # nothing rounded


def test_one_rank_and_one_seed_can_be_drawn(tmp_path: Path) -> None:
    one = RankSweep({8: [3.4]}, {8: [3.6]}, {8: [70.0]})
    figures.save(
        lambda language: lora_figures.rank_sweeps(language, KNOWN, one),
        LANGUAGES,
        [str(tmp_path / "a.fr.svg")],
    )
    figures.save(
        lambda language: lora_figures.dose_response(language, {"a": {0: [0.0], 1: [0.2]}}),
        LANGUAGES,
        [str(tmp_path / "c.fr.svg")],
    )
    short = {"a": [[0.7]]}
    figures.save(
        lambda language: figures.losses(language, short, [0]),
        LANGUAGES,
        [str(tmp_path / "b.en.svg")],
    )


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    french, english = read_words(WORDS).values()
    assert french.keys() == english.keys()
    for name, text in french.items():
        places = [
            set(re.findall(r"\{(\w+)\}", each.lower())) - {"s"} for each in (text, english[name])
        ]
        assert places[0] == places[1], name


def test_a_confusion_of_three_classes_names_them() -> None:
    counts = [[5, 1, 0], [2, 6, 2], [0, 0, 0]]
    figure = figures.confusion(LANGUAGES["en"], None, [counts, counts], ["ant", "bee", "_$x$"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ant", "bee", "_$x$"]
    assert axes.images[0].get_array().tolist() == [[5 / 6, 1 / 6, 0], [0.2, 0.6, 0.2], [0, 0, 0]]  # pyright: ignore[reportOptionalMemberAccess]
