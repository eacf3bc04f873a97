"""Resumable state of a training run: whole or not there, checked before use, gone after success.

A state is two files: the tensors as safetensors, and a mark, written last, with their sha256, the
run's identity and all else. States lie outside every rule's outputs, which Snakemake deletes.
"""

import hashlib
import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rejeu.errors import RejeuError
from rejeu.job.signals import asked_to_stop, reason
from rejeu.job.whole_files import read_json, replacing, sha256_of, state_folder, write_json
from rejeu.training.hardware import Hardware
from rejeu.training.outputs import say

KEPT = 2


@dataclass(frozen=True)
class State:
    """What a run needs to go on after `step`."""

    step: int
    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Checkpoints:
    """Where a run's states lie, and how often they are saved."""

    folder: Path
    identity: str
    seconds: float
    steps: int  # 0: by time only
    label: str
    terminal: TextIO
    saved: list[float] = field(default_factory=lambda: [time.monotonic()])  # when, latest last

    def due(self, step: int) -> bool:
        """Whether to save the state after `step`: every so many steps, or seconds."""
        by_steps = self.steps > 0 and step % self.steps == 0
        return by_steps or time.monotonic() - self.saved[-1] >= self.seconds

    def say(self, message: str) -> None:
        """Show a remark on this run on the terminal and in its job's log."""
        say(self.label, message, self.terminal)


def identity_of(job: str, machine: Hardware) -> str:
    """One hash for all that a run's numbers depend on: its job's identity, and how it computes."""
    facts = {"job": job} | asdict(machine)
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@contextmanager
def held(
    folder: Path, identity: str, seconds: float, steps: int, label: str, terminal: TextIO
) -> Iterator[Checkpoints]:
    """Lock a run's `folder` and give its checkpoints; remove them all unless an error passes.

    Another process that trains the same run is named, and waited for.
    """
    with state_folder(folder, identity, label, terminal) as (place, others):
        places = Checkpoints(place, identity, seconds, steps, label, terminal)
        if others:
            places.say(f"{others} saved by other settings, data or code: not used")
        yield places


def save(places: Checkpoints, state: State) -> None:
    """Write a state and keep the last two. A disk that is full costs the state, not the run."""
    tensors = places.folder / f"step{state.step:09}.safetensors"
    try:
        with replacing(tensors) as temporary:
            save_file(state.tensors, temporary)
            sha256 = sha256_of(temporary)
        header = {"identity": places.identity, "step": state.step, "sha256": sha256}
        write_json(tensors.with_suffix(".json"), header | {"facts": state.facts})
    except Exception as error:  # safetensors has its own errors for what the disk refuses
        places.say(f"state of step {state.step} was not saved: {error}")
        with suppress(OSError):
            tensors.unlink(missing_ok=True)
    places.saved.append(time.monotonic())
    for mark in marks(places)[KEPT:]:
        mark.unlink()
        mark.with_suffix(".safetensors").unlink(missing_ok=True)


def newest(places: Checkpoints) -> State | None:
    """The newest whole state of this run; damaged or foreign ones are named and passed over."""
    for mark in marks(places):
        try:
            state = read(mark, places.identity)
        except (RejeuError, ValueError, KeyError, TypeError, OSError, SafetensorError) as error:
            places.say(f"{mark.stem} is not used: {error}")
        else:
            places.say(f"goes on after step {state.step}")
            return state
    return None


def marks(places: Checkpoints) -> list[Path]:
    """The marks of complete states, newest first."""
    return sorted(places.folder.glob("step*.json"), reverse=True)


def read(mark: Path, identity: str) -> State:
    """Read a state.

    Raises:
        ValueError, KeyError, TypeError, OSError, SafetensorError: where it is damaged, or another
            run's.
    """
    header = read_json(mark)
    if header["identity"] != identity:
        raise ValueError("it was saved by another run")
    tensors = mark.with_suffix(".safetensors")
    if sha256_of(tensors) != header["sha256"]:
        raise ValueError("its tensors are damaged")
    return State(header["step"], load_file(tensors), header["facts"])


@contextmanager
def noted_signals() -> Iterator[list[signal.Signals]]:
    """Note a request to end (SIGTERM, Ctrl-C, the end of an allocation), so that state is saved."""
    received: list[signal.Signals] = []
    with asked_to_stop(received.append):
        yield received


def stopped(by: signal.Signals, step: int, steps: int, *, kept: bool) -> RejeuError:
    """The error that ends a run which a signal stopped; `kept` says whether its state is saved."""
    after = "its state is saved: the same command goes on from there" if kept else "nothing is kept"
    return RejeuError(f"stopped by {reason(by)} after step {step} of {steps}; {after}")
