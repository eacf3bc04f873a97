"""What every job does around its work: its own log, one clear error, progress with an ETA."""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rejeu.errors import RejeuError


@contextmanager
def logged(log: str) -> Iterator[TextIO]:
    """Send all that is printed, by libraries too, to `log`; yield the terminal for progress.

    The job dies with the Snakemake that started it, so that no orphan trains beside a later build.
    A `RejeuError` ends the job with its message alone, any other error with its traceback;
    both stand in the log, whose last lines Snakemake shows.
    """
    die_with_parent()
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with (
        os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8") as terminal,
        Path(log).open("w", encoding="utf-8") as stream,
    ):
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        try:
            yield terminal
        except RejeuError as error:
            print(f"error: {error}", file=sys.stderr)
            failed = True
        except Exception:
            traceback.print_exc()
            failed = True
        else:
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        if failed:
            sys.exit(1)


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
        self.start = self.last = time.monotonic()

    def update(self, done: int, note: str = "") -> None:
        now = time.monotonic()
        if now - self.last < self.interval or done == 0:
            return
        self.last = now
        left = (now - self.start) / done * (self.total - done)
        minutes, seconds = divmod(round(left), 60)
        print(
            f"  {self.label}: {done} of {self.total}{note}, {minutes}:{seconds:02d} left",
            file=self.stream,
        )
