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

from rejeu.training.hardware import Hardware
from rejeu.training.packed import Packed, attend, dropout


@dataclass(frozen=True)
class Block:
    """The parts of one transformer block by their role."""

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
    """Name the parts of a BERT or DistilBERT for sequence classification."""
    return {"bert": _bert, "distilbert": _distilbert}[model.config.model_type](model)


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


def logits(parts: Classifier, batch: Packed, hardware: Hardware, *, training: bool) -> torch.Tensor:
    """Logits of shape (rows, classes), in float32; with dropout when `training`."""

    def drop(values: torch.Tensor, probability: float) -> torch.Tensor:
        return dropout(values, probability) if training else values

    with hardware.autocast():
        states = parts.words(batch.ids) + parts.positions(batch.positions)
        if parts.kinds is not None:
            states = states + parts.kinds.weight[0]
        # From here on all is in the precision of the products, not only the products themselves;
        # on a GPU, where autocast lets norms give float32, all but what is added up.
        states = drop(parts.norm(states).to(hardware.dtype), parts.dropout)
        for block in parts.blocks:
            last = block is parts.blocks[-1]
            attended = _attention(
                parts, block, states, batch, hardware, training=training, last=last
            )
            states = states[batch.starts] if last else states
            states = block.attention_norm(drop(block.out(attended), parts.out_dropout) + states)
            inner = block.activation(block.up(states))
            states = block.norm(drop(block.down(inner), parts.dropout) + states)
        pooled = parts.pool_activation(parts.pool(states))
        return parts.head(drop(pooled, parts.head_dropout)).float()


def _attention(
    parts: Classifier,
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
    split = projected.view(len(states), len(layers), parts.heads, -1).unbind(1)
    query = (
        block.query(states[batch.starts]).view(len(batch.starts), parts.heads, -1)
        if last
        else split[0]
    )
    return attend(
        query,
        split[-2],
        split[-1],
        batch,
        hardware.attention,
        dropped=parts.attention_dropout if training else 0.0,
    )
