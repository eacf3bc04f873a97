"""One build at a time in a folder, and what a killed one left behind is cleared away.

A lock that the system gives back when its holder dies, however it dies, stands beside Snakemake's
own, which stays behind after SIGKILL.
"""

import fcntl
import os
import sys
import time
from pathlib import Path

from rejeu.errors import RejeuError
from rejeu.job.whole_files import locked

PATIENCE = 3.0  # seconds; a build that was just killed may take a moment to be gone


class BuildLock:
    """The lock of a project's folder, held until this process ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snakemake = folder / ".snakemake"
        self.path = lock_of(folder)
        try:
            self.snakemake.mkdir(exist_ok=True)
            self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise RejeuError(
                f"{self.snakemake}: {error.strerror}; a build keeps its own notes there. Make the "
                "project's folder writable, or copy the project to one that is"
            ) from None

    def take(self) -> bool:
        """Take the lock unless another process holds it.

        Raises:
            RejeuError: as `locked` does.
        """
        if not locked(self.descriptor, self.path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
        os.truncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)
        return True

    def hold(self) -> None:
        """Take the lock for a build.

        Raises:
            RejeuError: another build holds it, or it can't be taken.
        """
        until = time.monotonic() + PATIENCE
        while not self.take():
            if time.monotonic() > until:
                raise RejeuError(self.refusal(self.holder()))
            time.sleep(0.1)

    def holder(self) -> str:
        """The number of the process that holds the lock; empty where it hasn't said it."""
        return os.pread(self.descriptor, 20, 0).decode(errors="replace").strip()

    def refusal(self, process: str) -> str:
        """What to tell whoever wants to build while `process`, a number or empty, does."""
        return (
            f"process {process or 'of another user'} builds in {self.folder} already; wait until "
            "it ends, or stop it with Ctrl-C where it runs. Nothing was run."
        )

    def clear(self) -> None:
        """Remove the lock that a killed Snakemake left. Call it while no build can run here."""
        left = self.snakemake / "locks"
        if left.is_dir() and any(left.iterdir()):
            for path in left.iterdir():
                path.unlink(missing_ok=True)
            print(
                "The last build was killed; this one goes on from what it finished.",
                file=sys.stderr,
            )


def lock_of(folder: Path) -> Path:
    """The lock of a project's folder."""
    return folder / ".snakemake" / "rejeu.lock"


def is_free(folder: Path) -> bool:
    """Whether no process is known to build in a folder; asking changes nothing there."""
    try:
        with lock_of(folder).open("rb") as stream:
            # Shared, so that two who ask don't take each other for a build.
            return locked(stream.fileno(), lock_of(folder), fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (OSError, RejeuError):
        return True
