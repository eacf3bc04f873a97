"""Which experiments get more seeds, and when `rejeu decide` stops."""

from typing import Any

import pytest

from rejeu.commands.decide import experiments, next_look, undecided, with_starts
from rejeu.errors import RejeuError
from rejeu.study import looks
from rejeu.study.configuration import load
from tests.study.sample import PROGRAM, small, study_of

STUDY = study_of()


def entry(name: str, of: str, against: str | None = None, why: str | None = "unclear") -> Any:
    compared = {"of": of, "against": against}
    return {"id": name, "why": why, "look": 1, "arms": {"corrected": [compared]}}


DECAY = entry(
    "decay",
    "sentiment.low_weight_decay_chained.metrics.accuracy",
    "sentiment.baseline.metrics.accuracy",
)
LOOKS = {"all": {"parts": {"fit": {"seeds": [1, 2, 3]}}, "looks": [5]}}
RANK = entry("rank", "lora.r16.heldout.loss", "lora.r4.heldout.loss")


@pytest.mark.parametrize("why", [None, "mixed", "needs", "missing", "tier", "device"])
def test_only_what_more_seeds_may_decide_is_asked_again(why: str | None) -> None:
    settled = entry("settled", "lora.r8.heldout.loss", why=why)
    assert undecided([settled, RANK], None) == [RANK]


def test_repeated_timings_have_no_seeds() -> None:
    timed = entry("timed", "lora.r8.heldout.loss", "timing.rank.seconds_per_step.4")
    assert experiments(timed) == set()
    assert undecided([timed], None) == []


def test_one_claim_may_be_asked_for() -> None:
    assert undecided([DECAY, RANK], "rank") == [RANK]
    with pytest.raises(RejeuError, match="--claim ranks: no such claim; known: decay, rank"):
        undecided([DECAY, RANK], "ranks")


def test_what_an_experiment_starts_from_gets_seeds_too() -> None:
    assert with_starts(STUDY, experiments(DECAY)) == {
        ("sentiment", name)
        for name in ("low_weight_decay_chained", "high_learning_rate_chained", "baseline")
    }


def test_a_look_adds_seeds_where_they_are_missing() -> None:
    now = looks.seeds(STUDY, "laptop", {})
    declared = STUDY.tiers["laptop"].looks
    look = next_look(STUDY, "laptop", [DECAY, RANK], now, 2)
    assert look["claims"] == ["decay", "rank"]
    assert look["seeds"] == {
        "lora": dict.fromkeys(("r16", "r4"), declared[0]),
        "sentiment": dict.fromkeys(
            ("baseline", "high_learning_rate_chained", "low_weight_decay_chained"), declared[0]
        ),
    }
    now["lora"]["r4"] = list(range(declared[0]))
    assert next_look(STUDY, "laptop", [RANK], now, 2)["seeds"] == {"lora": {"r16": declared[0]}}


def test_a_program_gets_seeds_too() -> None:
    chained = PROGRAM | {"experiments": {"plain": {}, "robust": {"start_from": "plain"}}}
    study = load(small(fit=chained) | {"tiers": LOOKS}, "config.yaml")
    slope = entry("slope", "fit.robust.metrics.slope")
    look = next_look(study, "all", [slope], looks.seeds(study, "all", {}), 2)
    assert look["seeds"] == {"fit": {"plain": 5, "robust": 5}}
