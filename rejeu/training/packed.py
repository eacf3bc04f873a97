"""Rows of several lengths as one sequence of tokens: nothing is padded, and no mask is needed.

All work but attention is done token by token, so rows simply stand one after another; in attention
each row sees itself alone: on a GPU all in one call of PyTorch's `varlen_attn`, on a processor one
after another. Dropout draws 16 random bits per element: drawing a number for each, as the library
does, takes a processor about three times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import torch
from torch.nn import functional

try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # before PyTorch 2.10
    varlen_attn = None

_LOWEST = -(2.0**15)  # a score that softmax takes for nothing, in any precision
WIDEST = 256  # heads that PyTorch's flash attention takes


@dataclass(frozen=True)
class Packed:
    """Rows that stand end to end."""

    ids: torch.Tensor  # (tokens,)
    positions: torch.Tensor  # (tokens,), of each token in its row
    starts: torch.Tensor  # (rows,), each row's first token
    predicting: torch.Tensor  # (tokens - rows,), all tokens but each row's last
    bounds: torch.Tensor  # (rows + 1,), int32: where each row starts, and the last one ends
    lengths: list[int]  # tokens of each row


def pack(rows: Sequence[Sequence[int]], device: str) -> Packed:
    """Put rows end to end."""
    lengths = [len(row) for row in rows]
    bounds = torch.tensor([0, *lengths]).cumsum(0)
    positions = torch.cat([torch.arange(length) for length in lengths])
    return Packed(
        ids=sent(torch.tensor([token for row in rows for token in row]), device),
        positions=sent(positions, device),
        starts=sent(bounds[:-1], device),
        predicting=sent(torch.nonzero(positions[1:])[:, 0], device),
        bounds=sent(bounds.int(), device),
        lengths=lengths,
    )


def sent(values: torch.Tensor, device: str) -> torch.Tensor:
    """`values` on the device. A GPU fetches them when it needs them, while the program goes on.

    So a step's rows are made ready while the step before is computed.
    """
    return values if device == "cpu" else values.pin_memory().to(device, non_blocking=True)


def parts(
    order: Sequence[int],
    lengths: Sequence[int],
    tokens_per_part: int,
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
    batch: Packed,
    attention: str,
    *,
    causal: bool = False,
    dropped: float = 0.0,
) -> torch.Tensor:
    """Scaled dot-product attention (Vaswani et al., arXiv 1706.03762), each row within itself.

    Keys and values are (tokens, heads, width), queries (tokens, a multiple of the heads, width),
    so that neighbours among them share a key; or there is one query only for each row. `attention`
    is varlen, eager, or sdpa for PyTorch's fused kernel; varlen knows no dropout. Returns (queries,
    all their heads' widths).
    """
    single = len(queries) < len(keys)
    if attention == "varlen":
        return _at_once(queries, keys, values, batch, single=single, causal=causal)
    parts = queries.split(1 if single else batch.lengths)
    rows = zip(parts, keys.split(batch.lengths), values.split(batch.lengths), strict=True)
    compute = _fused if attention == "sdpa" else _plain
    return torch.cat([compute(*row, causal=causal, dropped=dropped) for row in rows])


def _at_once(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    batch: Packed,
    *,
    single: bool,
    causal: bool,
) -> torch.Tensor:
    """All rows in one call, of heads whose width the kernel takes: multiples of 8."""
    width = keys.shape[2]
    if missing := -width % 8:
        queries, keys, values = (
            functional.pad(part, (0, missing)) for part in (queries, keys, values)
        )
    bounds, longest = batch.bounds, max(batch.lengths)
    # Not all of PyTorch's versions know the option; without shared keys it isn't needed.
    shared: dict[str, Any] = {"enable_gqa": True} if queries.shape[1] > keys.shape[1] else {}
    result: Any = varlen_attn(  # pyright: ignore[reportOptionalCall]  # `serves` was asked
        queries,
        keys,
        values,
        torch.arange(len(bounds), dtype=torch.int32, device=bounds.device) if single else bounds,
        bounds,
        1 if single else longest,
        longest,
        scale=width**-0.5,
        window_size=(-1, 0) if causal else (-1, -1),
        **shared,
    )
    return result[..., :width].flatten(1)


def serves(heads: int, key_heads: int, width: int) -> bool:
    """Whether PyTorch has a `varlen_attn` that computes heads like these."""
    known = signature(varlen_attn).parameters.keys() if varlen_attn else set[str]()
    needed = {"scale", "window_size", *(["enable_gqa"] if heads > key_heads else [])}
    return needed <= known and width <= WIDEST


def _fused(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: bool, dropped: float
) -> torch.Tensor:
    """One row by PyTorch's fused kernel."""
    query, key, value = (part.transpose(0, 1)[None] for part in (query, key, value))
    result = functional.scaled_dot_product_attention(
        query,
        key,
        value,
        is_causal=causal,
        dropout_p=dropped,
        enable_gqa=query.shape[1] > key.shape[1],
    )
    return result[0].transpose(0, 1).flatten(1)


def _plain(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, causal: bool, dropped: float
) -> torch.Tensor:
    """One row by products; its scores stay in a processor's cache."""
    (asking, _, width), (length, heads, _) = query.shape, key.shape
    sharing = query.shape[1] // heads
    grouped = query.view(asking, heads, sharing, width).permute(1, 2, 0, 3)
    flat = grouped.reshape(heads, sharing * asking, width)
    mask = flat.new_zeros(())
    if causal:
        mask = flat.new_full((length, length), _LOWEST).triu(1).repeat(sharing, 1)
    keys, values = (part.transpose(0, 1) for part in (key, value))
    scores = torch.baddbmm(mask, flat, keys.transpose(1, 2), alpha=width**-0.5)
    result = torch.bmm(dropout(scores.softmax(-1), dropped), values)
    return result.view(heads, sharing, asking, width).permute(2, 0, 1, 3).reshape(asking, -1)
