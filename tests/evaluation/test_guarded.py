"""Intervals of means over few seeds, on noise whose law is known."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, lognorm, nct, sem, t, ttest_1samp

from rejeu.evaluation import guarded
from rejeu.evaluation.guarded import (
    Place,
    agreeing,
    beside,
    critical,
    detectable,
    interval,
    seeds_needed,
)

STUDIES = 2000
Noise = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
SKEWED_MEAN = math.exp(1 / 2)
NOISE: dict[str, Noise] = {  # of mean zero
    "normal": lambda draw, shape: draw.normal(size=shape),
    "t(3)": lambda draw, shape: draw.standard_t(3, shape),
    "lognormal(1)": lambda draw, shape: draw.lognormal(0, 1, shape) - SKEWED_MEAN,
    "mirrored lognormal(1)": lambda draw, shape: SKEWED_MEAN - draw.lognormal(0, 1, shape),
    "exponential": lambda draw, shape: draw.exponential(size=shape) - 1,
}


def most(share: float, studies: int = STUDIES) -> float:
    """What a share of so many studies may reach by chance: three standard errors more."""
    return share + 3 * math.sqrt(share * (1 - share) / studies)


@pytest.mark.parametrize("risk", [0.05, 0.035, 0.0075])
@pytest.mark.parametrize("seeds", [3, 5, 8, 20])
def test_critical_values_exceed_student_s(seeds: int, risk: float) -> None:
    assert critical(seeds, risk) > t.ppf(1 - risk / 2, seeds - 1)


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_law_is_that_of_t_under_lognormal_noise(seeds: int) -> None:
    values = lognorm.rvs(1, size=(100_000, seeds), random_state=np.random.default_rng(1))
    found = np.abs(np.array(ttest_1samp(values, lognorm.mean(1), axis=1))[0])
    for risk in (0.5, 0.05, 0.01):
        expected = pytest.approx(risk, abs=4 * math.sqrt(risk * (1 - risk) / 60_000))
        assert np.mean(found > critical(seeds, risk)) == expected


def test_the_interval_is_so_many_standard_errors_about_the_mean() -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    half = critical(4, 0.05) * sem(values)
    assert interval(values, 0.05) == pytest.approx((0.4 - half, 0.4 + half))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0], [0.5] * 9, [0.3, 0.1 + 0.2, 0.3]])
def test_few_values_or_values_without_spread_have_no_interval(values: list[float]) -> None:
    assert interval(values, 0.05) is None


@settings(deadline=None)
@given(
    st.lists(st.floats(-5, 5), min_size=3, max_size=8),
    st.floats(-6, 6),
    st.sampled_from([0.05, 0.035, 0.01]),
)
def test_a_point_outside_the_interval_is_one_that_the_mean_lies_beside(
    values: list[float], point: float, risk: float
) -> None:
    found, place = interval(values, risk), beside(values, point)
    if found is None:
        assert place.p >= 2.0 ** (1 - len(values))
    elif abs(place.p - risk) > 1e-4:  # DRAWS are not endless
        assert (place.p < risk) == (not found[0] <= point <= found[1])


@pytest.mark.parametrize("seeds", [3, 5, 8])
@pytest.mark.parametrize("noise", NOISE)
def test_a_mean_on_the_point_is_seldom_found_beside_it(noise: str, seeds: int) -> None:
    studies = NOISE[noise](np.random.default_rng(7), (STUDIES, seeds))
    wrong = np.mean([beside(list(values + 2), 2).p <= 0.05 for values in studies])
    assert wrong <= most(0.05)


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_under_skewed_noise_student_s_t_is_wrong_too_often(seeds: int) -> None:
    """What the law is for: 16 to 18 of 100 studies in place of 5."""
    studies = NOISE["lognormal(1)"](np.random.default_rng(7), (STUDIES, seeds))
    p = np.array(ttest_1samp(studies, 0, axis=1))[1]
    assert np.mean(p <= 0.05) > 0.13


@pytest.mark.parametrize(
    ("values", "point", "side"),
    [
        ([1.0, 1.1, 0.9], 0.0, 1),
        ([1.0, 1.1, 0.9], 2.0, -1),
        ([-1.0, 5.0, -1.0], 0.0, 1),  # the mean, not most of the values
        ([0.5, 0.5, 0.5], 0.4, 1),
        ([0.5, 0.5, 0.5], 0.6, -1),
    ],
)
def test_sides(values: list[float], point: float, side: int) -> None:
    assert beside(values, point).side == side


@pytest.mark.parametrize(
    "values", [[0.02] * 9, [0.01, 0.02, 0.03], [0.02 + 1e-12] * 9, [-1e-12, 0.02, 0.04]]
)
def test_a_tie_on_the_point_decides_nothing(values: list[float]) -> None:
    assert beside(values, 0.02) == Place(0, 1.0)


@pytest.mark.parametrize("seeds", range(3, 10))
def test_values_without_spread_are_counted_like_coins(seeds: int) -> None:
    found = beside([0.1] * seeds, 0.0)
    assert (found.side, found.p) == (1, pytest.approx(binomtest(seeds, seeds).pvalue))
    assert (found.p <= 0.05) == (seeds >= 6)


@pytest.mark.parametrize(
    "values", [[0.3, 0.1 + 0.2, 0.3], [1e9, 1e9 + 0.1, 1e9], [0.0, 1e-17, -1e-17]]
)
def test_values_that_rounding_alone_sets_apart_are_without_spread(values: list[float]) -> None:
    assert beside(values, -1.0) == Place(1, 0.25)


def test_values_that_more_than_rounding_sets_apart_have_a_spread() -> None:
    assert beside([1.0, 1.0 + 1e-7, 1.0 - 1e-7], 0.0).p < 0.001


@pytest.mark.parametrize("seeds", range(3, 9))
def test_values_alike_but_for_one_are_no_surer_than_coins(seeds: int) -> None:
    """A row of a test set more or less must not turn agreement into certainty."""
    for stray in (0.00125, -0.00125, 2.1e-9):
        values = [0.0] * (seeds - 1) + [stray]
        assert beside(values, -0.02) == Place(1, agreeing(seeds))
        open_still = agreeing(seeds) > 0.05
        assert (interval(values, 0.05) is None) is open_still
        assert (detectable(values, 0.05) is None) is open_still
    # And where that one carries the mean, no count of the others says so.
    assert beside([0.0] * (seeds - 1) + [1.0], 0.02).p > 0.05


def test_seeds_that_agree_but_for_one_need_six() -> None:
    assert seeds_needed([0.0, 0.0, 0.00125], 0.02, 0.05) == 6


def spread_out(seeds: int, spread: float) -> list[float]:
    """Values around 0 with this standard deviation."""
    values = np.arange(seeds) - (seeds - 1) / 2
    return (spread * values / values.std(ddof=1)).tolist()


def beyond(seeds: int, spread: float = 1.0, risk: float = 0.05) -> float:
    found = detectable(spread_out(seeds, spread), risk)
    assert found is not None
    return found


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_what_is_detectable_is_found_in_80_of_100_studies(seeds: int) -> None:
    spread, risk = 0.3, 0.05
    draw = np.random.default_rng(3)
    studies = draw.normal(beyond(seeds, spread), spread, (STUDIES, seeds))
    places = [beside(list(values), 0) for values in studies]
    found = np.mean([place.side > 0 and place.p <= risk for place in places])
    assert found == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / STUDIES))


def test_what_is_detectable_has_the_noncentral_t_s_power() -> None:
    power = nct.sf(critical(6, 0.05), 5, beyond(6, 2.0) / 2.0 * math.sqrt(6))
    assert power == pytest.approx(0.8)


def test_more_seeds_and_more_risk_detect_less() -> None:
    assert beyond(4) > beyond(6) > beyond(12)
    assert beyond(6, risk=0.0075) > beyond(6, risk=0.035) > beyond(6)


@pytest.mark.parametrize(("seeds", "found"), [(3, None), (5, None), (6, 0.0), (9, 0.0)])
def test_without_spread_six_seeds_are_needed(seeds: int, found: float | None) -> None:
    """As many as coins that all fall on one side in less than 5 of 100 throws."""
    assert detectable([0.5] * seeds, 0.05) == found
    assert seeds_needed([0.5] * seeds, 0.1, 0.05) == max(6, seeds + 1)


@pytest.mark.parametrize("distance", [0.9, 1.5, 4.0])
def test_seeds_needed_are_the_fewest_that_detect(distance: float) -> None:
    needed = seeds_needed(spread_out(3, 1.0), distance, 0.05)
    assert needed is not None
    assert beyond(needed) <= distance < beyond(needed - 1)


def test_fewer_seeds_are_needed_further_away_and_always_more_than_are_there() -> None:
    three = spread_out(3, 1.0)
    needed = [seeds_needed(three, distance, 0.05) for distance in (0.9, 1.2, 2.0, 4.0, 100.0)]
    assert needed == sorted({count for count in needed if count}, reverse=True)
    assert needed[-1] == 4
    assert seeds_needed(spread_out(8, 1.0), 100.0, 0.05) == 9
    assert seeds_needed(spread_out(3, 0.5), 1.0, 0.05) == needed[2]


def test_beyond_a_hundred_seeds_none_is_named() -> None:
    most = guarded.MOST_SEEDS
    assert seeds_needed(spread_out(most - 2, 1.0), 0.01, 0.05) is None
    assert seeds_needed(spread_out(most, 1.0), 100.0, 0.05) is None
