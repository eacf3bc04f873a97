"""4-bit weights of bitsandbytes, which computes them on a processor too."""

import io
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import LlamaConfig, LlamaForCausalLM

from rejeu.data.tokenise import pair_tokeniser
from rejeu.job.run import Progress
from rejeu.training import decoder, forward, generation, lora, replies, timing
from rejeu.training.hardware import Hardware, choose
from rejeu.training.outputs import save_weights
from rejeu.training.packed import pack
from tests.training import small_models
from tests.training.sample import ROWS, SETTINGS

bitsandbytes = pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")


def wide() -> Any:
    """A Llama whose layers are whole blocks of 64 weights, as bitsandbytes wants them."""
    shape = small_models.SHAPE | {"hidden_size": 64, "intermediate_size": 128}
    config = LlamaConfig(num_key_value_heads=2, pad_token_id=0, **shape, **small_models.TOKENS)
    return LlamaForCausalLM(config)


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_models.saved(wide, tmp_path_factory.mktemp("wide"))


def adapted(folder: Path, hardware: Hardware, **changed: Any) -> Any:
    """A model in NF4 with an adapter that says something."""
    base = lora.load(folder, hardware, "nf4")
    model = lora.adapt(base, replace(SETTINGS, **changed), hardware)
    torch.manual_seed(6)
    for parameter in lora.trainable(model):
        torch.nn.init.normal_(parameter, std=0.2)
    return model


def kinds(model: Any) -> list[str]:
    return [f"{type(layer).__module__}.{type(layer).__name__}" for layer in model.modules()]


def plain(folder: Path, quantised: Any) -> Any:
    """A float32 model whose weights are what the 4 bits stand for."""
    model = lora.load(folder, choose("fp32", "eager", 1), "none").eval()
    for name, value in quantised.named_parameters():
        exact = value.data
        if hasattr(value, "quant_state"):
            state = copy(value.quant_state)
            state.dtype = torch.float32
            exact = bitsandbytes.functional.dequantize_4bit(exact, state)
        model.get_parameter(name).data.copy_(exact)
    return model


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("targets", [None, ["q_proj", "o_proj", "gate_proj", "down_proj"]])
def test_loss_and_gradients_are_the_library_s(
    causal: Path, precision: str, targets: list[str] | None
) -> None:
    hardware = choose(precision, "eager", 1)
    model = adapted(causal, hardware, target_modules=targets, dropout=0.0)
    found, tokens = decoder.loss(model, pack(ROWS[:6], "cpu"), hardware)
    batch = forward.padded(ROWS[:6], 0, "cpu")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    with hardware.autocast():
        expected = model(**batch, labels=labels).loss
    exact = precision == "fp32"
    assert found.item() / tokens == pytest.approx(expected.item(), rel=1e-5 if exact else 5e-3)
    ours, theirs = (
        torch.autograd.grad(loss, lora.trainable(model)) for loss in (found / tokens, expected)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert other.norm() > 0
        assert (one - other).norm() < (1e-4 if exact else 0.15) * other.norm()


def test_layers_of_4_bits_are_not_laid_out_anew(causal: Path, bf16: Hardware) -> None:
    """The head is, which isn't quantised."""
    model = adapted(causal, bf16)
    assert kinds(model).count("bitsandbytes.nn.modules.Linear4bit") == 2 * 7
    assert kinds(model).count("rejeu.training.decoder.FrozenLinear") == 1


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_is_used_as_it_was_trained(causal: Path, precision: str, tmp_path: Path) -> None:
    """Trained twice alike, reloaded, held-out loss, generation and replies."""
    hardware = choose(precision, "eager", 1)
    settings = replace(SETTINGS, max_steps=12, learning_rate=5e-2)
    batches = lora.schedule([len(row) for row in ROWS], settings)

    def trained() -> tuple[Any, list[dict[str, Any]], dict[str, Any]]:
        base = lora.load(causal, hardware, "nf4")
        return lora.train(base, ROWS, batches, settings, hardware, "test", io.StringIO())

    (model, log, record), (_, again, _) = trained(), trained()
    assert log == again
    assert log[-1]["loss"] < log[0]["loss"]
    assert record["steps"] == 12
    expected = generation.probe(model, [10, 11, 12], hardware)[-1]
    save_weights(model, tmp_path, ["adapter_model.safetensors", "adapter_config.json"])
    base = lora.load(causal, hardware, "nf4")
    exact = plain(causal, base)
    model = generation.load_adapter(base, tmp_path, expected, [10, 11, 12], hardware)
    progress = Progress("test", 1, io.StringIO())
    found = generation.heldout_loss(model, ROWS, hardware, progress)
    tokeniser = pair_tokeniser(causal, "plain", 64)
    said = generation.states(model, tmp_path, tokeniser, "w10 w11 w12", 6, hardware)
    assert [one["max_logit_difference_from_base"] > 0 for one in said] == [False, True, False]
    replies.in_float32(model)
    texts = {"a": {"input": "w5 w6", "output": " w7"}}
    fp32 = replace(hardware, precision="fp32")
    scores = replies.scores(model, tokeniser, texts, fp32)["a"]
    # The same by plain float32 products with what the 4 bits stand for.
    ids = [5, 6, 7]
    assert scores["base"] == pytest.approx(replies.logprob(exact, ids, 2, fp32), rel=1e-5)
    reference = PeftModel.from_pretrained(exact, tmp_path)
    assert scores["trained"] == pytest.approx(replies.logprob(reference, ids, 2, fp32), rel=1e-5)
    precise = generation.heldout_loss(reference, ROWS, fp32, progress)["loss"]
    assert found["loss"] == pytest.approx(precise, rel=1e-5 if precision == "fp32" else 1e-2)


def test_ranks_are_timed(causal: Path, bf16: Hardware) -> None:
    settings = [replace(SETTINGS, rank=rank) for rank in (2, 4)]
    found = timing.by_rank(causal, ROWS, settings, "nf4", bf16, 2, 1, "test", io.StringIO())
    assert all(value > 0 for values in found["seconds_per_step"].values() for value in values)
