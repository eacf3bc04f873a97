"""The loop that trains classifiers and adapters: a linear schedule, clipped gradients, a full log.

A run that was stopped goes on from its newest state with the same numbers, bit for bit where the
machine is deterministic. A GPU computes while the program prepares the next steps: what it found
is read once a second.
"""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from transformers import get_linear_schedule_with_warmup
from transformers.trainer_pt_utils import get_length_grouped_indices

from rejeu.build.packages import versions
from rejeu.errors import RejeuError
from rejeu.job.machine import peak_memory_mb
from rejeu.job.run import Progress
from rejeu.training import checkpoint
from rejeu.training.checkpoint import Checkpoints, State
from rejeu.training.hardware import Hardware, machine


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


READ_EVERY = {"cpu": 0.0, "cuda": 1.0}  # seconds between readings of what steps found


@dataclass(frozen=True)
class Fitted:
    """What `fit` did: a row per step {step, loss, learning_rate, grad_norm}, and how it went.

    A step whose gradient was too large for float16 changes nothing: {..., skipped} without a norm.
    """

    log: list[dict[str, float]]
    seconds: float  # of all attempts, as far as their states tell
    resumes: int  # how often it went on from a saved state
    diverged_at: int | None  # the step whose loss or gradient was not a number any more


@dataclass(frozen=True)
class Step:
    """A step that the program has asked for; its numbers may not be computed yet."""

    number: int
    learning_rate: float
    skipped: bool  # by the scaler of float16's gradients
    found: torch.Tensor  # (2,), float64: the loss, and the gradient's norm before it was clipped


@dataclass(frozen=True)
class OptimisationState:
    """All that a step changes but the log."""

    optimiser: torch.optim.Optimizer
    rate: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All tensors that the optimiser changes, group by group."""
        return [value for group in self.optimiser.param_groups for value in group["params"]]

    def halt(self, wrong: torch.Tensor) -> None:
        """Let no step change anything from the first on that is `wrong`, a truth on the device.

        AdamW leaves all as it is where its `found_inf` is 1: the program needn't wait to know it.
        """
        optimiser: Any = self.optimiser
        before = getattr(optimiser, "found_inf", torch.zeros_like(wrong, dtype=torch.float32))
        optimiser.found_inf = torch.maximum(before, wrong.float())


def fit(
    batches: Sequence[list[int]],
    cut: Callable[[list[int]], list[list[int]]],
    loss_of: Callable[[list[int]], torch.Tensor],
    weigh: Callable[[list[int]], int],
    optimiser: torch.optim.Optimizer,
    warmup_share: float,
    max_grad_norm: float,
    hardware: Hardware,
    progress: Progress,
    seed: int | None = None,
    epoch_steps: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Take one step for each batch of row numbers.

    `cut` parts a batch that is too large for memory; the gradient is the same. `loss_of` sums the
    loss over one part's rows; `weigh` says over how many items a batch's loss is averaged.
    With a `seed` each step has random numbers of its own, so that runs of one seed share the
    dropout of all steps whose batches are alike, whatever other batches stand between.

    State is saved to `checkpoints` when due, at the end of each epoch and of training. Training
    that diverges ends early, with the weights of the step before. Numbers are read from a GPU once
    a second, before state is saved, and at the end.

    Raises:
        RejeuError: when asked to stop (SIGTERM, Ctrl-C, the end of an allocation), once state is
            saved; when the first step's loss is not a number.
    """
    hardware.settle()
    warmup = math.ceil(len(batches) * warmup_share)
    state = OptimisationState(
        optimiser,
        get_linear_schedule_with_warmup(optimiser, warmup, len(batches)),
        torch.amp.GradScaler(hardware.device, enabled=hardware.precision == "fp16"),
    )
    log, before, resumes = resume(state, checkpoints)
    seeds = random.Random(seed)
    for _ in log:
        seeds.getrandbits(63)
    start = last_read = time.monotonic()
    steps: list[Step] = []
    progress.begin(len(log))
    with checkpoint.noted_signals() as signals:
        for number, batch in enumerate(batches[len(log) :], len(log) + 1):
            if seed is not None:
                torch.manual_seed(seeds.getrandbits(63))
            steps.append(take_step(number, batch, cut, loss_of, weigh, state, max_grad_norm))
            last = number == len(batches) or (epoch_steps is not None and number % epoch_steps == 0)
            asked = signals[:1]  # to stop; a later one is obeyed after the next step
            due = checkpoints is not None and checkpoints.due(number)
            waited = time.monotonic() - last_read >= READ_EVERY[hardware.device]
            if not (last or asked or due or waited):
                continue
            diverged_at = read(steps, log)
            last_read = time.monotonic()
            if diverged_at is not None:
                if not log:
                    raise RejeuError(not_a_number(batches[0]))
                return Fitted(log, before + time.monotonic() - start, resumes, diverged_at)
            progress.update(number, f" steps, loss {log[-1]['loss']:.3f}")
            if checkpoints and (last or asked or due):
                seconds = before + time.monotonic() - start
                checkpoint.save(checkpoints, state_of(state, log, seconds, resumes))
            if asked and number < len(batches):
                raise checkpoint.stopped(asked[0], number, len(batches), kept=bool(checkpoints))
    return Fitted(log, before + time.monotonic() - start, resumes, None)


def take_step(
    number: int,
    batch: list[int],
    cut: Callable[[list[int]], list[list[int]]],
    loss_of: Callable[[list[int]], torch.Tensor],
    weigh: Callable[[list[int]], int],
    state: OptimisationState,
    max_grad_norm: float,
) -> Step:
    """Change the weights by one batch.

    From a step on whose loss or gradient is no number, they stay as they are.
    """
    optimiser, scaler = state.optimiser, state.scaler
    total: Any = 0.0
    for part in cut(batch):
        loss = loss_of(part) / weigh(batch)
        scaler.scale(loss).backward()
        total = total + loss.detach().double()
    scaler.unscale_(optimiser)
    norm = clip_grad_norm_(state.parameters, max_grad_norm)
    found = torch.stack([total, norm.double()])
    # In float16 a gradient may be too large now and then: such a step is left out.
    skipped = scaler.is_enabled() and not math.isfinite(norm.item())
    step = Step(number, float(state.rate.get_last_lr()[0]), skipped, found)
    if not skipped:
        state.halt(~found.isfinite().all())
        optimiser.step()
        state.rate.step()
    scaler.update()
    optimiser.zero_grad()
    return step


def read(steps: list[Step], log: list[dict[str, float]]) -> int | None:
    """Move steps to the log. Returns the number of the first that diverged, if any did.

    Waits until the device has computed them all.
    """
    values = torch.stack([step.found for step in steps]).tolist()
    for step, (loss, norm) in zip(steps, values, strict=True):
        if not math.isfinite(loss) or not (math.isfinite(norm) or step.skipped):
            return step.number
        row = {"step": step.number, "loss": loss, "learning_rate": step.learning_rate}
        if step.skipped:
            row["skipped"] = True
        else:
            row["grad_norm"] = norm
        log.append(row)
    steps.clear()
    return None


def not_a_number(batch: list[int]) -> str:
    """What to say of a first step whose loss is none; `batch` holds its row numbers."""
    return (
        f"the loss of the first step, on rows {batch[:8]}, is not a number; expected one: look at "
        "the weights that training starts from, or choose precision fp32 for the experiment"
    )


def state_of(state: OptimisationState, log: list[Any], seconds: float, resumes: int) -> State:
    """All that the next step depends on; the tensors are the run's own, not copies."""
    tensors = {"random": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    for number, parameter in enumerate(state.parameters):
        tensors[f"parameter.{number}"] = parameter.detach()
        for name, value in state.optimiser.state[parameter].items():
            tensors[f"{name}.{number}"] = value
    facts = {
        "log": log,
        "seconds": seconds,
        "resumes": resumes,
        "rate": state.rate.state_dict(),
        "scaler": state.scaler.state_dict(),
    }
    return State(len(log), tensors, facts)


@torch.no_grad()
def resume(
    state: OptimisationState, checkpoints: Checkpoints | None
) -> tuple[list[dict[str, float]], float, int]:
    """Put the newest whole state back, if there is one: its log, seconds and number of resumes."""
    saved = checkpoint.newest(checkpoints) if checkpoints else None
    if saved is None:
        return [], 0.0, 0
    facts, tensors = saved.facts, saved.tensors
    names = ("step", "exp_avg", "exp_avg_sq")  # AdamW's, of a parameter that has had a gradient
    for number, parameter in enumerate(state.parameters):
        parameter.copy_(tensors[f"parameter.{number}"])
        state.optimiser.state[parameter] = {
            name: tensors[key].to(parameter.device, copy=True)
            for name in names
            if (key := f"{name}.{number}") in tensors
        }
    state.rate.load_state_dict(facts["rate"])
    rates = state.rate.get_last_lr()
    for group, rate in zip(state.optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    state.scaler.load_state_dict(facts["scaler"])
    torch.set_rng_state(tensors["random"])
    if "random.cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return facts["log"], facts["seconds"], facts["resumes"] + 1


def record(
    fitted: Fitted, rows: int, tokens: int, hardware: Hardware, *, quantised: bool = False
) -> dict[str, Any]:
    """What run.json says of every training run; `rows` and `tokens` were to be trained on."""
    log, seconds = fitted.log, fitted.seconds
    return {
        "device": hardware.device,
        "precision": hardware.precision,
        "attention": hardware.attention,
        "deterministic": hardware.deterministic,
        "determinism": hardware.determinism,
        "threads": hardware.threads,
        "machine": machine(),
        "steps": len(log),
        "train_loss": sum(row["loss"] for row in log) / len(log),
        "wall_seconds": seconds,
        "samples_per_second": rows / seconds,
        "tokens_per_second": tokens / seconds,
        "peak_memory_mb": peak_memory_mb(),
        "resumed": fitted.resumes > 0,
        "resumes": fitted.resumes,
        "diverged_at": fitted.diverged_at,
        "packages": versions(quantised=quantised),
    }
