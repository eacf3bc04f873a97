import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from rejeu.evaluation.statistics import Estimate, estimate, share, windows

FINITE = st.floats(-1e6, 1e6)
LOSSES = st.lists(st.floats(0, 1e3), min_size=1, max_size=80)
SHARES = st.lists(st.floats(0.01, 1), min_size=1, max_size=6, unique=True).map(sorted)


@pytest.mark.parametrize(
    "values",
    [[0.84, 0.85, 0.86], [0.5, 0.9], [-3.0, 1e-9, 7.0, 2.0, 2.0], list(np.linspace(0, 1, 30))],
)
def test_interval_is_student_s(values: list[float]) -> None:
    found = estimate(list(values))
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.mean == pytest.approx(np.mean(values))
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert found.n == len(values)


def test_three_seeds_by_hand() -> None:
    # t(0.975; 2) = 4.302653; sd = 1; 4.302653 / sqrt(3) = 2.484138
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.low, found.high) == (
        2.0,
        pytest.approx(-0.484138),
        pytest.approx(4.484138),
    )


def test_one_seed_has_no_interval() -> None:
    assert estimate([0.25]) == Estimate(0.25, None, None, 1)


@pytest.mark.parametrize("values", [[None], [], [0.5, None], [None, None, 1.0]])
def test_an_undefined_value_leaves_no_mean(values: list[float | None]) -> None:
    assert estimate(values) == Estimate(None, None, None, len(values))


@settings(deadline=None)
@given(st.lists(FINITE, min_size=2, max_size=10), FINITE)
def test_interval_moves_with_its_values(values: list[float], shift: float) -> None:
    here, there = estimate(list(values)), estimate([value + shift for value in values])
    assert here.mean is not None
    assert here.low is not None
    assert here.high is not None
    assert here.low <= here.mean <= here.high
    assert here.mean - here.low == pytest.approx(here.high - here.mean, abs=1e-6)
    assert there.low == pytest.approx(here.low + shift, rel=1e-6, abs=1e-3)


def test_windows_by_hand() -> None:
    assert windows([4.0, 2.0, 1.0, 1.0], [0.5, 1.0]) == [3.0, 1.0]
    assert windows([4.0, 2.0, 1.0, 1.0], [0.25, 0.5, 0.75, 1.0]) == [4.0, 2.0, 1.0, 1.0]
    assert windows([float(i) for i in range(10)], [0.8, 1.0]) == [3.5, 8.5]


def test_windows_of_the_reference_end_where_it_logged() -> None:
    shares = [500 / 2480, 1000 / 2480]
    losses = [1.0] * 500 + [2.0] * 500 + [9.0] * 1480
    assert windows(losses, shares) == [1.0, 2.0]


@settings(deadline=None)
@given(LOSSES, SHARES)
def test_each_window_is_a_mean_of_the_losses(losses: list[float], shares: list[float]) -> None:
    found = windows(losses, shares)
    assert len(found) == len(shares)
    for value in found:
        assert math.isfinite(value)
        assert min(losses) - 1e-9 <= value <= max(losses) + 1e-9


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 6), st.data())
def test_equal_windows_share_the_run_out(each: int, count: int, data: st.DataObject) -> None:
    losses = data.draw(st.lists(st.floats(0, 10), min_size=each * count, max_size=each * count))
    found = windows(losses, [(place + 1) / count for place in range(count)])
    assert np.mean(found) == pytest.approx(np.mean(losses), abs=1e-9)


def test_a_share_s_interval_stays_between_0_and_1() -> None:
    wide = share([0.0, 1.0, 1.0])
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert share([0.84, 0.85, 0.86]) == estimate([0.84, 0.85, 0.86])
    assert share([1.0]).low is None
