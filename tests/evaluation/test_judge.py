"""The judge on studies whose truth is known."""

import math
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from rejeu.evaluation.judge import (
    State,
    Verdict,
    agreeing,
    exact,
    over_seeds,
    state,
    together,
    verdict,
)
from rejeu.evaluation.statistics import Estimate

STUDIES = 1000


@pytest.mark.parametrize("comparisons", [1, 3])
def test_interval_is_student_s_shared_among_comparisons(comparisons: int) -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    found = over_seeds(values, comparisons)
    expected = ttest_1samp(values, 0).confidence_interval(1 - 0.05 / comparisons)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert (found.mean, found.n) == (pytest.approx(0.4), 4)


def test_exact_interval_is_clopper_pearson() -> None:
    expected = binomtest(30, 50).proportion_ci(0.95, method="exact")
    found = exact(30, 50)
    assert (found.mean, found.n) == (0.6, 1)
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert exact(0, 0).low is None


@pytest.mark.parametrize(
    "values", [[], [1.0], [1.0, 2.0], [1.0, 2.0, math.nan], [1.0, None, 2.0], [1.0, 2.0, math.inf]]
)
def test_few_or_undefined_values_leave_no_interval(values: list[float | None]) -> None:
    found = over_seeds(values)
    assert found.low is None
    assert state(found, "above", 0.0) == "missing"


@pytest.mark.parametrize(
    ("low", "high", "above", "below", "within"),
    [
        (1.1, 2.0, "holds", "fails", "fails"),
        (-0.5, 0.5, "fails", "holds", "holds"),
        (0.5, 1.5, "unclear", "unclear", "unclear"),
        (-3.0, -1.5, "fails", "holds", "fails"),
        (-1.5, 0.0, "fails", "holds", "unclear"),
        (1.0, 1.0, "unclear", "unclear", "unclear"),  # on the margin itself
        (-9.0, 9.0, "unclear", "unclear", "unclear"),
    ],
)
def test_states(low: float, high: float, above: State, below: State, within: State) -> None:
    interval = Estimate(0.0, low, high, 3)
    assert state(interval, "above", 1.0) == above
    assert state(interval, "below", 1.0) == below
    assert state(interval, "within", 1.0) == within


TABLE: list[tuple[State | None, State, Verdict]] = [
    ("holds", "holds", "reproduced"),
    ("fails", "holds", "reproduced"),
    ("unclear", "holds", "reproduced"),
    (None, "holds", "reproduced"),
    ("holds", "fails", "artefact"),
    ("fails", "fails", "contradicted"),
    (None, "fails", "contradicted"),
    ("unclear", "fails", "inconclusive"),
    ("holds", "unclear", "inconclusive"),
    ("fails", "unclear", "inconclusive"),
    ("unclear", "unclear", "inconclusive"),
    (None, "unclear", "inconclusive"),
    ("missing", "holds", "untested"),
    ("missing", "fails", "untested"),
    ("missing", "unclear", "untested"),
    ("holds", "missing", "untested"),
    ("fails", "missing", "untested"),
    ("unclear", "missing", "untested"),
    ("missing", "missing", "untested"),
    (None, "missing", "untested"),
]


@pytest.mark.parametrize(("notebook", "corrected", "expected"), TABLE)
def test_every_cell_of_the_table(
    notebook: State | None, corrected: State, expected: Verdict
) -> None:
    assert verdict(corrected, notebook) == expected


def test_the_table_is_whole() -> None:
    states = ["holds", "fails", "unclear", "missing"]
    assert {row[:2] for row in TABLE} == {
        (notebook, corrected) for notebook in [*states, None] for corrected in states
    }


@pytest.mark.parametrize(
    ("states", "all_of", "seeds"),
    [
        (["holds", "holds", "holds"], "holds", "holds"),
        (["holds", "fails", "holds"], "fails", "unclear"),
        (["holds", "unclear", "holds"], "unclear", "unclear"),
        (["fails", "fails", "fails"], "fails", "fails"),
        (["holds", "missing", "fails"], "missing", "missing"),
        (["holds", "holds"], "holds", "missing"),
        ([], "missing", "missing"),
    ],
)
def test_several_states(states: list[State], all_of: State, seeds: State) -> None:
    assert together(states) == all_of
    assert agreeing(states) == seeds


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=8), st.floats(-3, 3), st.floats(-2, 2))
def test_a_mirrored_study_has_the_mirrored_state(
    values: list[float], bound: float, shift: float
) -> None:
    moved = [value + shift for value in values]
    mirrored = [-value for value in moved]
    assert state(over_seeds(moved), "above", bound) == state(over_seeds(mirrored), "below", -bound)


Judge = Callable[[np.ndarray], State]


def ours(differences: np.ndarray) -> State:
    return state(over_seeds(list(differences)), "above", 1.0)


def always(word: State) -> Judge:
    return lambda _: word


def shuffled(differences: np.ndarray) -> State:
    """A judge that mixes the two runs of a pair up."""
    signs = np.random.default_rng(zlib.crc32(differences.tobytes())).choice([-1, 1], 5)
    return ours(differences * signs[: len(differences)])


def studies(judge: Judge, effect: float, noise: float, seeds: int) -> dict[State, float]:
    """Shares of the states of simulated studies with normal differences; the margin is 1."""
    generator = np.random.default_rng(7)
    found = [judge(generator.normal(effect, noise, seeds)) for _ in range(STUDIES)]
    words: list[State] = ["holds", "fails", "unclear", "missing"]
    return {word: found.count(word) / STUDIES for word in words}


def sound(judge: Judge, seeds: int) -> bool:
    """Few false words where the effect equals the margin; most are right where it is twice that."""
    # 5 % and three standard errors of a share of 1,000.
    null = studies(judge, effect=1.0, noise=1.0, seeds=seeds)
    planted = studies(judge, effect=2.0, noise=0.25, seeds=seeds)
    absent = studies(judge, effect=0.0, noise=0.25, seeds=seeds)
    return (
        null["holds"] + null["fails"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
        and planted["holds"] >= 0.8
        and absent["fails"] >= 0.8
        and absent["holds"] <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / STUDIES)
    )


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_judge_is_sound(seeds: int) -> None:
    assert sound(ours, seeds)


@pytest.mark.parametrize("word", ["holds", "fails", "unclear", "missing"])
def test_a_judge_that_always_says_one_thing_is_not(word: State) -> None:
    assert not sound(always(word), 3)


def test_a_judge_whose_arms_are_shuffled_is_not() -> None:
    assert not sound(shuffled, 5)


@pytest.mark.parametrize("comparisons", [2, 3])
def test_claims_of_several_comparisons_share_the_risk(comparisons: int) -> None:
    """A claim that fails by any of its comparisons has more chances to fail falsely."""
    generator = np.random.default_rng(8)
    false = 0
    for _ in range(STUDIES):
        states: list[State] = [
            state(over_seeds(list(generator.normal(1.0, 1.0, 5)), comparisons), "above", 1.0)
            for _ in range(comparisons)
        ]
        false += together(states) in ("holds", "fails")
    assert false / STUDIES <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
