"""Run a command that only one process at a time may run in this folder, as `make` runs Snakemake.

Usage: python -m rejeu.alone .venv/bin/snakemake all

A lock that the system gives back when its holder dies, however it dies, stands around Snakemake's
own lock, which stays behind after SIGKILL. Inside ours, such a leftover may be removed.
"""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from rejeu.errors import RejeuError

LOCK = Path(".snakemake") / "rejeu.lock"


def hold(folder: Path) -> int:
    """Take the folder's lock and return its descriptor, which programs started by exec inherit.

    Raises:
        RejeuError: when another process holds it.
    """
    path = folder / LOCK
    path.parent.mkdir(exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip()
        raise RejeuError(
            f"process {holder or 'of another user'} builds in {folder} already; wait until it "
            "ends, or stop it with Ctrl-C where it runs. Nothing was run."
        ) from None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    os.set_inheritable(descriptor, True)
    return descriptor


def builders(folder: Path) -> Iterator[psutil.Process]:
    """Processes that run Snakemake in the folder, started without this module."""
    for process in psutil.process_iter(["cwd", "cmdline"]):
        words = process.info["cmdline"] or []
        runs = any(Path(word).name == "snakemake" for word in words[:3])
        if process.pid != os.getpid() and process.info["cwd"] == str(folder) and runs:
            yield process


def free(folder: Path, snakemake: str) -> None:
    """Remove Snakemake's own lock where the build that left it was killed.

    Raises:
        RejeuError: when a Snakemake that was started by hand still runs in the folder.
    """
    locks = folder / ".snakemake" / "locks"
    if not (locks.is_dir() and any(locks.iterdir())):
        return
    for process in builders(folder):
        raise RejeuError(
            f"Snakemake runs in {folder} already, as process {process.pid}; wait until it ends, or "
            "stop it with Ctrl-C where it runs. Nothing was run."
        )
    print("The last build was killed; this one goes on from what it finished.", file=sys.stderr)
    subprocess.run(  # noqa: S603
        [snakemake, "--unlock", "--quiet", "all"],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def main(command: list[str]) -> None:
    folder = Path.cwd().resolve()
    hold(folder)
    free(folder, command[0])
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RejeuError as error:
        sys.exit(f"error: {error}")
