"""The judge on studies whose truth is known."""

import math
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from rejeu.evaluation.judge import (
    VERDICTS,
    State,
    Verdict,
    agreeing,
    compare,
    exact,
    judge,
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


# Whole claims on studies whose truth is known: values per seed by path.
CLAIM: dict[str, Any] = {
    "id": "claim",
    "section": "section",
    "finding": None,
    "tiers": ["laptop"],
    "reference": {"of": "ours", "against": "others", "by": "difference"},
}
DIFFERENCE: dict[str, Any] = {
    "by": "difference",
    "test": "seeds",
    "side": "below",
    "around": 0.0,
    "margin": 0.1,
}
EQUAL, UNLIKE = [0.80, 0.81, 0.79], [0.50, 0.52, 0.49]  # of others: no effect, an effect
NOISY = [0.2, 0.9, 0.8]


def judged(
    corrected: Sequence[float | None] | None,
    notebook: Sequence[float | None] | None,
    tier: str = "laptop",
) -> dict[str, Any]:
    """Judge that ours is below the others by more than the margin, in both arms."""
    others = [0.8, 0.8, 0.8][: len(corrected or EQUAL)]
    values = {"corrected": corrected, "notebook": notebook, "others": others}
    arms = {
        arm: [{**DIFFERENCE, "of": arm, "against": "others"}] for arm in ("corrected", "notebook")
    }
    printed = {"ours": [0.5], "others": [0.9]}
    return judge(CLAIM | arms, tier, values.get, printed.get)


@pytest.mark.parametrize(
    ("name", "corrected", "notebook", "expected"),
    [
        ("effect present", UNLIKE, UNLIKE, "reproduced"),
        ("effect absent, and in the notebook", EQUAL, EQUAL, "contradicted"),
        ("effect absent, made by the fault", EQUAL, UNLIKE, "artefact"),
        ("effect reversed", [1.1, 1.12, 1.09], UNLIKE, "artefact"),
        ("effect reversed in both", [1.1, 1.12, 1.09], [1.1, 1.12, 1.09], "contradicted"),
        ("too noisy", NOISY, UNLIKE, "inconclusive"),
        ("too noisy where it decides", EQUAL, NOISY, "inconclusive"),
        ("one seed", UNLIKE[:1], UNLIKE[:1], "untested"),
        ("two seeds", UNLIKE[:2], UNLIKE[:2], "untested"),
        ("arm missing", None, UNLIKE, "untested"),
        ("other arm missing", UNLIKE, None, "untested"),
        ("undefined on a seed", [0.5, None, 0.49], UNLIKE, "untested"),
        ("NaN on a seed", [0.5, math.nan, 0.49], UNLIKE, "untested"),
    ],
)
def test_studies_of_known_truth(
    name: str,
    corrected: Sequence[float | None] | None,
    notebook: Sequence[float | None] | None,
    expected: Verdict,
) -> None:
    assert judged(corrected, notebook)["verdict"] == expected, name


def test_an_entry_says_what_it_measured() -> None:
    entry = judged(UNLIKE, UNLIKE)
    assert entry["quantity"] == "corrected - others"
    assert entry["reference"] == pytest.approx(-0.4)
    differences = [ours - 0.8 for ours in UNLIKE]
    assert entry["measured"] == pytest.approx(np.mean(differences))
    expected = ttest_1samp(differences, 0).confidence_interval(0.95)
    assert entry["interval"] == [pytest.approx(expected.low), pytest.approx(expected.high)]
    assert (entry["margin"], entry["seeds"]) == (0.1, 3)
    assert entry["verdict_by_arm"] == {"corrected": "holds", "notebook": "holds"}


def test_a_tier_that_can_t_say_leaves_a_claim_untested() -> None:
    entry = judged(UNLIKE, UNLIKE, tier="smoke")
    assert entry["verdict"] == "untested"
    assert entry["measured"] is not None


def test_two_effects_changed_at_once_are_told_apart() -> None:
    """Confounded: the notebook changed rate and batch; only the rate, alone, has the effect."""
    values = {"both": UNLIKE, "rate": UNLIKE, "batch": EQUAL, "others": [0.8, 0.8, 0.8]}

    def verdict_of(alone: str) -> Verdict:
        arms = {
            "corrected": [{**DIFFERENCE, "of": alone, "against": "others"}],
            "notebook": [{**DIFFERENCE, "of": "both", "against": "others"}],
        }
        return judge(CLAIM | {"reference": None} | arms, "laptop", values.get, values.get)[
            "verdict"
        ]

    assert verdict_of("rate") == "reproduced"
    assert verdict_of("batch") == "artefact"


def compared(values: dict[str, list[Any]], comparisons: int = 1, **changes: Any) -> dict[str, Any]:
    given = {**DIFFERENCE, "of": "ours", "against": "others", **changes}
    return compare(given, values.get, comparisons)


def test_a_share_is_judged_on_each_seed_s_predictions() -> None:
    share = {"by": "share", "test": "exact", "side": "above", "around": 0.5, "margin": 0.05}
    more = {"ours": [80, 90, 85], "others": [20, 10, 15]}
    found = compared(more, **share)
    assert found["state"] == "holds"
    assert found["measured"] == pytest.approx(0.85)
    low = binomtest(80, 100).proportion_ci(0.95, method="exact").low
    assert found["interval"][0] == pytest.approx(low)
    assert compared({"ours": [80, 50, 85], "others": [20, 50, 15]}, **share)["state"] == "unclear"
    assert compared({"ours": [0, 90, 85], "others": [0, 10, 15]}, **share)["state"] == "missing"


def test_ratios_and_equal_texts() -> None:
    slower = {"ours": [2.0, 2.2, 1.9, 2.1], "others": [1.0, 1.0, 1.0, 1.0]}
    ratio = {"by": "ratio", "side": "above", "around": 1.0}
    assert compared(slower, **ratio)["state"] == "holds"
    assert compared({"ours": [1.0] * 3, "others": [0.0] * 3}, **ratio)["state"] == "missing"
    same = {"by": "equal", "test": "each", "side": "within", "around": 1.0, "margin": 0.5}
    assert (
        compared({"ours": ["a", "b", "c"], "others": ["a", "b", "c"]}, **same)["state"] == "holds"
    )
    assert (
        compared({"ours": ["a", "b", "c"], "others": ["x", "y", "z"]}, **same)["state"] == "fails"
    )
    mixed = compared({"ours": ["a", "b", "c"], "others": ["a", "y", "z"]}, **same)
    assert (mixed["state"], mixed["values"]) == ("unclear", [1.0, 0.0, 0.0])


def test_several_comparisons_widen_each_interval() -> None:
    values = {"ours": UNLIKE, "others": [0.8] * 3}
    alone, shared = (compared(values, count)["interval"] for count in (1, 2))
    assert shared[0] < alone[0] < alone[1] < shared[1]


def verdicts(effect: float, noise: float, seeds: int) -> dict[str, float]:
    """Shares of the verdicts on whole simulated studies, both arms with that effect.

    The effect is in margins, on the claimed side; the noise is a seed's, in margins too.
    """
    generator = np.random.default_rng(9)
    found: list[str] = []
    for _ in range(STUDIES):
        others = generator.normal(0.8, 0.05, seeds)
        values: dict[str, list[float]] = {"others": list(others)}
        for arm in ("corrected", "notebook"):
            values[arm] = list(others - 0.1 * generator.normal(effect, noise, seeds))
        arms = {
            arm: [{**DIFFERENCE, "of": arm, "against": "others"}]
            for arm in ("corrected", "notebook")
        }
        claim = CLAIM | {"reference": None} | arms
        found.append(judge(claim, "laptop", values.get, values.get)["verdict"])
    return {word: found.count(word) / STUDIES for word in VERDICTS}


@pytest.mark.parametrize("seeds", [3, 5])
def test_whole_studies_without_a_direction_seldom_get_one(seeds: int) -> None:
    # The effect is just the margin: neither the claim nor its contrary is right.
    found = verdicts(effect=1.0, noise=1.0, seeds=seeds)
    false = found["reproduced"] + found["artefact"] + found["contradicted"]
    assert false <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
    assert found["untested"] == 0


@pytest.mark.parametrize("seeds", [3, 5])
def test_whole_studies_with_a_planted_effect_are_found(seeds: int) -> None:
    assert verdicts(effect=2.0, noise=0.25, seeds=seeds)["reproduced"] >= 0.8
    assert verdicts(effect=0.0, noise=0.25, seeds=seeds)["contradicted"] >= 0.8
