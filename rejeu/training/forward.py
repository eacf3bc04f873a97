"""Which forward pass computes a model: Rejeu's over packed rows, or transformers' over padded ones.

BERT, DistilBERT (`encoder`) and Llama (`decoder`) have the first; on a GPU only where it takes one
call of attention a layer. Every other model that transformers loads has the second, which is
slower, since padding is computed too.
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
from rejeu.training.memory import TOKENS, tokens_per_part
from rejeu.training.packed import pack, parts, sent, serves

ENCODERS: dict[str, type] = {
    "bert": BertForSequenceClassification,
    "distilbert": DistilBertForSequenceClassification,
}
DECODERS: dict[str, type] = {"llama": LlamaForCausalLM}
ATTENTION_DROPOUT = ("attention_probs_dropout_prob", "attention_dropout")  # its keys in config.json


def is_known(model: Any) -> bool:
    """Whether Rejeu has a forward pass of its own for a model, with or without an adapter."""
    return type(decoder.without_adapter(model)) in (*ENCODERS.values(), *DECODERS.values())


def is_packed(model: Any, hardware: Hardware) -> bool:
    """Whether Rejeu's forward pass computes a model.

    On a GPU, transformers' computes in float32, with plain attention or dropout in attention, and
    on GPUs before Ampere: there each length would need a call of its own.
    """
    if hardware.device == "cpu" or not is_known(model):
        return is_known(model)
    config = model.config
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return (
        hardware.attention == "varlen"
        and hardware.precision != "fp32"
        and not any(getattr(config, key, 0.0) for key in ATTENTION_DROPOUT)
        and serves(heads, getattr(config, "num_key_value_heads", heads), width)
    )


def remarks(model: Any, packed_kinds: Iterable[str]) -> list[str]:
    """What someone who waits for `model` should know, who could have one of `packed_kinds`."""
    if is_known(model):
        return []
    return [
        f"'{model.config.model_type}' models are computed by transformers' own forward pass, "
        f"slower than Rejeu's for {' and '.join(packed_kinds)}"
    ]


def load_arguments(hardware: Hardware) -> dict[str, Any]:
    """How transformers is to compute attention: eager, or fused for models that can."""
    return {"attn_implementation": "eager" if hardware.attention == "eager" else None}


def as_computed(model: Any, hardware: Hardware) -> Hardware:
    """`hardware` with the attention that `model` has: transformers lacks fused ones for some.

    What another model computes on a GPU may have no deterministic algorithm.
    """
    if is_packed(model, hardware):
        return hardware
    return replace(
        hardware,
        attention=model.config._attn_implementation,
        deterministic=hardware.device == "cpu" or is_known(model),
    )


def cutter(
    model: Any, lengths: Sequence[int], hardware: Hardware, tokens: int = TOKENS
) -> Callable[[Sequence[int]], list[list[int]]]:
    """A function that cuts row numbers into parts, which `model` computes one after another.

    A part has as many `tokens` at most; on a GPU as many as its memory holds.
    """
    padded = not is_packed(model, hardware)
    most = tokens if hardware.device == "cpu" else tokens_per_part(model, hardware)
    return lambda order: parts(order, lengths, most, padded=padded)


def logits_of(model: Any, hardware: Hardware) -> Callable[[list[list[int]]], torch.Tensor]:
    """A function from token rows to a classifier's logits (rows, classes), in float32.

    There is dropout while the model is in training mode.
    """
    if is_packed(model, hardware):
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
    if is_packed(model, hardware):
        return decoder.loss(model, pack(rows, hardware.device), hardware)
    batch = padded(rows, pad_token(model), "cpu")
    # Found before the batch is on a GPU, which the program would have to wait for.
    predicted = torch.nonzero(batch["attention_mask"][:, 1:], as_tuple=True)
    targets = sent(batch["input_ids"][:, 1:][predicted], hardware.device)
    places = tuple(sent(part, hardware.device) for part in predicted)
    batch = {name: sent(values, hardware.device) for name, values in batch.items()}
    with hardware.autocast():
        logits = model(**batch, use_cache=False).logits[:, :-1]
    return cross_entropy(logits[places].float(), targets, reduction="sum"), len(targets)


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
        "input_ids": sent(torch.tensor(ids), device),
        "attention_mask": sent(torch.tensor(mask), device),
    }
