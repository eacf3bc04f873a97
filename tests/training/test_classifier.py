import io
import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from rejeu.data.tokenise import TokenRows
from rejeu.job.run import Progress
from rejeu.training.classifier import Settings, load, predict, train
from rejeu.training.hardware import Hardware
from rejeu.training.outputs import save_weights, write_jsonl

SETTINGS = Settings(
    start_from=None,
    learning_rate=1e-3,
    batch_size=4,
    weight_decay=0.01,
    max_grad_norm=1.0,
    epochs=1,
    attention_dropout=0.0,
    length_grouping=True,
    classes=2,
    seed=7,
)
GOOD, BAD = 10, 11


def reviews(count: int, seed: int = 0) -> TokenRows:
    """Rows of 4 to 16 tokens; one of two words decides the label."""
    generator = random.Random(seed)
    labels = [place % 2 for place in range(count)]
    generator.shuffle(labels)
    ids = [
        [
            2,
            *generator.choices(range(20, 60), k=generator.randint(1, 13)),
            GOOD if label else BAD,
            3,
        ]
        for label in labels
    ]
    return TokenRows(pa.chunked_array([ids]), [len(row) for row in ids], labels)


def trained(
    folder: Path, rows: TokenRows, settings: Settings, hardware: Hardware
) -> tuple[PreTrainedModel, list[dict[str, float]], dict[str, Any]]:
    return train(folder, rows, settings, hardware, "test", io.StringIO())


def logits_of(model: PreTrainedModel, rows: TokenRows, hardware: Hardware) -> np.ndarray:
    return predict(model, rows, hardware, Progress("test", len(rows), io.StringIO()))


def same(one: PreTrainedModel, other: PreTrainedModel) -> dict[str, bool]:
    """For each parameter, whether it is bit for bit the same."""
    others = other.state_dict()
    return {name: torch.equal(value, others[name]) for name, value in one.state_dict().items()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_one_seed_gives_one_model(
    encoder: Path, precision: str, request: pytest.FixtureRequest
) -> None:
    hardware = request.getfixturevalue(precision)
    rows = reviews(22)
    first, second = (trained(encoder, rows, SETTINGS, hardware) for _ in range(2))
    assert all(same(first[0], second[0]).values())
    assert first[1] == second[1]
    assert np.array_equal(logits_of(first[0], rows, hardware), logits_of(second[0], rows, hardware))


def test_another_seed_gives_another_model(encoder: Path, fp32: Hardware) -> None:
    rows = reviews(22)
    first, _, _ = trained(encoder, rows, SETTINGS, fp32)
    second, _, _ = trained(encoder, rows, replace(SETTINGS, seed=8), fp32)
    assert not any(equal for name, equal in same(first, second).items() if name.endswith("weight"))


@pytest.mark.parametrize("grouping", [True, False])
@pytest.mark.parametrize(("rows", "epochs"), [(22, 1), (8, 2)])
def test_each_step_is_logged(
    encoder: Path, fp32: Hardware, grouping: bool, rows: int, epochs: int
) -> None:
    settings = replace(SETTINGS, length_grouping=grouping, epochs=epochs)
    data = reviews(rows)
    _, log, record = trained(encoder, data, settings, fp32)
    steps = math.ceil(rows / 4) * epochs
    assert [row["step"] for row in log] == list(range(1, steps + 1))
    assert (record["steps"], record["rows"]) == (steps, rows)
    assert record["train_loss"] == pytest.approx(np.mean([row["loss"] for row in log]))
    rates = [row["learning_rate"] for row in log]
    # Linear to zero: step k trains with the share (steps - k + 1) / steps of the rate.
    assert rates == pytest.approx([1e-3 * (steps - step) / steps for step in range(steps)])
    assert all(math.isfinite(value) for row in log for value in row.values())
    assert record["tokens_per_second"] * record["wall_seconds"] == pytest.approx(
        sum(data.lengths) * epochs
    )
    assert record["samples_per_second"] * record["wall_seconds"] == pytest.approx(rows * epochs)


def test_the_record_is_json_and_says_how(encoder: Path, fp32: Hardware) -> None:
    _, _, record = trained(encoder, reviews(8), SETTINGS, fp32)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["settings"]["learning_rate"] == 1e-3
    assert record["settings"]["seed"] == 7
    assert (record["device"], record["precision"], record["attention"]) == ("cpu", "fp32", "eager")
    assert (record["threads"], record["resumed"]) == (1, False)
    assert record["machine"].keys() == {"cpu", "cores", "gpu"}


def test_first_loss_is_the_pretrained_model_s(encoder: Path, fp32: Hardware) -> None:
    """With a new head the first loss is near ln 2, so nothing of an earlier run is left."""
    for _ in range(2):
        _, log, _ = trained(encoder, reviews(8), SETTINGS, fp32)
        assert log[0]["loss"] == pytest.approx(math.log(2), abs=0.1)


def test_it_learns_a_word(encoder: Path, fp32: Hardware) -> None:
    settings = replace(SETTINGS, batch_size=16, epochs=8, learning_rate=3e-3)
    model, log, _ = trained(encoder, reviews(96), settings, fp32)
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    unseen = reviews(40, seed=1)
    right = logits_of(model, unseen, fp32).argmax(axis=1) == np.array(unseen.labels)
    assert right.mean() > 0.9


def test_the_attention_dropout_is_the_settings(encoder: Path, fp32: Hardware) -> None:
    assert load(encoder, fp32, 0.25).config.attention_probs_dropout_prob == 0.25
    assert load(encoder, fp32, 0.0).config.attention_probs_dropout_prob == 0.0


def test_prediction_is_a_plain_forward_in_the_rows_order(encoder: Path, fp32: Hardware) -> None:
    torch.manual_seed(3)
    model = load(encoder, fp32, 0.0)
    rows = reviews(73)
    found = logits_of(model, rows, fp32)
    assert (found.shape, found.dtype) == ((len(rows), 2), np.float32)
    model.eval()
    with torch.no_grad():
        expected = [model(input_ids=torch.tensor([row])).logits[0].numpy() for row in rows]
    np.testing.assert_allclose(found, np.stack(expected), atol=1e-5)
    assert len(np.unique(found[:, 0])) > len(rows) // 2  # rows differ, so their order is tested


def test_saved_weights_reload_equal(encoder: Path, fp32: Hardware, tmp_path: Path) -> None:
    rows = reviews(12)
    model, _, _ = trained(encoder, rows, SETTINGS, fp32)
    folder = tmp_path / "model"
    save_weights(model, folder, ["model.safetensors", "config.json"])
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {
        "model.safetensors",
        "config.json",
    }
    stored = load_file(folder / "model.safetensors")
    assert {name: tuple(value.shape) for name, value in stored.items()} == {
        name: tuple(value.shape) for name, value in model.state_dict().items()
    }
    again = load(folder, fp32, 0.0)
    assert all(same(model, again).values())
    assert np.array_equal(logits_of(model, rows, fp32), logits_of(again, rows, fp32))


def test_a_file_that_the_model_did_not_write_is_an_error(
    encoder: Path, fp32: Hardware, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        save_weights(load(encoder, fp32, 0.0), tmp_path / "model", ["adapter_model.safetensors"])


def test_log_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write_jsonl(str(path), [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 1, "loss": 0.5},
        {"step": 2, "loss": 0.25},
    ]
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_jsonl(str(path), [{"loss": math.nan}])


def test_a_run_may_start_from_another_s_weights(
    encoder: Path, fp32: Hardware, tmp_path: Path
) -> None:
    """All weights go on, the head's too; optimiser, schedule and random numbers begin anew."""
    rows = reviews(96)
    settings = replace(SETTINGS, batch_size=16, epochs=8, learning_rate=3e-3)
    first, before, _ = trained(encoder, rows, settings, fp32)
    folder = tmp_path / "model"
    save_weights(first, folder, ["model.safetensors", "config.json"])
    _, after, _ = trained(folder, rows, replace(settings, epochs=1), fp32)
    assert after[0]["loss"] < 0.5 * before[0]["loss"]
    assert after[0]["learning_rate"] == before[0]["learning_rate"]
    still, _, _ = trained(folder, rows, replace(settings, epochs=1, learning_rate=1e-12), fp32)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(still.state_dict()[name], value, atol=1e-6, rtol=0)
