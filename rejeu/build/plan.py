"""What a build will run: said before it starts, and refused where the disk is too small."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rejeu.errors import RejeuError


@dataclass(frozen=True)
class Job:
    """A job that will run, with its expected cost on the tier's own hardware."""

    name: str
    seconds: float
    threads: int
    memory_mb: float
    disk_mb: float


def describe(jobs: list[Job], cores: int, folder: Path) -> str:
    """Jobs by kind, expected time, disk and memory, in four lines.

    Raises:
        RejeuError: when the folder's disk holds less than the build will write.
    """
    counts = Counter(job.name for job in jobs)
    seconds = sum(job.seconds * min(job.threads, cores) for job in jobs) / cores
    disk = sum(job.disk_mb for job in jobs)
    largest = sorted((job.memory_mb for job in jobs), reverse=True)
    free = shutil.disk_usage(folder).free / 1e6
    if disk > free:
        raise RejeuError(
            f"the build will write about {disk:,.0f} MB to {folder}, and {free:,.0f} MB are free. "
            "Free some space, or choose a smaller tier (--config tier=smoke). Nothing was run."
        )
    return (
        f"Will run {len(jobs)} jobs on {cores} cores: "
        + ", ".join(f"{count} {name}" for name, count in counts.most_common())
        + f"\nExpected: {duration(seconds)}, {disk:,.0f} MB of disk ({free:,.0f} MB free), "
        f"{sum(largest[:cores]):,.0f} MB of memory"
    )


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes else "under a minute"
