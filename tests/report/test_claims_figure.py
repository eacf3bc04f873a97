"""The picture of the claims: right of the line they hold, left of it they fail."""

from pathlib import Path
from typing import Any

import pytest

from rejeu.job.whole_files import read_json
from rejeu.report.claims_figure import LOOKS, beyond, claims, in_margins, interval, placed
from rejeu.report.figures import Language
from rejeu.report.numbers import Numbers
from rejeu.report.words import engine_words
from tests.report.results_folder import write_results


def compared(**changes: Any) -> dict[str, Any]:
    return {
        **{"test": "mean", "by": "difference", "side": "above", "around": 0.0, "margin": 0.02},
        **{"state": "holds", "measured": 0.06, "interval": [0.04, 0.08], "values": [0.06] * 3},
        **changes,
    }


@pytest.mark.parametrize(
    ("side", "value", "margins"),
    [
        ("above", 0.06, 2),
        ("above", 0.0, -1),
        ("below", -0.06, 2),
        ("below", 0.02, -2),
        ("not_below", 0.0, 1),
        ("not_below", -0.04, -1),
        ("within", 0.0, 1),
        ("within", -0.02, 0),
        ("within", 0.06, -2),
    ],
)
def test_a_distance_is_in_margins_beyond_the_bound(side: str, value: float, margins: float) -> None:
    assert beyond(compared(side=side), value) == pytest.approx(margins)


def test_an_interval_keeps_its_ends_in_order() -> None:
    assert interval(compared()) == pytest.approx((1, 3))
    assert interval(compared(side="below")) == pytest.approx((-5, -3))
    # What lies around no effect is deepest there, not at an end.
    assert interval(compared(side="within", interval=[-0.01, 0.03])) == pytest.approx((-0.5, 1))
    assert interval(compared(interval=None)) is None


def test_an_event_is_counted_from_one_half() -> None:
    event = compared(test="most", measured=1.0, values=[1.0] * 6, interval=[0.54, 1.0])
    assert in_margins(event) == 1
    assert interval(event) == pytest.approx((0.08, 1))
    assert in_margins(event | {"measured": 0.0}) == -1


def test_what_has_no_margin_has_no_place() -> None:
    assert in_margins(compared(margin=0.0)) is None


@pytest.mark.parametrize("seed", range(4))
def test_the_side_of_the_line_is_the_verdict(tmp_path: Path, seed: int) -> None:
    study = write_results(tmp_path, seed, runs=6)
    rows = placed(read_json(tmp_path / "results" / study["tier"] / "claims.json"))
    assert {row.verdict for row in rows} <= set(LOOKS)
    decided = [row for row in rows if row.verdict != "inconclusive" and row.interval]
    assert decided
    for row in decided:
        assert row.interval is not None
        low, high = row.interval
        assert low > 0 if row.verdict == "reproduced" else high < 0, row


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_judged_claim_is_drawn_with_its_verdict_in_words(
    tmp_path: Path, language: str
) -> None:
    study = write_results(tmp_path, 5, runs=6)
    rows = placed(read_json(tmp_path / "results" / study["tier"] / "claims.json"))
    words = engine_words(language)
    figure = claims(Language(words, Numbers(language)), rows, study["statements"])
    axes = figure.axes[0]
    drawn = [tick.get_text().replace("\n", " ") for tick in axes.get_yticklabels()]
    assert drawn == [study["statements"][row.id][language] for row in rows]
    (beside,) = axes.child_axes
    said = [tick.get_text() for tick in beside.get_yticklabels()]
    assert said == [words[f"verdict_{row.verdict}"] for row in rows]
    assert {"1", "−1"} <= {tick.get_text() for tick in axes.get_xticklabels()}


def test_where_nothing_is_judged_nothing_is_drawn() -> None:
    figure = claims(Language(engine_words("en"), Numbers("en")), [], {})
    assert list(figure.axes[0].get_yticks()) == []
