"""A dose takes a known number of slots and changes nothing else."""

import io
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from rejeu.errors import RejeuError
from rejeu.job.run import Progress
from rejeu.training import doses
from rejeu.training.hardware import Hardware
from rejeu.training.lora import adapt, fit_adapter, load, schedule, train, trainable
from tests.training.sample import ROWS, SETTINGS

LENGTHS = [len(row) for row in ROWS]
ADDED = len(ROWS)
LARGER = replace(SETTINGS, max_steps=35)  # 70 slots: three passes over 20 rows, and half of another


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


@hypothesis(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.booleans(), st.integers(1, 3))
def test_a_dose_changes_its_slots_and_no_others(
    seed: int, dose: int, grouping: bool, batch: int
) -> None:
    settings = replace(
        LARGER, seed=seed, dose=dose, length_grouping=grouping, batch_size=batch, dropout=0.0
    )
    drawn = doses.draw(LENGTHS, settings)
    found = doses.batches([*LENGTHS, 9], settings, drawn)
    before = schedule(LENGTHS, settings)  # of the run without the row: r8 of the same seed
    assert [len(rows) for rows in found] == [len(rows) for rows in before]
    changed = [slot for slot, row in enumerate(flat(found)) if row == ADDED]
    assert sorted(drawn["slots"][:dose]) == changed
    assert len(changed) == dose
    for slot, (one, other) in enumerate(zip(flat(found), flat(before), strict=True)):
        assert one == (ADDED if slot in changed else other)


def test_no_dose_is_the_run_without_the_row() -> None:
    drawn = doses.draw(LENGTHS, LARGER)
    assert doses.dosed(drawn, 0, ADDED, 2) == schedule(LENGTHS, LARGER)
    assert ADDED not in drawn["rows"]


def test_smaller_doses_are_within_larger_ones() -> None:
    drawn = doses.draw(LENGTHS, LARGER)

    def slots(dose: int) -> set[int]:
        found = flat(doses.batches([*LENGTHS, 9], replace(LARGER, dose=dose), drawn))
        return {slot for slot, row in enumerate(found) if row == ADDED}

    taken = [slots(dose) for dose in (1, 4, 16, 64, 70)]
    assert [len(found) for found in taken] == [1, 4, 16, 64, 70]
    assert all(fewer < more for fewer, more in itertools.pairwise(taken))


def test_each_seed_has_slots_of_its_own_and_keeps_them() -> None:
    drawn = [doses.draw(LENGTHS, replace(LARGER, seed=seed)) for seed in (42, 43, 42)]
    assert drawn[0] == drawn[2]
    assert drawn[0]["slots"] != drawn[1]["slots"]
    assert drawn[0]["rows"] != drawn[1]["rows"]
    for found in drawn:
        assert sorted(found["slots"]) == list(range(70))
    assert json.loads(json.dumps(drawn)) == drawn


def test_too_large_a_dose_is_refused() -> None:
    drawn = doses.draw(LENGTHS, LARGER)
    with pytest.raises(RejeuError, match=r"dose 71: the run has 70 slots.*choose a smaller `dose`"):
        doses.batches([*LENGTHS, 9], replace(LARGER, dose=71), drawn)


def test_without_a_dose_the_sampler_draws_all_rows_anew() -> None:
    lengths = [*LENGTHS, 9]
    assert doses.batches(lengths, LARGER, None) == schedule(lengths, LARGER)
    with pytest.raises(ValueError, match="dose 1: no slots are given"):
        doses.batches(lengths, replace(LARGER, dose=1), None)


def test_other_steps_keep_their_dropout(causal: Path, fp32: Hardware) -> None:
    """A row of another length shifts no random number of the steps after it."""
    settings = replace(SETTINGS, dose=1, dropout=0.5, learning_rate=1e-30, warmup_share=0.0)
    rows = [*ROWS, [5, 6, 7, 8]]
    drawn = doses.draw(LENGTHS, settings) | {"slots": [4]}
    assert LENGTHS[drawn["rows"][4]] != 4

    def losses(dose: int) -> list[float]:
        base = load(causal, fp32, "none")
        model = adapt(base, replace(settings, rank=2), fp32)
        torch.manual_seed(1)
        for parameter in trainable(model):  # B too, which begins as zero and would hide dropout
            torch.nn.init.normal_(parameter, std=0.5)
        batches = doses.dosed(drawn, dose, ADDED, settings.rows_per_step)
        progress = Progress("test", 1, io.StringIO())
        return [
            row["loss"] for row in fit_adapter(model, rows, batches, settings, fp32, progress).log
        ]

    without, with_row, again = losses(0), losses(1), losses(0)
    assert without == again
    assert [step for step in range(6) if without[step] != with_row[step]] == [2]
    settings = replace(settings, seed=8)
    assert all(one != other for one, other in zip(losses(0), without, strict=True))


def test_a_dose_trains_on_the_row(causal: Path, fp32: Hardware) -> None:
    """Runs are the same up to the first slot of the dose, and differ from there on."""
    settings = replace(SETTINGS, dose=1)
    drawn = doses.draw(LENGTHS, settings)
    drawn["slots"] = [4]  # in the third step of six

    def losses(dose: int) -> list[float]:
        rows = [*ROWS, [5, 6, 7, 8]]
        batches = doses.dosed(drawn, dose, ADDED, settings.rows_per_step)
        base = load(causal, fp32, "none")
        _, log, record = train(base, rows, batches, settings, fp32, "test", io.StringIO())
        assert record["settings"]["dose"] == 1
        return [row["loss"] for row in log]

    without, with_row = losses(0), losses(1)
    assert without[:2] == with_row[:2]
    assert all(one != other for one, other in zip(without[2:], with_row[2:], strict=True))
