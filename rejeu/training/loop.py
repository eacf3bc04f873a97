"""The training loop of both parts: a linear schedule, clipped gradients, every step logged."""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from transformers import get_linear_schedule_with_warmup
from transformers.trainer_pt_utils import get_length_grouped_indices

from rejeu.job import Progress
from rejeu.training.hardware import Hardware, machine, peak_memory_mb
from rejeu.training.packed import parts


def orders(
    lengths: Sequence[int], rows_per_step: int, seed: int, *, length_grouping: bool
) -> Iterator[list[int]]:
    """Row numbers in the order in which training draws them: one epoch's permutation after another.

    `length_grouping` is transformers': shuffled, then sorted by length within blocks of 50 batches.
    """
    generator = torch.Generator().manual_seed(seed)
    while True:
        if length_grouping:
            yield get_length_grouped_indices(list(lengths), rows_per_step, generator=generator)
        else:
            yield torch.randperm(len(lengths), generator=generator).tolist()


def fit(
    batches: Sequence[list[int]],
    lengths: Sequence[int],
    loss_of: Callable[[list[int]], torch.Tensor],
    weigh: Callable[[list[int]], int],
    optimiser: torch.optim.Optimizer,
    warmup_share: float,
    max_grad_norm: float,
    hardware: Hardware,
    progress: Progress,
    seed: int | None = None,
) -> tuple[list[dict[str, float]], float]:
    """Take one step for each batch of row numbers.

    `loss_of` sums the loss over some rows of a batch; `weigh` says over how many items a batch's
    loss is averaged. A batch too large for memory is computed in parts; the gradient is the same.
    With a `seed` each step has random numbers of its own, so that runs of one seed share the
    dropout of all steps whose batches are alike, whatever other batches stand between.

    Returns:
        A row per step {step, loss, learning_rate, grad_norm}, and the seconds taken.
    """
    warmup = math.ceil(len(batches) * warmup_share)
    rate = get_linear_schedule_with_warmup(optimiser, warmup, len(batches))
    scaler = torch.amp.GradScaler(hardware.device, enabled=hardware.precision == "fp16")
    parameters: list[nn.Parameter] = [
        parameter for group in optimiser.param_groups for parameter in group["params"]
    ]
    log: list[dict[str, float]] = []
    seeds = random.Random(seed)
    start = time.monotonic()
    for step, batch in enumerate(batches, 1):
        total = 0.0
        if seed is not None:
            torch.manual_seed(seeds.getrandbits(63))
        for part in parts(batch, lengths):
            loss = loss_of(part) / weigh(batch)
            scaler.scale(loss).backward()
            total += loss.item()
        scaler.unscale_(optimiser)
        norm = clip_grad_norm_(parameters, max_grad_norm)
        used = float(rate.get_last_lr()[0])
        log.append({"step": step, "loss": total, "learning_rate": used, "grad_norm": norm.item()})
        scaler.step(optimiser)
        scaler.update()
        rate.step()
        optimiser.zero_grad()
        progress.update(step, f" steps, loss {total:.3f}")
    return log, time.monotonic() - start


def record(
    log: list[dict[str, float]], seconds: float, rows: int, tokens: int, hardware: Hardware
) -> dict[str, Any]:
    """What run.json says of a run of either part; `rows` and `tokens` were trained on."""
    return {
        "device": hardware.device,
        "precision": hardware.precision,
        "attention": hardware.attention,
        "threads": hardware.threads,
        "machine": machine(),
        "steps": len(log),
        "train_loss": sum(row["loss"] for row in log) / len(log),
        "wall_seconds": seconds,
        "samples_per_second": rows / seconds,
        "tokens_per_second": tokens / seconds,
        "peak_memory_mb": peak_memory_mb(),
        "resumed": False,
    }
