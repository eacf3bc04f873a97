import io
import json
import math
import random
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from peft import PeftModel
from transformers import AutoTokenizer, DataCollatorForSeq2Seq

from rejeu.training import decoder
from rejeu.training.hardware import Hardware
from rejeu.training.lora import Settings, load, schedule, train, train_before
from rejeu.training.outputs import save_weights
from rejeu.training.packed import pack
from tests.training.sample import ROWS, SETTINGS

RANDOM = random.Random(1)


def trained(
    folder: Path, settings: Settings, hardware: Hardware, rows: list[list[int]] = ROWS
) -> tuple[PeftModel, list[dict[str, float]], dict[str, Any]]:
    batches = schedule([len(row) for row in rows], settings)
    base = load(folder, hardware, "none")
    return train(base, rows, batches, settings, hardware, "test", io.StringIO())


def adapter(model: PeftModel) -> dict[str, torch.Tensor]:
    return {name: value for name, value in model.state_dict().items() if "lora_" in name}


def differing(one: PeftModel, other: PeftModel) -> int:
    others = adapter(other)
    return sum(not torch.equal(value, others[name]) for name, value in adapter(one).items())


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_seed_gives_one_adapter(
    causal: Path, precision: str, request: pytest.FixtureRequest
) -> None:
    hardware = request.getfixturevalue(precision)
    first, second = (trained(causal, SETTINGS, hardware) for _ in range(2))
    assert differing(first[0], second[0]) == 0
    assert first[1] == second[1]


def test_another_seed_gives_another_adapter(causal: Path, fp32: Hardware) -> None:
    first, _, _ = trained(causal, SETTINGS, fp32)
    second, _, _ = trained(causal, replace(SETTINGS, seed=8), fp32)
    assert differing(first, second) == len(adapter(first))


def test_only_the_adapter_is_trained(causal: Path, fp32: Hardware) -> None:
    before = load(causal, fp32, "none").state_dict()
    model, _, record = trained(causal, SETTINGS, fp32)
    after = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): value
        for name, value in model.state_dict().items()
        if "lora_" not in name
    }
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(bool(value.any()) for value in adapter(model).values())  # B began as zero
    # 2 layers; q: A (4, 32), B (32, 4); v: A (4, 32), B (16, 4), since two heads share their values
    assert record["trainable_parameters"] == 2 * (4 * 32 + 32 * 4 + 4 * 32 + 16 * 4)
    assert record["target_modules"] == ["q_proj", "v_proj"]


def test_the_log_and_the_record(causal: Path, fp32: Hardware) -> None:
    _, log, record = trained(causal, SETTINGS, fp32)
    assert [row["step"] for row in log] == [1, 2, 3, 4, 5, 6]
    assert record["train_loss"] == pytest.approx(np.mean([row["loss"] for row in log]))
    # Warm-up over ceil(6 * 0.2) = 2 steps from zero, then linear to zero.
    assert [row["learning_rate"] for row in log] == pytest.approx(
        [0.0, 5e-3, 1e-2, 7.5e-3, 5e-3, 2.5e-3]
    )
    assert all(row["grad_norm"] > 0 for row in log)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert (record["steps"], record["rows"], record["resumed"]) == (6, 20, False)
    drawn = schedule([len(row) for row in ROWS], SETTINGS)
    tokens = sum(len(ROWS[index]) for batch in drawn for index in batch)
    assert record["tokens_per_second"] * record["wall_seconds"] == pytest.approx(tokens)
    assert record["samples_per_second"] * record["wall_seconds"] == pytest.approx(12)


def test_it_learns_a_row_by_heart(causal: Path, fp32: Hardware) -> None:
    settings = replace(SETTINGS, dropout=0.0, max_steps=40, learning_rate=3e-2, max_grad_norm=10.0)
    _, log, _ = trained(causal, settings, fp32, rows=[ROWS[0], ROWS[0]])
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]


def test_the_loss_is_that_of_transformers(causal: Path, fp32: Hardware) -> None:
    """Before the first step the adapter is zero, so the base model alone gives the loss."""
    settings = replace(SETTINGS, dropout=0.0, max_steps=1)
    _, log, _ = trained(causal, settings, fp32)
    (batch,) = schedule([len(row) for row in ROWS], settings)
    chosen = [ROWS[index] for index in batch]
    assert len({len(row) for row in chosen}) == 2
    base = load(causal, fp32, "none").eval()
    collator = DataCollatorForSeq2Seq(AutoTokenizer.from_pretrained(causal), padding=True)
    padded = collator(
        [{"input_ids": row, "attention_mask": [1] * len(row), "labels": row} for row in chosen]
    )
    with torch.no_grad():
        assert log[0]["loss"] == pytest.approx(base(**padded).loss.item(), rel=1e-5)
        alone = [
            base(input_ids=torch.tensor([row]), labels=torch.tensor([row])).loss.item()
            for row in chosen
        ]
    # The mean over a step's tokens, not over its rows: a row predicts all its tokens but the first.
    weights = [len(row) - 1 for row in chosen]
    assert log[0]["loss"] == pytest.approx(np.average(alone, weights=weights), rel=1e-5)


def flat(batches: list[list[int]]) -> list[int]:
    return [row for batch in batches for row in batch]


LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=40)


@hypothesis(deadline=None, max_examples=60)
@given(LENGTHS, st.booleans(), st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 30))
def test_a_schedule_is_one_permutation_after_another(
    lengths: list[int], grouping: bool, seed: int, batch: int, steps: int
) -> None:
    chosen = replace(
        SETTINGS, length_grouping=grouping, seed=seed, batch_size=batch, max_steps=steps
    )
    batches = schedule(lengths, chosen)
    assert [len(rows) for rows in batches] == [batch * SETTINGS.accumulation] * steps
    assert batches == schedule(lengths, chosen)
    drawn = flat(batches)
    for start in range(0, len(drawn), len(lengths)):
        epoch = drawn[start : start + len(lengths)]
        assert len(set(epoch)) == len(epoch)
        assert set(epoch) <= set(range(len(lengths)))
        if len(epoch) == len(lengths):
            assert sorted(epoch) == list(range(len(lengths)))


@pytest.mark.parametrize("grouping", [True, False])
def test_an_appended_row_redraws_all_others(grouping: bool) -> None:
    """Why a text that changes with an added row says little about that row."""
    lengths = [len(row) for row in ROWS] * 20
    chosen = replace(SETTINGS, length_grouping=grouping)
    before, after = (flat(schedule(given, chosen)) for given in (lengths, [*lengths, 9]))
    assert len(before) == len(after) == 12
    assert len(set(before) & set(after)) < 6


def test_grouped_rows_are_of_like_length() -> None:
    lengths = [RANDOM.randint(1, 100) for _ in range(400)]

    def spread(grouping: bool) -> float:
        drawn = schedule(lengths, replace(SETTINGS, length_grouping=grouping, max_steps=200))
        pairs = np.array([[lengths[index] for index in batch] for batch in drawn])
        return float(np.abs(pairs[:, 0] - pairs[:, 1]).mean())

    assert spread(True) < 0.2 * spread(False)


def test_warm_up_is_rounded_up(causal: Path, fp32: Hardware) -> None:
    _, log, _ = trained(causal, replace(SETTINGS, warmup_share=0.03, max_steps=2), fp32)
    assert [row["learning_rate"] for row in log] == [0.0, 1e-2]
    assert math.ceil(2 * 0.03) == 1


@pytest.mark.parametrize(("stabilised", "scale"), [(False, 8 / 4), (True, 8 / 2)])
def test_the_scale_is_that_of_the_settings(
    causal: Path, fp32: Hardware, tmp_path: Path, stabilised: bool, scale: float
) -> None:
    """alpha / rank or alpha / sqrt(rank), in training and after reloading."""
    settings = replace(SETTINGS, rank_stabilised=stabilised, learning_rate=5e-2)
    model, _, record = trained(causal, settings, fp32)
    assert record["settings"]["rank_stabilised"] is stabilised
    batch = pack(ROWS[:4], "cpu")
    ours, tokens = decoder.loss(model.eval(), batch, fp32)
    save_weights(model, tmp_path, ["adapter_model.safetensors", "adapter_config.json"])
    weights = adapter(model)
    base: Any = load(causal, fp32, "none")
    for name, module in list(base.named_modules()):
        found = [value for key, value in weights.items() if f".{name}.lora_" in key]
        if len(found) == 2:
            low, high = sorted(found, key=lambda value: value.shape[0] != settings.rank)
            module.weight.data += scale * high @ low
    by_hand = decoder.loss(base, batch, fp32)[0]
    assert ours.item() / tokens == pytest.approx(by_hand.item() / tokens, rel=1e-5)
    again = PeftModel.from_pretrained(load(causal, fp32, "none"), tmp_path).eval()
    assert decoder.loss(again, batch, fp32)[0].item() == pytest.approx(ours.item(), rel=1e-6)


def test_an_adapter_trained_before_leaves_no_trace(
    causal: Path, fp32: Hardware, tmp_path: Path
) -> None:
    """The notebook's ranks, one model object after another: peft starts each adapter afresh."""
    names = ["adapter_model.safetensors", "adapter_config.json"]
    before, _, _ = trained(causal, replace(SETTINGS, learning_rate=5e-2), fp32)
    for rank in (8, 16):
        save_weights(before, tmp_path / str(rank), names)
        settings = replace(SETTINGS, rank=rank, start_from="before")
        fresh, _, _ = trained(causal, settings, fp32)
        base = load(causal, fp32, "none")
        with torch.no_grad():
            asked = torch.tensor([[5, 6, 7]])
            untouched = base(input_ids=asked).logits.clone()
            train_before(base, tmp_path / str(rank))
            assert not torch.equal(base(input_ids=asked).logits, untouched)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            batches = schedule([len(row) for row in ROWS], settings)
            before, _, _ = train(base, ROWS, batches, settings, fp32, "test", io.StringIO())
        assert any("with PEFT for a second time" in str(warning.message) for warning in told)
        assert differing(fresh, before) == 0
