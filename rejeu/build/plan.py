"""What a build will run: said before it starts, and refused where the disk is too small."""

import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError


@dataclass(frozen=True)
class Job:
    """A job that will run, with its expected cost on the tier's own hardware."""

    name: str
    seconds: float
    threads: int
    memory_mb: float
    disk_mb: float


def jobs_of(workflow: Any, expected: Mapping[str, Mapping[str, float]]) -> list[Job]:
    """The jobs that Snakemake's graph says will run.

    Args:
        expected: seconds that a job of each rule takes, by tier; 2 where nothing is said, and 5
            for a job of no tier.
    """
    return [
        Job(
            name=job.rule.name,
            seconds=(
                expected[job.wildcards.tier].get(job.rule.name, 2)
                if "tier" in job.wildcards.keys()  # noqa: SIM118  Snakemake's, no mapping
                else 5
            ),
            threads=job.threads,
            memory_mb=job.resources.get("mem_mb", 0),
            disk_mb=job.resources.get("disk_mb", 0),
        )
        for job in workflow.dag.needrun_jobs()
        if not job.rule.norun
    ]


def describe(jobs: list[Job], cores: int, folder: Path) -> str:
    """Jobs by kind, expected time, disk and memory on this machine, in two lines.

    Raises:
        RejeuError: when the folder's disk holds less than the build will write.
    """
    seconds = sum(job.seconds * min(job.threads, cores) for job in jobs) / cores
    largest = sorted((job.memory_mb for job in jobs), reverse=True)
    return (
        f"Will run {len(jobs)} jobs on {cores} cores: {by_kind(jobs)}\n"
        f"Expected: {duration(seconds)}, {space(jobs, folder)}, "
        f"{sum(largest[:cores]):,.0f} MB of memory"
    )


def describe_elsewhere(jobs: list[Job], at_once: int, folder: Path) -> str:
    """Jobs by kind, expected time without the queue's, and disk, where a scheduler runs them.

    Raises:
        RejeuError: when the folder's disk holds less than the build will write.
    """
    longest = max(job.seconds for job in jobs) if jobs else 0
    seconds = max(sum(job.seconds for job in jobs) / at_once, longest)
    return (
        f"Will run {len(jobs)} jobs, {at_once} at once: {by_kind(jobs)}\n"
        f"Expected: {duration(seconds)} beside what jobs wait in the queue, {space(jobs, folder)}"
    )


def by_kind(jobs: list[Job]) -> str:
    """How many jobs there are of each rule, the most first."""
    counts = Counter(job.name for job in jobs)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def space(jobs: list[Job], folder: Path) -> str:
    """The disk that jobs fill, and what is free.

    Raises:
        RejeuError: it doesn't fit.
    """
    disk = sum(job.disk_mb for job in jobs)
    free = shutil.disk_usage(folder).free / 1e6
    if disk > free:
        raise RejeuError(
            f"the build will write about {disk:,.0f} MB to {folder}, and {free:,.0f} MB are free. "
            "Free some space, or choose a smaller tier (--config tier=smoke). Nothing was run."
        )
    return f"{disk:,.0f} MB of disk ({free:,.0f} MB free)"


def duration(seconds: float) -> str:
    """A time in words, rounded to whole minutes."""
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes else "under a minute"
