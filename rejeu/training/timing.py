"""How long training takes by batch size and by rank: repeated, in turn, alone on the machine.

All variants of a repeat compute the same rows, so that they are paired; their order changes from
repeat to repeat, so that a machine that slows down doesn't favour any. A first round warms up and
isn't counted.
"""

import itertools
import math
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TextIO, TypeVar

import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from rejeu.data.tokenise import TokenRows
from rejeu.job.run import Progress
from rejeu.training import lora
from rejeu.training.forward import pad_token, padded
from rejeu.training.hardware import Hardware
from rejeu.training.loop import orders

Variant = TypeVar("Variant", bound=Hashable)


def in_turn(
    variants: list[Variant],
    measure: Callable[[int, Variant], float],
    repeats: int,
    progress: Progress,
) -> dict[Variant, list[float]]:
    """Measure every variant once a repeat, each time beginning with the next one.

    `measure` gets the number of the repeat, from 0 for the round that warms up. Returns what it
    gave in all other rounds.
    """
    values: dict[Variant, list[float]] = {variant: [] for variant in variants}
    for repeat in range(repeats + 1):
        first = repeat % len(variants)
        for place, variant in enumerate(variants[first:] + variants[:first], 1):
            measured = measure(repeat, variant)
            if repeat:
                values[variant].append(measured)
            progress.update(repeat * len(variants) + place, " measurements")
    return values


def by_batch_size(
    folder: Path,
    rows: TokenRows,
    batch_sizes: list[int],
    classes: int,
    learning_rate: float,
    max_grad_norm: float,
    hardware: Hardware,
    count: int,
    repeats: int,
    seed: int,
    label: str,
    terminal: TextIO,
) -> dict[str, Any]:
    """Seconds per row of an encoder's training steps, as transformers' Trainer takes them.

    The forward pass is transformers', in its default settings; rows are padded to the longest of
    their batch, in the random order in which they arrive.

    Args:
        count: rows of one measurement, at least; raised to a multiple of all batch sizes.

    Returns:
        timing/batch.json: {threads, precision, repeats, rows: of one measurement, batch_sizes,
        seconds_per_row: by batch size, one value per repeat}.
    """
    together = math.lcm(*batch_sizes)
    count = math.ceil(count / together) * together
    torch.manual_seed(seed)  # for the new head and for dropout
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=classes,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model = model.to(torch.device(hardware.device)).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, fused=True)
    step = padded_step(model, optimiser, rows, max_grad_norm, hardware)
    drawn = itertools.chain.from_iterable(orders(rows.lengths, 1, seed, length_grouping=False))
    rounds = [list(itertools.islice(drawn, count)) for _ in range(repeats + 1)]

    def measure(repeat: int, size: int) -> float:
        batches = lora.steps(rounds[repeat], size)
        return seconds(lambda: [step(batch) for batch in batches], hardware) / count

    progress = Progress(label, len(batch_sizes) * (repeats + 1), terminal)
    seconds_by_size = in_turn(batch_sizes, measure, repeats, progress)
    return {
        "threads": hardware.threads,
        "precision": hardware.precision,
        "repeats": repeats,
        "rows": count,
        "batch_sizes": batch_sizes,
        "seconds_per_row": {str(size): values for size, values in seconds_by_size.items()},
    }


def padded_step(
    model: PreTrainedModel,
    optimiser: torch.optim.Optimizer,
    rows: TokenRows,
    max_grad_norm: float,
    hardware: Hardware,
) -> Callable[[list[int]], None]:
    """A function that takes one training step on a batch of row numbers."""
    scaler = torch.amp.GradScaler(hardware.device, enabled=hardware.precision == "fp16")

    def step(batch: list[int]) -> None:
        inputs = padded([rows[row] for row in batch], pad_token(model), hardware.device)
        labels = torch.tensor([rows.labels[row] for row in batch], device=hardware.device)
        with hardware.autocast():
            loss = model(**inputs, labels=labels).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad()

    return step


def seconds(work: Callable[[], Any], hardware: Hardware) -> float:
    """Wall time of `work`, in seconds, a GPU's part of it included."""
    start = time.perf_counter()
    work()
    if hardware.device == "cuda":  # which computes on while the program goes on
        torch.cuda.synchronize()
    return time.perf_counter() - start


def by_rank(
    folder: Path,
    rows: list[list[int]],
    settings: list[lora.Settings],
    quantisation: str,
    hardware: Hardware,
    steps: int,
    repeats: int,
    label: str,
    terminal: TextIO,
) -> dict[str, Any]:
    """Seconds per step of the project's own LoRA training, by rank.

    Args:
        settings: of a run of each rank, otherwise alike; their seed draws the rows.
        steps: of one measurement.

    Returns:
        timing/rank.json: {threads, precision, repeats, steps, ranks, seconds_per_step: by rank, one
        value per repeat, trainable_parameters: by rank}.
    """
    by = {chosen.rank: chosen for chosen in settings}
    models = {
        rank: lora.adapt(lora.load(folder, hardware, quantisation), chosen, hardware)
        for rank, chosen in by.items()
    }
    rounds = spread([len(row) for row in rows], settings[0], steps, repeats + 1)

    def measure(repeat: int, rank: int) -> float:
        batches = rounds[repeat]
        progress = Progress(f"{label}, rank {rank}", steps, terminal)
        fitted = lora.fit_adapter(models[rank], rows, batches, by[rank], hardware, progress)
        return fitted.seconds / steps

    seconds_by_rank = in_turn(
        list(by), measure, repeats, Progress(label, len(by) * (repeats + 1), terminal)
    )
    return {
        "threads": hardware.threads,
        "precision": hardware.precision,
        "repeats": repeats,
        "steps": steps,
        "ranks": list(by),
        "seconds_per_step": {str(rank): values for rank, values in seconds_by_rank.items()},
        "trainable_parameters": {
            str(rank): sum(value.numel() for value in lora.trainable(model))
            for rank, model in models.items()
        },
    }


def spread(
    lengths: list[int], settings: lora.Settings, steps: int, rounds: int
) -> list[list[list[int]]]:
    """The batches of each round, taken in turn from one schedule, whose long rows come first."""
    sampling = lora.Sampling(
        batch_size=settings.batch_size,
        accumulation=settings.accumulation,
        length_grouping=settings.length_grouping,
        max_steps=steps * rounds,
        seed=settings.seed,
    )
    drawn = lora.schedule(lengths, sampling)
    return [drawn[start::rounds] for start in range(rounds)]
