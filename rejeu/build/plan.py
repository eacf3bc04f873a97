"""What a build will run, how long it takes and what it needs: said before it starts."""

import heapq
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build.estimates import Estimates
from rejeu.study.configuration import Input, Study


@dataclass(frozen=True)
class Job:
    """A job that will run, with its expected cost."""

    name: str
    seconds: float
    threads: int
    memory_mb: float
    disk_mb: float
    origin: str = "expected"  # of its seconds, as `Estimate` has it
    gpus: int = 0
    priority: int = 0
    after: tuple[int, ...] = ()  # places in the list of the jobs that it waits for


def jobs_of(workflow: Any, study: Study) -> list[Job]:
    """The jobs that Snakemake's graph says will run, in the current folder."""
    estimates = Estimates(study)
    planned = planned_jobs(workflow)
    places = {job: place for place, job in enumerate(planned)}

    def described(job: Any) -> Job:
        estimate = estimates.of(job)
        before = workflow.dag.dependencies[job]
        return Job(
            name=job.rule.name,
            seconds=estimate.seconds,
            threads=job.threads,
            memory_mb=job.resources.get("mem_mb", 0),
            disk_mb=disk_of(job, study),
            origin=estimate.origin,
            gpus=job.resources.get("gpu", 0),
            priority=job.priority,
            after=tuple(places[other] for other in before if other in places),
        )

    return [described(job) for job in planned]


def planned_jobs(workflow: Any) -> list[Any]:
    """Snakemake's own jobs that will run and do something, in the order of `jobs_of`."""
    return [job for job in workflow.dag.needrun_jobs() if not job.rule.norun]


def disk_of(job: Any, study: Study) -> float:
    """MB that a job writes: of a download what it has, where that is known."""
    asked = job.resources.get("disk_mb", 0)
    if job.rule.name != "fetch":
        return asked
    return downloaded_mb(study.inputs[job.wildcards.input]) or asked


def downloaded_mb(wanted: Input) -> float:
    """MB that fetching an input writes; 0 where its size isn't known.

    What comes from the hub is kept in the hub's own cache too.
    """
    copies = 2 if any(source.kind == "hub" for source in wanted.sources) else 1
    return copies * (wanted.size_mb or 0)


def makespan(jobs: list[Job], cores: int, gpus: int = 1) -> float:
    """Seconds until the last job ends, when each starts as soon as it can, the most urgent first.

    As Snakemake starts them: what it waits for is there, and cores and GPUs are free.
    """
    waits = [len(job.after) for job in jobs]
    followers: dict[int, list[int]] = {}
    for place, job in enumerate(jobs):
        for other in job.after:
            followers.setdefault(other, []).append(place)
    ready = [place for place, left in enumerate(waits) if not left]
    running: list[tuple[float, int]] = []
    now, free, free_gpus = 0.0, cores, gpus

    def cost(job: Job) -> tuple[int, int]:
        return min(job.threads, cores), min(job.gpus, gpus)

    while ready or running:
        for place in sorted(ready, key=lambda place: (-jobs[place].priority, place)):
            threads, devices = cost(jobs[place])
            if threads <= free and devices <= free_gpus:
                ready.remove(place)
                free, free_gpus = free - threads, free_gpus - devices
                heapq.heappush(running, (now + jobs[place].seconds, place))
        now, ended = heapq.heappop(running)
        threads, devices = cost(jobs[ended])
        free, free_gpus = free + threads, free_gpus + devices
        for follower in followers.get(ended, ()):
            waits[follower] -= 1
            if not waits[follower]:
                ready.append(follower)
    return now


def describe(jobs: list[Job], cores: int, folder: Path) -> str:
    """Jobs by kind, expected time, disk and memory on this machine, in two lines."""
    largest = sorted((job.memory_mb for job in jobs), reverse=True)
    return (
        f"Will run {len(jobs)} jobs on {cores} cores: {by_kind(jobs)}\n"
        f"Expected: {duration(makespan(jobs, cores))}, {space(jobs, folder)}, "
        f"{sum(largest[:cores]):,.0f} MB of memory"
    )


def describe_elsewhere(jobs: list[Job], at_once: int, folder: Path) -> str:
    """Jobs by kind, expected time without the queue's, and disk, where a scheduler runs them."""
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


def free_mb(folder: Path) -> float:
    """MB that are free on a folder's disk."""
    return shutil.disk_usage(folder).free / 1e6


def space(jobs: list[Job], folder: Path) -> str:
    """The disk that jobs fill, and what is free."""
    disk = sum(job.disk_mb for job in jobs)
    return f"{disk:,.0f} MB of disk ({free_mb(folder):,.0f} MB free)"


def duration(seconds: float) -> str:
    """A time in words: whole minutes, or hours of them."""
    minutes = round(seconds / 60)
    if minutes >= 120:
        return f"about {minutes / 60:.1f} h"
    return f"about {minutes} min" if minutes else "under a minute"
