"""Replies' log-probabilities against the library's own forward pass, in float64."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel

from rejeu.data.tokenise import Joining, pair_tokeniser
from rejeu.errors import RejeuError
from rejeu.training import replies
from rejeu.training.hardware import Hardware
from rejeu.training.lora import load, schedule, train
from tests.training.sample import ROWS, SETTINGS

TEXTS = {
    "short": {"input": "w10 w11 w12", "output": " w13"},
    "long": {"input": "w20", "output": " w21 w22 w23 w24 w25"},
}
IDS = {"short": [10, 11, 12, 13], "long": [20, 21, 22, 23, 24, 25]}
PROMPTS = {"short": 3, "long": 1}


@pytest.fixture(scope="module")
def model(causal: Path, fp32: Hardware) -> PeftModel:
    settings = replace(SETTINGS, max_steps=12, learning_rate=5e-2)
    batches = schedule([len(row) for row in ROWS], settings)
    base = load(causal, fp32, "none")
    return train(base, ROWS, batches, settings, fp32, "test", io.StringIO())[0]


def by_hand(model: Any, ids: list[int], prompt: int) -> float:
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    chosen = [scores[place - 1, ids[place]].item() for place in range(prompt, len(ids))]
    return sum(chosen) / len(chosen)


@pytest.mark.parametrize("joining", ["plain", "separated"])
def test_scores_by_hand(causal: Path, fp32: Hardware, model: PeftModel, joining: Joining) -> None:
    found = replies.scores(model, pair_tokeniser(causal, joining, 64), TEXTS, fp32)
    plain = load(causal, fp32, "none").eval()
    end = [3] if joining == "separated" else []
    assert found.keys() == TEXTS.keys()
    for name, row in found.items():
        ids = IDS[name] + end
        assert row["tokens"] == len(ids) - PROMPTS[name]
        assert row["trained"] == pytest.approx(by_hand(model, ids, PROMPTS[name]), rel=1e-5)
        assert row["base"] == pytest.approx(by_hand(plain, ids, PROMPTS[name]), rel=1e-5)
        assert abs(row["trained"] - row["base"]) > 0.01


def test_a_bfloat16_model_computes_in_float32_on_its_own_weights(
    causal: Path, fp32: Hardware, bf16: Hardware
) -> None:
    """Weights keep the values that bfloat16 has for them; products don't lose digits."""
    coarse: Any = load(causal, bf16, "none").eval()
    before = {name: value.float() for name, value in coarse.state_dict().items()}
    rounded = by_hand(coarse, IDS["long"], 1)
    replies.in_float32(coarse)
    assert {value.dtype for value in coarse.state_dict().values()} == {torch.float32}
    assert all(torch.equal(value, before[name]) for name, value in coarse.state_dict().items())
    exact: Any = load(causal, fp32, "none").eval()
    exact.load_state_dict(before)
    expected = by_hand(exact, IDS["long"], 1)
    found = replies.logprob(coarse, IDS["long"], 1, fp32)
    assert found == pytest.approx(expected, rel=1e-6)
    assert abs(rounded - expected) > 1e-4  # what bfloat16 would have been off


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"input": "w10", "output": " "}, "1 tokens of prompt and 0 of reply"),
        ({"input": "w4 " * 70, "output": "w5"}, "64 tokens of prompt and 0 of reply"),
        ({"input": " ", "output": "w5"}, "0 tokens of prompt and 1 of reply"),
    ],
)
def test_a_row_without_a_reply_is_refused(
    causal: Path, fp32: Hardware, model: PeftModel, row: dict[str, str], said: str
) -> None:
    with pytest.raises(RejeuError, match=rf"'odd' of the part's `rows`: {said}; expected at least"):
        replies.scores(model, pair_tokeniser(causal, "plain", 64), {"odd": row}, fp32)
