"""Which forward pass computes a model: Rejeu's over packed rows, or transformers' over padded ones.

BERT, DistilBERT (`encoder`) and Llama (`decoder`) have the first. Every other model that
transformers loads has the second, which is slower, since padding is computed too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import (
    BertForSequenceClassification,
    DistilBertForSequenceClassification,
    LlamaForCausalLM,
)

from rejeu.training import decoder, encoder
from rejeu.training.hardware import Hardware
from rejeu.training.packed import TOKENS_PER_PART, pack, parts

ENCODERS: dict[str, type] = {
    "bert": BertForSequenceClassification,
    "distilbert": DistilBertForSequenceClassification,
}
DECODERS: dict[str, type] = {"llama": LlamaForCausalLM}


def is_packed(model: Any) -> bool:
    """Whether Rejeu has a forward pass of its own for a model, with or without an adapter."""
    return type(decoder.without_adapter(model)) in (*ENCODERS.values(), *DECODERS.values())


def remarks(model: Any, packed_kinds: Iterable[str]) -> list[str]:
    """What someone who waits for `model` should know, who could have one of `packed_kinds`."""
    if is_packed(model):
        return []
    return [
        f"'{model.config.model_type}' models are computed by transformers' own forward pass, "
        f"slower than Rejeu's for {' and '.join(packed_kinds)}"
    ]


def load_arguments(hardware: Hardware) -> dict[str, Any]:
    """How transformers is to compute attention: eager, or fused for models that can."""
    return {"attn_implementation": "eager" if hardware.attention == "eager" else None}


def as_computed(model: Any, hardware: Hardware) -> Hardware:
    """`hardware` with the attention that `model` has: transformers lacks fused ones for some."""
    if is_packed(model):
        return hardware
    return replace(hardware, attention=model.config._attn_implementation)


def cut(
    model: Any, order: Sequence[int], lengths: Sequence[int], tokens: int = TOKENS_PER_PART
) -> list[list[int]]:
    """Cut a batch of row numbers into parts that `model` computes one after another."""
    return parts(order, lengths, tokens, padded=not is_packed(model))


def logits_of(model: Any, hardware: Hardware) -> Callable[[list[list[int]]], torch.Tensor]:
    """A function from token rows to a classifier's logits (rows, classes), in float32.

    There is dropout while the model is in training mode.
    """
    if is_packed(model):
        named = encoder.classifier(model)

        def packed_logits(rows: list[list[int]]) -> torch.Tensor:
            batch = pack(rows, hardware.device)
            return encoder.logits(named, batch, hardware, training=model.training)

        return packed_logits

    def padded_logits(rows: list[list[int]]) -> torch.Tensor:
        with hardware.autocast():
            return model(**padded(rows, pad_token(model), hardware.device)).logits.float()

    return padded_logits


def loss(model: Any, rows: list[list[int]], hardware: Hardware) -> tuple[torch.Tensor, int]:
    """Sum a causal model's negative log-likelihood, in nats, of all tokens but each row's first.

    Returns:
        The sum, and how many tokens it is over.
    """
    if is_packed(model):
        return decoder.loss(model, pack(rows, hardware.device), hardware)
    batch = padded(rows, pad_token(model), hardware.device)
    with hardware.autocast():
        logits = model(**batch, use_cache=False).logits[:, :-1]
    predicted = batch["attention_mask"][:, 1:].bool()
    targets = batch["input_ids"][:, 1:][predicted]
    return cross_entropy(logits[predicted].float(), targets, reduction="sum"), len(targets)


def pad_token(model: Any) -> int:
    """The token that fills rows up: the model's own, or token 0 where it has none."""
    token = getattr(model.config, "pad_token_id", None)
    return token if token is not None and token >= 0 else 0


def padded(rows: list[list[int]], pad: int, device: str) -> dict[str, torch.Tensor]:
    """Rows of token numbers as transformers wants them: (rows, tokens of the longest), a mask."""
    longest = max(map(len, rows))
    ids = [row + [pad] * (longest - len(row)) for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(mask, device=device),
    }
