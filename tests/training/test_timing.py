"""What the timing rules measure, and in which order; how long it took is not asserted."""

import io
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from transformers import AutoModelForSequenceClassification

from rejeu.data.tokenise import TokenRows
from rejeu.job.run import Progress
from rejeu.training import timing
from rejeu.training.hardware import Hardware
from tests.training.sample import ROWS, SETTINGS

RANDOM = random.Random(5)
REVIEWS = [[2, *RANDOM.choices(range(4, 60), k=RANDOM.randint(1, 12)), 3] for _ in range(30)]
LABELLED = TokenRows(
    pa.chunked_array([REVIEWS]), [len(row) for row in REVIEWS], [row % 2 for row in range(30)]
)


@pytest.mark.parametrize("variants", [[16, 32], [4, 8, 16]])
def test_variants_take_turns(variants: list[int]) -> None:
    called: list[tuple[int, int]] = []

    def measure(repeat: int, variant: int) -> float:
        called.append((repeat, variant))
        return 100.0 * repeat + variant

    found = timing.in_turn(variants, measure, 6, Progress("test", 1, io.StringIO()))
    # All variants in each repeat, the warm-up too, which is in no result.
    assert sorted(called) == sorted((repeat, one) for repeat in range(7) for one in variants)
    assert [repeat for repeat, _ in called] == sorted(repeat for repeat, _ in called)
    assert found == {one: [100.0 * repeat + one for repeat in range(1, 7)] for one in variants}
    # Each is first, and each is last, as often as the others.
    counted = called[len(variants) :]
    for place in (0, len(variants) - 1):
        there = [variant for _, variant in counted[place :: len(variants)]]
        assert all(there.count(one) == 6 / len(variants) for one in variants)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_by_batch_size(
    encoder: Path, precision: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    hardware = request.getfixturevalue(precision)
    real, batches = timing.padded, []

    def seen(rows: list[list[int]], *rest: Any) -> dict[str, torch.Tensor]:
        batches.append(rows)
        return real(rows, *rest)

    monkeypatch.setattr(timing, "padded", seen)
    found = timing.by_batch_size(
        encoder, LABELLED, [4, 8], 2, 1e-3, 1.0, hardware, 13, 2, 7, "test", io.StringIO()
    )
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seconds_per_row"].keys() == {"4", "8"}
    assert all(len(values) == 2 for values in found["seconds_per_row"].values())
    assert all(value > 0 for values in found["seconds_per_row"].values() for value in values)
    del found["seconds_per_row"]
    assert found == {
        "threads": 1,
        "precision": precision,
        "repeats": 2,
        "rows": 16,  # 13, raised to a multiple of both sizes
        "batch_sizes": [4, 8],
    }
    # Warm-up and two repeats, the sizes in alternating order: 4 batches of 4, 2 of 8, and so on.
    assert [len(rows) for rows in batches] == [4] * 4 + [8] * 2 + [8] * 2 + [4] * 4 + [4] * 4 + [
        8
    ] * 2
    measured = [batches[0:4], batches[4:6], batches[6:8], batches[8:12], batches[12:16]]
    drawn = [[row for rows in group for row in rows] for group in [*measured, batches[16:18]]]
    assert drawn[0] == drawn[1]
    assert drawn[2] == drawn[3]
    assert drawn[4] == drawn[5]
    assert drawn[0] != drawn[2]
    lengths = [len(row) for row in drawn[0]]
    assert lengths != sorted(lengths, reverse=True)  # by arrival, not by length


def test_a_padded_step_is_the_library_s(encoder: Path, fp32: Hardware) -> None:
    """One step equals plain gradient descent on the loss of each row alone, averaged."""

    def make() -> Any:
        torch.manual_seed(3)
        return AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).eval()

    model, other = make(), make()
    step = timing.padded_step(
        model, torch.optim.SGD(model.parameters(), lr=50.0), LABELLED, 1e-3, fp32
    )
    chosen = [0, 5, 6, 11]
    assert len({len(REVIEWS[row]) for row in chosen}) > 1
    step(chosen)
    for row in chosen:
        loss = other(
            input_ids=torch.tensor([REVIEWS[row]]), labels=torch.tensor([LABELLED.labels[row]])
        ).loss
        (loss / len(chosen)).backward()
    norm = torch.nn.utils.clip_grad_norm_(other.parameters(), 1e-3)
    assert norm > 1e-3
    for one, expected in zip(model.parameters(), other.parameters(), strict=True):
        assert expected.grad is not None
        torch.testing.assert_close(one, expected - 50.0 * expected.grad, atol=1e-6, rtol=1e-4)
        assert one.grad is None


def test_by_rank(causal: Path, fp32: Hardware, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, seen = timing.lora.fit_adapter, []

    def fitted(model: Any, rows: Any, batches: Any, settings: Any, *rest: Any) -> Any:
        seen.append((settings.rank, batches))
        return fit(model, rows, batches, settings, *rest)

    monkeypatch.setattr(timing.lora, "fit_adapter", fitted)
    settings = [replace(SETTINGS, rank=rank) for rank in (2, 4, 8)]
    found = timing.by_rank(causal, ROWS, settings, "none", fp32, 3, 3, "test", io.StringIO())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seconds_per_step"].keys() == {"2", "4", "8"}
    assert all(len(values) == 3 for values in found["seconds_per_step"].values())
    assert all(value > 0 for values in found["seconds_per_step"].values() for value in values)
    del found["seconds_per_step"]
    # 2 layers; of r rows or columns each: q has 32 in and 32 out, v has 32 in and 16 out.
    assert found == {
        "threads": 1,
        "precision": "fp32",
        "repeats": 3,
        "steps": 3,
        "ranks": [2, 4, 8],
        "trainable_parameters": {str(r): 2 * r * (32 + 32 + 32 + 16) for r in (2, 4, 8)},
    }
    assert [rank for rank, _ in seen] == [2, 4, 8, 4, 8, 2, 8, 2, 4, 2, 4, 8]
    rounds = [[batches for _, batches in seen[start : start + 3]] for start in (0, 3, 6, 9)]
    for same in rounds:
        assert same[0] == same[1] == same[2]
        assert [len(batch) for batch in same[0]] == [2, 2, 2]
    assert len({json.dumps(same[0]) for same in rounds}) == 4
