"""When a step's numbers are read changes nothing; what float16 leaves out is left out."""

import io
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rejeu.training import classifier, loop, lora
from rejeu.training.checkpoint import Checkpoints
from rejeu.training.hardware import Hardware, choose
from tests.training.sample import ROWS
from tests.training.sample import SETTINGS as LORA
from tests.training.test_checkpoint import Train, assert_same, died, states
from tests.training.test_classifier import SETTINGS, reviews


def classified(folder: Path, hardware: Hardware, **changed: Any) -> Any:
    settings = replace(SETTINGS, epochs=2, attention_dropout=0.1, **changed)
    return classifier.train(folder, reviews(22), settings, hardware, "run", io.StringIO())


def halved(folder: Path) -> Train:
    """LoRA in float16, whose first gradients are too large once they are scaled."""
    hardware = choose("fp16", "eager", 1)
    longer = replace(LORA, max_steps=12)
    batches = lora.schedule([len(row) for row in ROWS], longer)

    def train(saved: Checkpoints | None) -> Any:
        base = lora.load(folder, hardware, "none")
        return lora.train(base, ROWS, batches, longer, hardware, "run", io.StringIO(), saved)

    return train


@pytest.mark.parametrize("learning_rate", [1e-3, 1e30])
def test_reading_late_changes_nothing(
    encoder: Path, fp32: Hardware, learning_rate: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a GPU is read: a run that diverges has the weights of the step before all the same."""
    at_once = classified(encoder, fp32, learning_rate=learning_rate)
    counts = []
    read = loop.read

    def counted(steps: list[loop.Step], log: list[dict[str, float]]) -> int | None:
        counts.append(len(steps))
        return read(steps, log)

    monkeypatch.setattr(loop, "read", counted)
    monkeypatch.setitem(loop.READ_EVERY, "cpu", 3600.0)
    late = classified(encoder, fp32, learning_rate=learning_rate)
    assert counts == ([6] if learning_rate > 1 else [6, 6])  # at the end of each epoch
    assert_same(at_once, late)
    assert at_once[2]["diverged_at"] == late[2]["diverged_at"]
    assert (late[2]["diverged_at"] is not None) == (learning_rate > 1)
    assert all(torch.isfinite(value).all() for value in late[0].state_dict().values())


def test_after_one_step_that_is_wrong_none_changes_anything() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    optimiser = torch.optim.AdamW([parameter], lr=0.1, fused=True)
    rate = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    state = loop.OptimisationState(optimiser, rate, torch.amp.GradScaler("cpu", enabled=False))
    weights = []
    for factor in (1.0, float("nan"), 1.0):
        loop.take_step(
            1,
            [0],
            lambda batch: [batch],
            lambda _, factor=factor: (parameter * factor).sum(),
            len,
            state,
            1.0,
        )
        weights.append(parameter.detach().clone())
    assert not torch.equal(weights[0], torch.ones(3))
    assert torch.equal(weights[1], weights[0])
    assert torch.equal(weights[2], weights[0])
    assert all(torch.isfinite(value).all() for value in optimiser.state[parameter].values())


def test_the_schedule_waits_for_a_step_that_float16_leaves_out(causal: Path) -> None:
    _, log, record = halved(causal)(None)
    skipped = [row["step"] for row in log if row.get("skipped")]
    assert record["diverged_at"] is None
    assert 0 < len(skipped) < len(log) == 12
    assert all(("grad_norm" in row) == (row["step"] not in skipped) for row in log)
    for before, row in itertools.pairwise(log):
        assert (before["learning_rate"] == row["learning_rate"]) == (before["step"] in skipped)


@pytest.mark.parametrize("step", [3, 9])
def test_a_run_in_float16_that_died_goes_on_bit_for_bit(
    causal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The scaler's scale, and how long it has been good, are part of the state."""
    train = halved(causal)
    undisturbed = train(None)
    folder = died(tmp_path, train, monkeypatch, step)
    with states(folder) as saved:
        again = train(saved)
    assert_same(again, undisturbed)
    assert again[2]["resumes"] == 1
