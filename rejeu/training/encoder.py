"""A BERT or DistilBERT classifier's forward pass over packed rows.

Same weights and same results as the library's own forward pass, with less work: no padding, one
product for queries, keys and values, and in the last block, whose first token alone is read, no
work for the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from rejeu.errors import RejeuError
from rejeu.training.hardware import Hardware
from rejeu.training.packed import Packed, attend, dropout


@dataclass(frozen=True)
class Block:
    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    out: nn.Linear
    attention_norm: nn.LayerNorm
    up: nn.Linear
    activation: Callable[[torch.Tensor], torch.Tensor]
    down: nn.Linear
    norm: nn.LayerNorm


@dataclass(frozen=True)
class Classifier:
    """The parts of a model by their role, and its dropout probabilities."""

    words: nn.Embedding
    positions: nn.Embedding
    kinds: nn.Embedding | None  # of a pair's first and second text; all rows are first texts here
    norm: nn.LayerNorm
    blocks: list[Block]
    heads: int
    dropout: float
    attention_dropout: float
    out_dropout: float  # after attention; DistilBERT has none there
    pool: nn.Linear
    pool_activation: Callable[[torch.Tensor], torch.Tensor]
    head_dropout: float
    head: nn.Linear


def classifier(model: Any) -> Classifier:
    """Name a model's parts.

    Raises:
        RejeuError: for an architecture that is neither BERT nor DistilBERT.
    """
    kind = model.config.model_type
    if kind == "bert":
        return _bert(model)
    if kind == "distilbert":
        return _distilbert(model)
    raise RejeuError(
        f"encoder of type '{kind}': expected bert or distilbert; choose such a model in config.yaml"
    )


def _bert(model: Any) -> Classifier:
    config, body = model.config, model.bert
    return Classifier(
        words=body.embeddings.word_embeddings,
        positions=body.embeddings.position_embeddings,
        kinds=body.embeddings.token_type_embeddings,
        norm=body.embeddings.LayerNorm,
        blocks=[
            Block(
                query=layer.attention.self.query,
                key=layer.attention.self.key,
                value=layer.attention.self.value,
                out=layer.attention.output.dense,
                attention_norm=layer.attention.output.LayerNorm,
                up=layer.intermediate.dense,
                activation=layer.intermediate.intermediate_act_fn,
                down=layer.output.dense,
                norm=layer.output.LayerNorm,
            )
            for layer in body.encoder.layer
        ],
        heads=config.num_attention_heads,
        dropout=config.hidden_dropout_prob,
        attention_dropout=config.attention_probs_dropout_prob,
        out_dropout=config.hidden_dropout_prob,
        pool=body.pooler.dense,
        pool_activation=body.pooler.activation,
        head_dropout=model.dropout.p,
        head=model.classifier,
    )


def _distilbert(model: Any) -> Classifier:
    config, body = model.config, model.distilbert
    return Classifier(
        words=body.embeddings.word_embeddings,
        positions=body.embeddings.position_embeddings,
        kinds=None,
        norm=body.embeddings.LayerNorm,
        blocks=[
            Block(
                query=layer.attention.q_lin,
                key=layer.attention.k_lin,
                value=layer.attention.v_lin,
                out=layer.attention.out_lin,
                attention_norm=layer.sa_layer_norm,
                up=layer.ffn.lin1,
                activation=layer.ffn.activation,
                down=layer.ffn.lin2,
                norm=layer.output_layer_norm,
            )
            for layer in body.transformer.layer
        ],
        heads=config.n_heads,
        dropout=config.dropout,
        attention_dropout=config.attention_dropout,
        out_dropout=0.0,
        pool=model.pre_classifier,
        pool_activation=functional.relu,
        head_dropout=config.seq_classif_dropout,
        head=model.classifier,
    )


def logits(given: Classifier, batch: Packed, hardware: Hardware, *, training: bool) -> torch.Tensor:
    """Logits of shape (rows, classes), in float32; with dropout when `training`."""

    def drop(values: torch.Tensor, probability: float) -> torch.Tensor:
        return dropout(values, probability) if training else values

    with hardware.autocast():
        states = given.words(batch.ids) + given.positions(batch.positions)
        if given.kinds is not None:
            states = states + given.kinds.weight[0]
        # From here on all is in the precision of the products, not only the products themselves.
        states = drop(given.norm(states).to(hardware.dtype), given.dropout)
        for block in given.blocks:
            last = block is given.blocks[-1]
            found = _attention(given, block, states, batch, hardware, training=training, last=last)
            states = states[batch.starts] if last else states
            states = block.attention_norm(drop(block.out(found), given.out_dropout) + states)
            inner = block.activation(block.up(states))
            states = block.norm(drop(block.down(inner), given.dropout) + states)
        pooled = given.pool_activation(given.pool(states))
        return given.head(drop(pooled, given.head_dropout)).float()


def _attention(
    given: Classifier,
    block: Block,
    states: torch.Tensor,
    batch: Packed,
    hardware: Hardware,
    *,
    training: bool,
    last: bool,
) -> torch.Tensor:
    layers = [block.key, block.value] if last else [block.query, block.key, block.value]
    weight = torch.cat([layer.weight for layer in layers])
    bias = torch.cat([layer.bias for layer in layers])
    projected = functional.linear(states, weight, bias)
    split = projected.view(len(states), len(layers), given.heads, -1).unbind(1)
    query = (
        block.query(states[batch.starts]).view(len(batch.starts), given.heads, -1)
        if last
        else split[0]
    )
    return attend(
        query,
        split[-2],
        split[-1],
        batch.groups,
        hardware.attention,
        dropped=given.attention_dropout if training else 0.0,
    )
