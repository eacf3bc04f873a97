"""`rejeu plan`: what would run for a target, how long it takes, what it needs and what it lacks."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from snakemake.utils import available_cpu_count

from rejeu.build import gpu_memory
from rejeu.build.dry_run import dry_run
from rejeu.build.estimates import PROBE, speed_here
from rejeu.build.hub import is_own
from rejeu.build.missing import Waiting, missing, refuse, waiting_jobs
from rejeu.build.plan import Job, duration, free_mb, jobs_of, makespan
from rejeu.commands.study_here import study_here
from rejeu.data.sources import source_in_words
from rejeu.study.configuration import Study


def main(target: str, tier: str | None, root: Path, *, as_json: bool = False) -> None:
    """Print it: as a table, or for programs as JSON.

    Raises:
        RejeuError: it can't be planned, or lacks something here.
    """
    study, tier = study_here(tier)
    cores = available_cpu_count()
    with dry_run(target, tier, root) as workflow:
        workflow.dag.update_priority()  # which half a dry run leaves out
        jobs = jobs_of(workflow, study)
        waiting = waiting_jobs(workflow, study)
        if as_json:
            lacking = missing(waiting, study, Path(), machine=True, packages=True)
            print(json.dumps(facts(jobs, cores) | {"missing": lacking}))
            refuse(lacking)
            return
        if not jobs:
            print(f"{target} is up to date: nothing would run.")
            return
        # As wide as it needs where it is written to a file.
        console = Console(soft_wrap=True, highlight=False)
        console.print(table(jobs, gpus_by_rule(waiting, study)))
        for line in remarks(jobs, waiting, study, tier, cores, root):
            console.print(line, markup=False)
        refuse(missing(waiting, study, Path(), machine=True, packages=True))


def facts(jobs: list[Job], cores: int) -> dict[str, Any]:
    """The plan as plain values: {cores, jobs, seconds, by_rule: {jobs, seconds, origins}}."""
    rules: dict[str, Any] = {}
    for job in jobs:
        rule = rules.setdefault(job.name, {"jobs": 0, "seconds": 0.0, "origins": []})
        rule["jobs"] += 1
        rule["seconds"] += job.seconds
        rule["origins"] = sorted({*rule["origins"], job.origin})
    return {"cores": cores, "jobs": len(jobs), "seconds": makespan(jobs, cores), "by_rule": rules}


def table(jobs: list[Job], gpus: dict[str, float]) -> Table:
    """A row for each rule, the longest first; `gpus` has GB of GPU memory by rule."""
    shown = Table("rule", box=None, pad_edge=False)
    for heading in ("jobs", "s each", "s in all", "memory MB", "GPU GB", "disk MB"):
        shown.add_column(heading, justify="right")
    shown.add_column("time is")
    by_rule: dict[str, list[Job]] = {}
    for job in jobs:
        by_rule.setdefault(job.name, []).append(job)
    total = {rule: sum(job.seconds for job in same) for rule, same in by_rule.items()}
    for rule in sorted(total, key=lambda rule: -total[rule]):
        same = by_rule[rule]
        shown.add_row(
            rule,
            str(len(same)),
            f"{total[rule] / len(same):,.1f}",
            f"{total[rule]:,.0f}",
            f"{max(job.memory_mb for job in same):,.0f}",
            f"{gpus[rule]:.1f}" if rule in gpus else "",
            f"{sum(job.disk_mb for job in same):,.0f}",
            ", ".join(sorted({job.origin for job in same})),
        )
    return shown


def gpus_by_rule(waiting: list[Waiting], study: Study) -> dict[str, float]:
    """GB of GPU memory that a job of each rule needs, where it asks for a GPU."""
    found: dict[str, float] = {}
    for job in waiting:
        if not (job.gpus and job.part):
            continue
        if needed := gpu_memory.of_training(study, job.tier, job.part):
            found[job.rule] = max(needed.gigabytes, found.get(job.rule, 0))
    return found


def remarks(
    jobs: list[Job], waiting: list[Waiting], study: Study, tier: str, cores: int, root: Path
) -> Iterable[str]:
    """The totals with their arithmetic, where times come from, and what is downloaded."""
    busy = sum(job.seconds * min(job.threads, cores) for job in jobs)
    seconds = makespan(jobs, cores)
    yield (
        f"\nTotal: {duration(seconds)} for {len(jobs)} jobs on {cores} cores: {busy:,.0f} s of "
        f"work / {cores} = {busy / cores:,.0f} s; {seconds:,.0f} s when each job waits for what it "
        "reads"
    )
    disk, free = sum(job.disk_mb for job in jobs), free_mb(root)
    yield f"Disk: {disk:,.0f} MB ({free:,.0f} MB free)"
    yield from origins(jobs, study, tier)
    for name in sorted({job.input for job in waiting if job.input}):
        wanted = study.inputs[name]
        if is_own(wanted):
            continue
        size = f"{wanted.size_mb:,.0f} MB" if wanted.size_mb else "size not known"
        places = " or ".join(source_in_words(each.model_dump()) for each in wanted.sources)
        yield f"To fetch: {name}, {size}, from {places}"


def origins(jobs: list[Job], study: Study, tier: str) -> Iterable[str]:
    """What is meant by each word for where a time comes from."""
    seen = {job.origin for job in jobs}
    theirs, speed = study.tiers[tier].expected_speed, speed_here()
    if "measured" in seen:
        yield f"measured: the mean of results/{tier}/benchmark, made on this machine"
    if "scaled" in seen:
        rates = ", ".join(
            f"{name} {rate:g}, here {speed[name]:g}"
            for name, rate in theirs.items()
            if name in speed
        )
        yield (
            f"scaled: tiers.{tier}.expected_seconds from the machine they are for to this one, by "
            f"{PROBE} ({rates}; start in seconds, else tokens a second)"
        )
    if "expected" in seen:
        yield (
            f"expected: tiers.{tier}.expected_seconds as they stand, for the machine that "
            "config.yaml names there; `rejeu probe` measures this one"
        )
    if "usual" in seen:
        yield "usual: what such a rule takes in small tiers; downloads at 10 MB a second"
