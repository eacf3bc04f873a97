"""What every job does around its work: its own log, one clear error, progress with an ETA."""

import ctypes
import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from rejeu.build import kept_results, records
from rejeu.build.environment import end_at_once, leave_out_snakemakes
from rejeu.build.identity import as_begun
from rejeu.errors import RejeuError
from rejeu.job.whole_files import exclusive


@dataclass(frozen=True)
class Job:
    """What a script's work may need to know of its job."""

    terminal: TextIO  # for progress; all else that is printed goes to the job's log
    identity: str  # of all that its results depend on, but for the machine


def run(
    snakemake: Any, work: Callable[[Job], Iterable[str | Path] | None], *, keep: bool = False
) -> None:
    """Do a script's work, and record what it made.

    Args:
        snakemake: what Snakemake gives to a script.
        work: makes the outputs; returns the paths of further files that it made, if any.
        keep: keep the outputs under the job's identity, and use what was kept. For what takes
            long: a job that only reads and draws may as well run again.

    Raises:
        SystemExit: the work failed; what there is to say stands in the job's log.
    """
    outputs = [str(path) for path in snakemake.output]
    script = Path(getattr(sys.modules["__main__"], "__file__", "")).name  # Snakemake sets it
    with logged(snakemake.log[0]) as terminal, as_begun(script, Path.cwd()):
        lock = lock_of(outputs[0], keep=keep)
        with exclusive(lock, snakemake.rule, terminal) if lock else nullcontext():
            job = Job(terminal, kept_results.identity_of(snakemake))
            if kept_results.still_there(outputs, job.identity):
                print(f"as an equal job made them before: {', '.join(outputs)}")
                return
            records.begin(outputs)
            if keep and kept_results.restore(outputs, job.identity):
                print(f"as kept of an equal job: {', '.join(outputs)}")
                records.finish(outputs, (), job.identity)
                return
            if snakemake.resources.get("checkpoint_shared") == 0:
                print(
                    f"  {outputs[0]}: what is saved of it stays on this machine alone; if this "
                    "attempt is ended, the next one starts anew",
                    file=terminal,
                )
            facts = records.finish(outputs, work(job) or (), job.identity)
            if keep:
                if kept_results.let_first_stand(outputs, job.identity, facts):
                    facts = records.finish(outputs, (), job.identity)
                kept_results.keep(outputs, job.identity, facts)


def lock_of(output: str, *, keep: bool) -> Path | None:
    """The lock of a job that an equal one may run beside, here or on another machine.

    Whoever waited for it finds the results kept, or the shared file there.
    """
    if keep:
        return kept_results.lock(output)
    place = records.place(output)
    return place.with_suffix(".lock") if place.is_relative_to(records.SHARED) else None


@contextmanager
def logged(log: str) -> Iterator[TextIO]:
    """Send all that is printed, by libraries too, to `log`; yield the terminal for progress.

    The job dies with the Snakemake that started it, so that no orphan trains beside a later build.
    A `RejeuError`, and what the machine refuses (disk, memory), end the job with one message, any
    other error with its traceback; it stands in the log, whose last lines Snakemake shows.
    """
    die_with_parent()
    leave_out_snakemakes()
    end_at_once()
    with os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8") as terminal:
        try:
            redirect(log)
            yield terminal
            sys.stdout.flush()
        except KeyboardInterrupt:
            failure = "error: stopped by Ctrl-C; run the same command to go on"
        except Exception as error:  # a RejeuError may hold what another program said of the disk
            told = refusal(error) or (str(error) if isinstance(error, RejeuError) else None)
            failure = f"error: {told}" if told else traceback.format_exc().rstrip()
        else:
            return
        with suppress(OSError):
            sys.stdout.flush()
        try:
            os.write(2, f"{failure}\n".encode())
        except OSError:  # the disk that is full holds the log too
            print(failure, file=terminal)
    sys.exit(1)


def redirect(log: str) -> None:
    """Let everything that this process and its children print go to the file `log`."""
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with Path(log).open("w", encoding="utf-8") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def refusal(error: Exception) -> str | None:
    """What to do where an error is the machine's and not the code's: no disk or no memory left."""
    said = str(error)
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    if full or "No space left on device" in said or "Disk quota exceeded" in said:
        return (
            f"the disk is full ({said}). Free some space and run the same command again: what is "
            "finished stays, and training goes on from its last saved state"
        )
    memory = ("out of memory", "can't allocate memory", "unable to allocate", "malloc")
    if isinstance(error, MemoryError) or any(words in said.lower() for words in memory):
        return (
            f"memory ran out ({said.strip().splitlines()[0] if said else 'MemoryError'}). Set a "
            "smaller batch_size of the experiment or max_length of the tier in config.yaml, choose "
            "a smaller tier (--config tier=smoke), or run fewer jobs at once (--cores 1)"
        )
    return None


def die_with_parent() -> None:
    """Ask Linux to end this process when its parent dies; elsewhere, do nothing."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
    if os.getppid() != parent:  # it died before that
        sys.exit(1)


class Progress:
    """Prints how far a job is, at most every `interval` seconds, with the time that is left."""

    def __init__(self, label: str, total: int, stream: TextIO, interval: float = 10.0) -> None:
        self.label, self.total, self.stream, self.interval = label, total, stream, interval
        self.begin(0)

    def begin(self, done: int) -> None:
        """Count time from now on; so much was done before."""
        self.before = done
        self.start = self.last = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        """Print how many of the total are `done`, if it is time to; `note` follows the total."""
        now = time.monotonic()
        if now - self.last < self.interval or done == self.before:
            return
        self.last = now
        left = (now - self.start) / (done - self.before) * (self.total - done)
        minutes, seconds = divmod(round(left), 60)
        print(
            f"  {self.label}: {done} of {self.total}{note}, {minutes}:{seconds:02d} left",
            file=self.stream,
        )
