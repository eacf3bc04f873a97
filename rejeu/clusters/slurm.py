"""Jobs that a killed Snakemake left in SLURM's queue: cancelled before twins are submitted.

Snakemake's plugin for SLURM forgets them, and would submit each a second time. Cancelled training
saves its state, so that what they did is not lost. Other plugins take theirs up again.
"""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build import snakemake_run
from rejeu.errors import RejeuError, listed

PATIENCE = 300  # seconds until cancelled jobs must be gone; SLURM's own KillWait is 30 by default
MOST_NAMED = 8
COLUMNS = "%i\t%T\t%k\t%Z"  # number, state, comment, working folder


@dataclass(frozen=True)
class Queued:
    """A job in SLURM's queue."""

    number: str
    state: str
    comment: str  # rule_NAME_wildcards_..., as Snakemake's plugin writes it


def end_leftover_jobs(workflow: Any, folder: Path) -> None:
    """Cancel what an earlier build of `folder` left, and wait until it is gone.

    Call it while this build holds the folder's lock, and has submitted nothing yet.

    Raises:
        RejeuError: SLURM can't be asked, or the jobs don't go.
    """
    if snakemake_run.executor(workflow) != "slurm":
        return
    left = queued(folder)
    if not left:
        return
    print(
        f"The last build was killed and left jobs in SLURM's queue: {named(left)}. They are "
        "cancelled; training goes on from the state that it saved.",
        file=sys.stderr,
    )
    ask("scancel", *(job.number for job in left))
    until = time.monotonic() + PATIENCE
    while left := queued(folder):
        if time.monotonic() > until:
            raise RejeuError(
                f"jobs of an earlier build are still there after scancel: {named(left)}. Wait "
                "until `squeue` shows them no more; the same command then goes on. Nothing was run."
            )
        time.sleep(2)


def queued(folder: Path) -> list[Queued]:
    """One's own jobs that Snakemake submitted from `folder` and that have not ended."""
    rows = [row.split("\t") for row in ask("squeue", "--me", "-h", "-o", COLUMNS).splitlines()]
    return [
        Queued(number, state, comment)
        for number, state, comment, place in rows
        if comment.startswith(("rule_", "group_")) and Path(place).resolve() == folder.resolve()
    ]


def named(jobs: list[Queued]) -> str:
    """Jobs in words, the first few of them by number."""
    words = [f"{job.number} ({job.comment}, {job.state.lower()})" for job in jobs]
    return listed(words, MOST_NAMED)


def ask(program: str, *arguments: str) -> str:
    """What one of SLURM's programs prints.

    Raises:
        RejeuError: it isn't there, or fails.
    """
    try:
        asked = subprocess.run(  # noqa: S603
            [program, *arguments], capture_output=True, text=True, timeout=120, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RejeuError(f"SLURM can't be asked what runs: {program}: {error}") from None
    if asked.returncode:
        raise RejeuError(
            f"SLURM can't be asked what runs: {program}: {asked.stderr.strip()}. When it answers "
            "again, run the same command again. Nothing was run."
        )
    return asked.stdout
