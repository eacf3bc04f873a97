"""Packed rows give what padded ones give in the library's forward pass, gradients included."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from torch.nn.functional import scaled_dot_product_attention
from transformers import (
    AutoModelForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from rejeu.training import classifier, decoder, lora, packed
from rejeu.training import encoder as encoding
from rejeu.training.forward import padded
from rejeu.training.hardware import Hardware
from tests.training.sample import ROWS

RANDOM = random.Random(3)
REVIEWS = [[2, *RANDOM.choices(range(4, 60), k=length), 3] for length in (9, 2, 2, 14, 1)]


def bert(folder: Path) -> Any:
    torch.manual_seed(5)
    return AutoModelForSequenceClassification.from_pretrained(folder, num_labels=2)


def distilbert(folder: Path) -> Any:
    torch.manual_seed(5)
    return DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=60,
            dim=32,
            n_layers=2,
            n_heads=4,
            hidden_dim=64,
            max_position_embeddings=64,
            initializer_range=0.2,
        )
    )


@pytest.mark.parametrize("make", [bert, distilbert])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_encoder_is_the_library_s(
    encoder: Path, fp32: Hardware, make: Callable[[Path], Any], attention: str
) -> None:
    model = make(encoder).eval()
    batch = packed.pack(REVIEWS, "cpu")
    ours = encoding.logits(
        encoding.classifier(model), batch, replace(fp32, attention=attention), training=False
    )
    ours.square().sum().backward()
    gradients = {name: value.grad.clone() for name, value in model.named_parameters()}
    model.zero_grad()
    expected = model(**padded(REVIEWS, 0, "cpu")).logits
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)
    expected.square().sum().backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(gradients[name], value.grad, atol=1e-5, rtol=1e-3)
    assert sum(float(value.abs().sum()) > 0 for value in gradients.values()) > 30


def test_distilbert_of_true_shape_is_the_library_s(fp32: Hardware) -> None:
    """66 million random weights, on rows of up to 90 tokens."""
    torch.manual_seed(5)
    model = DistilBertForSequenceClassification(DistilBertConfig()).eval()
    rows = [RANDOM.choices(range(5, 30000), k=length) for length in (90, 31, 2)]
    labels = torch.tensor([1, 0, 1])
    ours = encoding.logits(
        encoding.classifier(model), packed.pack(rows, "cpu"), fp32, training=False
    )
    with_labels = model(**padded(rows, 0, "cpu"), labels=labels)
    torch.testing.assert_close(ours, with_labels.logits, atol=1e-5, rtol=1e-4)
    loss = torch.nn.functional.cross_entropy(ours, labels)
    assert loss.item() == pytest.approx(with_labels.loss.item(), rel=1e-5)
    parameters = list(model.parameters())
    found = torch.autograd.grad(loss, parameters)
    expected = torch.autograd.grad(with_labels.loss, parameters)
    for one, other in zip(found, expected, strict=True):
        assert (one - other).norm() < 1e-4 * other.norm() + 1e-7
    assert sum(float(gradient.abs().max()) > 0 for gradient in found) > 90


def test_encoder_in_bf16_is_near(encoder: Path, fp32: Hardware, bf16: Hardware) -> None:
    given = encoding.classifier(bert(encoder).eval())
    batch = packed.pack(REVIEWS, "cpu")
    with torch.no_grad():
        exact, coarse = (
            encoding.logits(given, batch, hardware, training=False) for hardware in (fp32, bf16)
        )
    assert coarse.dtype == torch.float32
    assert 0 < (exact - coarse).abs().max() < 0.02 * exact.abs().max() + 0.01


def test_dropout_reaches_every_place(encoder: Path, fp32: Hardware) -> None:
    """Training differs from evaluation by embeddings', attention's, blocks' and head's dropout."""
    model = bert(encoder)
    given = encoding.classifier(model)
    none = replace(given, dropout=0.0, attention_dropout=0.0, out_dropout=0.0, head_dropout=0.0)
    batch = packed.pack(REVIEWS, "cpu")

    def logits(chosen: encoding.Classifier, *, training: bool) -> torch.Tensor:
        with torch.no_grad():
            return encoding.logits(chosen, batch, fp32, training=training)

    plain = logits(given, training=False)
    assert torch.equal(logits(none, training=True), plain)
    for place in ("dropout", "attention_dropout", "out_dropout", "head_dropout"):
        assert not torch.equal(logits(replace(none, **{place: 0.3}), training=True), plain)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("adapter", [None, "plain", "rank-stabilised"])
def test_decoder_is_the_library_s(
    causal: Path, fp32: Hardware, attention: str, adapter: str | None
) -> None:
    hardware = replace(fp32, attention=attention)
    model: Any = lora.load(causal, hardware, "none")
    if adapter:
        torch.manual_seed(6)
        config = LoraConfig(
            r=4,
            lora_alpha=6,
            use_rslora=adapter == "rank-stabilised",
            task_type="CAUSAL_LM",
            init_lora_weights=False,
        )
        model = get_peft_model(model, config)
    rows = ROWS[:6]
    found, tokens = decoder.loss(model.eval(), packed.pack(rows, "cpu"), hardware)
    assert tokens == sum(len(row) - 1 for row in rows)
    batch = padded(rows, 0, "cpu")
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    expected = model(**batch, labels=labels).loss
    assert (found / tokens).item() == pytest.approx(expected.item(), rel=1e-5)
    if adapter:
        parameters = [value for value in model.parameters() if value.requires_grad]
        ours = torch.autograd.grad(found / tokens, parameters)
        theirs = torch.autograd.grad(expected, parameters)
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-3)
        assert all(float(value.abs().sum()) > 0 for value in ours)
        with model.disable_adapter(), torch.no_grad():
            without = decoder.loss(model, packed.pack(rows, "cpu"), hardware)[0]
        assert abs((without - found).item()) > 1e-3


def test_frozen_weights_give_the_same(causal: Path, bf16: Hardware) -> None:
    torch.manual_seed(6)
    config = LoraConfig(r=4, lora_dropout=0.0, task_type="CAUSAL_LM", init_lora_weights=False)
    model: Any = get_peft_model(lora.load(causal, bf16, "none"), config)
    batch = packed.pack(ROWS[:6], "cpu")
    parameters = [value for value in model.parameters() if value.requires_grad]

    def result() -> tuple[float, tuple[torch.Tensor, ...]]:
        loss, tokens = decoder.loss(model, batch, bf16)
        return loss.item() / tokens, torch.autograd.grad(loss, parameters)

    before, gradients = result()
    decoder.freeze(model, bf16)
    kinds = [type(module).__name__ for module in model.modules()]
    assert kinds.count("FrozenLinear") == 2 * 7 + 1
    after, others = result()
    assert after == pytest.approx(before, rel=1e-3)
    for one, other in zip(gradients, others, strict=True):
        assert (one - other).norm() < 0.02 * one.norm()


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("causal_mask", [False, True])
def test_attention_is_each_rows_own(attention: str, causal_mask: bool) -> None:
    """With keys that neighbours share, and with one query for each row."""
    torch.manual_seed(1)
    queries, keys, values = (torch.randn(14, heads, 8) for heads in (6, 3, 3))
    batch = packed.pack([[4] * 5, [4] * 5, [4] * 4], "cpu")
    found = packed.attend(queries, keys, values, batch, attention, causal=causal_mask)
    single = packed.attend(queries[batch.starts], keys, values, batch, attention)
    for row, span in enumerate(((0, 5), (5, 10), (10, 14))):
        query, key, value = (part[slice(*span)].transpose(0, 1) for part in (queries, keys, values))
        shared = key.repeat_interleave(2, dim=0), value.repeat_interleave(2, dim=0)
        expected = scaled_dot_product_attention(query, *shared, is_causal=causal_mask)
        torch.testing.assert_close(
            found[slice(*span)], expected.transpose(0, 1).reshape(span[1] - span[0], -1)
        )
        first = scaled_dot_product_attention(query[:, :1], *shared)
        torch.testing.assert_close(single[row], first.flatten())


def test_rows_of_a_batch_do_not_see_each_other(encoder: Path, fp32: Hardware) -> None:
    given = encoding.classifier(bert(encoder).eval())
    with torch.no_grad():
        together = encoding.logits(given, packed.pack(REVIEWS, "cpu"), fp32, training=False)
        alone = [
            encoding.logits(given, packed.pack([row], "cpu"), fp32, training=False)
            for row in REVIEWS
        ]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.0123])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropout_is_a_fair_draw(probability: float, dtype: torch.dtype) -> None:
    torch.manual_seed(9)
    shape = (301, 333)
    mask = packed.dropout_mask(shape, probability, dtype)
    assert (mask.shape, mask.dtype) == (shape, dtype)
    share = (mask == 0).double().mean().item()
    count = shape[0] * shape[1]
    assert abs(share - probability) < 4 * math.sqrt(probability * (1 - probability) / count)
    assert mask.max().item() == pytest.approx(1 / (1 - probability), rel=0.005)
    # No trace of the 64-bit draws that four elements share: neighbours are independent.
    dropped = (mask == 0).double().flatten() - share
    for distance in (1, 2, 3, 4):
        together = (dropped[:-distance] * dropped[distance:]).mean().item()
        assert abs(together) < 5 * probability * (1 - probability) / math.sqrt(count)
    torch.manual_seed(9)
    assert torch.equal(mask, packed.dropout_mask(shape, probability, dtype))


def test_no_dropout_is_no_work() -> None:
    values = torch.ones(3)
    assert packed.dropout(values, 0.0) is values


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 400), st.booleans())
def test_parts_hold_every_row_once(lengths: list[int], tokens: int, padded: bool) -> None:
    found = packed.parts(range(len(lengths)), lengths, tokens, padded=padded)
    assert sorted(row for part in found for row in part) == list(range(len(lengths)))
    for part in found:
        sizes = [lengths[row] for row in part]
        assert len(part) == 1 or (max(sizes) * len(sizes) if padded else sum(sizes)) <= tokens
    drawn = [lengths[row] for part in found for row in part]
    assert drawn == sorted(lengths, reverse=True)


def test_a_batch_in_parts_has_the_same_gradient(encoder: Path, fp32: Hardware) -> None:
    """Parts bound memory only: without dropout they give the same steps."""
    given = encoding.classifier(bert(encoder).eval())
    labels = torch.tensor([0, 1, 1, 0, 1])

    def gradient(tokens: int) -> torch.Tensor:
        given.head.weight.grad = None
        given.words.weight.grad = None
        for part in packed.parts(range(5), [len(row) for row in REVIEWS], tokens):
            batch = packed.pack([REVIEWS[row] for row in part], "cpu")
            logits = encoding.logits(given, batch, fp32, training=False)
            loss = torch.nn.functional.cross_entropy(logits, labels[part], reduction="sum") / 5
            loss.backward()
        assert given.words.weight.grad is not None
        return given.words.weight.grad.clone()

    torch.testing.assert_close(gradient(10_000), gradient(16), atol=1e-7, rtol=1e-4)


def test_weight_decay_spares_biases_and_norms(encoder: Path) -> None:
    model = bert(encoder)
    settings = classifier.Settings(None, 1e-3, 4, 0.01, 1.0, 1, 0.0, True, 2, 7)
    decaying, others = classifier.optimiser(model, settings).param_groups
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    names = {id(value): name for name, value in model.named_parameters()}
    spared = {names[id(value)] for value in others["params"]}
    assert spared == {name for name in names.values() if "bias" in name or "LayerNorm" in name}
