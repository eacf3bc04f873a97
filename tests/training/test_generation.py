import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from rejeu.data.tokenise import pair_tokeniser
from rejeu.errors import RejeuError
from rejeu.job.run import Progress
from rejeu.training.generation import (
    answers,
    counted,
    generate,
    heldout_loss,
    load_adapter,
    probe,
    states,
)
from rejeu.training.hardware import Hardware
from rejeu.training.lora import load, schedule, train
from rejeu.training.outputs import save_weights
from tests.training.sample import ROWS, SETTINGS

PROMPT = "w10 w11 w12"
IDS = [10, 11, 12]
NAMES = ["adapter_model.safetensors", "adapter_config.json"]
# Two adapters: the folder of each and the logits after the prompt, as training left them.
Trained = dict[int, tuple[Path, torch.Tensor]]


@pytest.fixture(scope="module")
def adapters(causal: Path, fp32: Hardware, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    made: Trained = {}
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp("adapter")
        settings = replace(SETTINGS, seed=seed, max_steps=12, learning_rate=5e-2)
        batches = schedule([len(row) for row in ROWS], settings)
        base = load(causal, fp32, "none")
        model, _, _ = train(base, ROWS, batches, settings, fp32, "test", io.StringIO())
        expected = probe(model, IDS, fp32)[-1]
        save_weights(model, folder, NAMES)
        made[seed] = folder, expected
    return made


@pytest.fixture
def loaded(causal: Path, adapters: Trained, fp32: Hardware) -> PeftModel:
    return load_adapter(load(causal, fp32, "none"), *adapters[1], IDS, fp32)


def test_the_trained_adapter_comes_back_exactly(
    loaded: PeftModel, adapters: Trained, fp32: Hardware
) -> None:
    folder, expected = adapters[1]
    assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
    assert (probe(loaded, IDS, fp32)[-1] - expected).abs().max().item() == 0.0


def without_b(path: Path) -> None:
    weights = load_file(path)
    zeros = {name: torch.zeros_like(w) if "lora_B" in name else w for name, w in weights.items()}
    save_file(zeros, path)


def slightly_off(path: Path) -> None:
    save_file({name: weight * 1.05 for name, weight in load_file(path).items()}, path)


def not_a_number(path: Path) -> None:
    save_file({name: weight * torch.nan for name, weight in load_file(path).items()}, path)


@pytest.mark.parametrize("spoil", [without_b, slightly_off, not_a_number])
def test_a_spoilt_adapter_is_refused(
    causal: Path, adapters: Trained, fp32: Hardware, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(adapters[1][0], folder)
    spoil(folder / NAMES[0])
    with pytest.raises(
        RejeuError, match="is not the one that was trained: its logits differ by"
    ) as caught:
        load_adapter(load(causal, fp32, "none"), folder, adapters[1][1], IDS, fp32)
    assert str(folder) in str(caught.value)


def test_another_run_s_adapter_is_refused(causal: Path, adapters: Trained, fp32: Hardware) -> None:
    with pytest.raises(RejeuError, match="is not the one that was trained"):
        load_adapter(load(causal, fp32, "none"), adapters[2][0], adapters[1][1], IDS, fp32)


def test_three_states_are_what_they_are_called(
    loaded: PeftModel, causal: Path, adapters: Trained, fp32: Hardware
) -> None:
    tokeniser = pair_tokeniser(causal, "plain", 64)
    rows = states(loaded, adapters[1][0], tokeniser, PROMPT, 8, fp32)
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    base, trained, reinitialised = rows
    assert [row["state"] for row in rows] == ["base", "trained", "reinitialised"]
    # A re-initialised adapter's B is zero: it is the base model, and nothing of the training.
    assert (
        reinitialised["max_logit_difference_from_base"]
        == 0.0
        == base["max_logit_difference_from_base"]
    )
    assert (reinitialised["text"], reinitialised["logprob_per_token"]) == (
        base["text"],
        base["logprob_per_token"],
    )
    assert trained["text"] != base["text"]
    plain = load(causal, fp32, "none")
    expected = (adapters[1][1] - probe(plain, IDS, fp32)[-1]).abs().max().item()
    assert trained["max_logit_difference_from_base"] >= expected > 0.1
    alone = generate(plain, tokeniser.tokenizer, IDS, 8, fp32)
    assert {key: base[key] for key in alone if key != "tokens"} == {
        key: value for key, value in alone.items() if key != "tokens"
    }
    assert all(row["text"].startswith(PROMPT) and row["prompt"] == PROMPT for row in rows)
    # The model is left with the trained adapter, and with no other.
    assert (probe(loaded, IDS, fp32)[-1] - adapters[1][1]).abs().max().item() == 0.0
    assert list(loaded.peft_config) == ["default"]


def test_another_adapter_is_not_taken_for_the_base_model(
    loaded: PeftModel,
    causal: Path,
    adapters: Trained,
    fp32: Hardware,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An adapter whose B is not zero speaks for itself, under whatever name."""
    tokeniser = pair_tokeniser(causal, "plain", 64)
    add = loaded.add_adapter

    def add_with_weights(name: str, config: Any) -> None:
        config.init_lora_weights = False
        torch.manual_seed(4)
        add(name, config)

    monkeypatch.setattr(loaded, "add_adapter", add_with_weights)
    base, _, other = states(loaded, adapters[1][0], tokeniser, PROMPT, 8, fp32)
    assert other["max_logit_difference_from_base"] > 0
    assert other["logprob_per_token"] != base["logprob_per_token"]


def progress() -> Progress:
    return Progress("test", 1, io.StringIO())


def test_heldout_loss_by_hand(loaded: PeftModel, fp32: Hardware) -> None:
    rows = ROWS[:11]
    found = heldout_loss(loaded, rows, fp32, progress())
    total, tokens = 0.0, 0
    with torch.no_grad():
        for row in rows:
            scores = loaded(input_ids=torch.tensor([row])).logits[0].double().log_softmax(-1)
            total -= sum(scores[place, token].item() for place, token in enumerate(row[1:]))
            tokens += len(row) - 1
    assert found == {"loss": pytest.approx(total / tokens, rel=1e-5), "tokens": tokens, "rows": 11}


def test_heldout_loss_does_not_depend_on_the_rows_order(loaded: PeftModel, fp32: Hardware) -> None:
    forward, backward = (
        heldout_loss(loaded, rows, fp32, progress()) for rows in (ROWS, ROWS[::-1])
    )
    assert forward["loss"] == pytest.approx(backward["loss"], rel=1e-6)
    assert forward["tokens"] == backward["tokens"] == sum(len(row) - 1 for row in ROWS)


def greedy(model: Any, count: int) -> tuple[list[int], list[float]]:
    """Greedy tokens and their log-probabilities, without a cache or `generate`."""
    ids, scores = list(IDS), []
    with torch.no_grad():
        for _ in range(count):
            ahead = model(input_ids=torch.tensor([ids])).logits[0, -1].log_softmax(-1)
            ids.append(int(ahead.argmax()))
            scores.append(ahead.max().item())
    return ids[len(IDS) :], scores


def test_generation_is_greedy_and_stops_at_the_end(causal: Path, fp32: Hardware) -> None:
    tokenizer = Tokenizer.from_file(str(causal / "tokenizer.json"))
    model = load(causal, fp32, "none").eval()
    tokens, scores = greedy(model, 8)
    place = next(place for place in range(1, 8) if tokens[place] not in tokens[:place])
    unused = next(token for token in range(4, 60) if token not in tokens)

    model.generation_config.eos_token_id = unused
    full = generate(model, tokenizer, IDS, 8, fp32)
    assert full["text"] == tokenizer.decode([*IDS, *tokens], skip_special_tokens=True)
    assert full["stopped"] is False
    assert full["logprob_per_token"] == pytest.approx(sum(scores) / 8, rel=1e-4)

    for end in (tokens[place], [unused, tokens[place]]):
        model.generation_config.eos_token_id = end
        short = generate(model, tokenizer, IDS, 8, fp32)
        assert short["text"] == tokenizer.decode(
            [*IDS, *tokens[: place + 1]], skip_special_tokens=True
        )
        assert short["stopped"] is True
        assert short["logprob_per_token"] == pytest.approx(
            sum(scores[: place + 1]) / (place + 1), rel=1e-4
        )


def test_answers_together_are_those_given_one_by_one(causal: Path, fp32: Hardware) -> None:
    """Padding on the left changes no reply, whatever the prompts' lengths."""
    tokenizer = Tokenizer.from_file(str(causal / "tokenizer.json"))
    model = load(causal, fp32, "none").eval()
    prompts = [row[: 1 + place % 9] for place, row in enumerate(ROWS)]  # more than one batch
    model.generation_config.eos_token_id = 3
    full = [generate(model, tokenizer, prompt, 12, fp32) for prompt in prompts]
    # An end token that some of these replies hold and others don't.
    held = [set(one["tokens"][len(prompt) :]) for one, prompt in zip(full, prompts, strict=True)]
    end = min(
        range(4, 60), key=lambda token: abs(sum(token in tokens for tokens in held) - len(held) / 2)
    )
    model.generation_config.eos_token_id = [end, 3]
    alone = [generate(model, tokenizer, prompt, 12, fp32) for prompt in prompts]
    together = answers(model, tokenizer, prompts, 12, fp32, progress())
    assert [row["stopped"] for row in together] == [row["stopped"] for row in alone]
    assert 2 < sum(row["stopped"] for row in together) < len(prompts) - 2
    for one, other in zip(together, alone, strict=True):
        assert one["text"] == other["text"]
    found = counted([f"prompt {place}" for place in range(len(prompts))], together, 12, 3)
    assert found == {
        "prompts": 20,
        "stopped": sum(row["stopped"] for row in alone),
        "max_new_tokens": 12,
        "answers": [{"prompt": f"prompt {place}", **together[place]} for place in range(3)],
    }
