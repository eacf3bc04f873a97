"""Rows of several lengths as one sequence of tokens: nothing is padded, and no mask is needed.

All work but attention is done token by token, so rows simply stand one after another; in attention
each row sees itself alone. Dropout draws 16 random bits per element: drawing a number for each, as
the library does, takes a processor about three times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch.nn import functional

# A batch with more tokens is computed in parts: memory stays bounded, and the gradient is the same.
TOKENS_PER_PART = 4096
_LOWEST = -(2.0**15)  # a score that softmax takes for nothing, in any precision


@dataclass(frozen=True)
class Packed:
    """`groups` holds (rows, tokens per row) of neighbours that are attended to in one go."""

    ids: torch.Tensor  # (tokens,)
    positions: torch.Tensor  # (tokens,), of each token in its row
    starts: torch.Tensor  # (rows,), each row's first token
    groups: list[tuple[int, int]]


def pack(rows: Sequence[Sequence[int]], device: str) -> Packed:
    """Put rows end to end. On a GPU neighbours of one length form a group.

    A processor takes rows one by one: a row's scores then stay in its cache.
    """
    lengths = [len(row) for row in rows]
    groups = (
        [(1, length) for length in lengths]
        if device == "cpu"
        else [(len(list(same)), length) for length, same in groupby(lengths)]
    )
    sizes = torch.tensor(lengths)
    return Packed(
        ids=torch.tensor([token for row in rows for token in row]).to(device),
        positions=torch.cat([torch.arange(length) for length in lengths]).to(device),
        starts=(sizes.cumsum(0) - sizes).to(device),
        groups=groups,
    )


def parts(
    order: Sequence[int],
    lengths: Sequence[int],
    tokens_per_part: int = TOKENS_PER_PART,
    *,
    padded: bool = False,
) -> list[list[int]]:
    """Cut a batch of row numbers into parts of so many tokens at most, the longest rows first.

    A row that is longer still gets a part of its own. Where rows are `padded`, each takes as many
    tokens as its part's longest.
    """
    cut: list[list[int]] = []
    room = 0
    for row in sorted(order, key=lambda row: -lengths[row]):
        size = lengths[cut[-1][0]] if padded and cut else lengths[row]
        if size > room or not cut:
            cut.append([])
            room, size = tokens_per_part, lengths[row]
        cut[-1].append(row)
        room -= size
    return cut


def dropout(values: torch.Tensor, probability: float) -> torch.Tensor:
    """Set elements to 0 with `probability` (to the nearest 1/65536) and scale up the others."""
    if probability == 0:
        return values
    if values.device.type != "cpu":
        return functional.dropout(values, probability)
    return values * dropout_mask(values.shape, probability, values.dtype)


def dropout_mask(shape: Sequence[int], probability: float, dtype: torch.dtype) -> torch.Tensor:
    """Zeros with `probability`, 1 / (1 - probability) elsewhere."""
    count = torch.Size(shape).numel()
    dropped = round(probability * 2**16)
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = bits.view(torch.int16)[:count].view(*shape) >= dropped - 2**15
    return kept.to(dtype).mul_(2**16 / (2**16 - dropped))


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    groups: list[tuple[int, int]],
    attention: str,
    *,
    causal: bool = False,
    dropped: float = 0.0,
) -> torch.Tensor:
    """Scaled dot-product attention (Vaswani et al., arXiv 1706.03762), each row within itself.

    Keys and values are (tokens, heads, width), queries (tokens, a multiple of the heads, width),
    so that neighbours among them share a key; or there is one query only for each row. `attention`
    is eager, or sdpa for PyTorch's fused kernel. Returns (queries, all their heads' widths).
    """
    heads, width = keys.shape[1:]
    sharing = queries.shape[1] // heads
    single = len(queries) < len(keys)
    sizes = [rows * length for rows, length in groups]
    query_parts = queries.split([rows for rows, _ in groups] if single else sizes)
    outputs = []
    for query, key, value, (rows, length) in zip(
        query_parts, keys.split(sizes), values.split(sizes), groups, strict=True
    ):
        asking = 1 if single else length
        grouped = query.view(rows, asking, heads, sharing, width).permute(0, 2, 3, 1, 4)
        if attention == "sdpa":
            result = functional.scaled_dot_product_attention(
                grouped.reshape(rows, heads * sharing, asking, width),
                *(part.view(rows, length, heads, width).transpose(1, 2) for part in (key, value)),
                is_causal=causal,
                dropout_p=dropped,
                enable_gqa=sharing > 1,
            )
        else:
            flat = grouped.reshape(rows * heads, sharing * asking, width)
            key_flat, value_flat = (
                part.view(rows, length, heads, width)
                .transpose(1, 2)
                .reshape(rows * heads, length, width)
                for part in (key, value)
            )
            mask = flat.new_zeros(())
            if causal:
                mask = flat.new_full((length, length), _LOWEST).triu(1).repeat(sharing, 1)
            scores = torch.baddbmm(mask, flat, key_flat.transpose(1, 2), alpha=width**-0.5)
            result = torch.bmm(dropout(scores.softmax(-1), dropped), value_flat)
        result = result.view(rows, heads, sharing, asking, width)
        outputs.append(result.permute(0, 3, 1, 2, 4).reshape(rows * asking, -1))
    return torch.cat(outputs)
