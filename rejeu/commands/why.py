"""`rejeu why`: in one screen, why a target would be rebuilt. Runs nothing and takes no lock.

Snakemake's dry run knows the reasons; of a hash of code, `changes` knows the files.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build import accepted
from rejeu.build.changes import listed, params_change
from rejeu.build.dry_run import dry_run
from rejeu.build.engine import engine
from rejeu.build.identity import Equal, Packages, fingerprints, packages_of

CAUSES = 15  # lines of causes on one screen


@dataclass(frozen=True)
class Planned:
    """A job that would run, with its own reasons in words; one without any follows from others."""

    rule: str
    reasons: tuple[str, ...]


def causes_in_words(jobs: list[Planned], target: str) -> str:
    """Root causes with their jobs, most jobs first, then how many follow from these."""
    if not jobs:
        return f"{target} is up to date: nothing would run."
    causes = Counter(job for job in jobs if job.reasons)
    following = Counter(job.rule for job in jobs if not job.reasons)
    width = max((len(cause.rule) for cause in causes), default=0)
    lines = [f"{target} is out of date: {plural(len(jobs), 'job')} would run. Causes:"]
    for cause, count in causes.most_common(CAUSES):
        lines.append(f"{count:5} {cause.rule:{width}}  {'; '.join(cause.reasons)}")
    if len(causes) > CAUSES:
        lines.append(f"      and {len(causes) - CAUSES} causes more")
    if following:
        rules = ", ".join(f"{count} {rule}" for rule, count in following.most_common())
        lines.append(f"and {plural(following.total(), 'job')} that follow from these: {rules}")
    return "\n".join(lines)


def plural(count: int, what: str) -> str:
    """A count and its noun, with an s unless it is one."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def reasons_of(
    job: Any, workflow: Any, root: Path, packages: Packages, equal: Equal
) -> tuple[str, ...]:
    """Why Snakemake would run a job, but for what other jobs bring about."""
    why, persistence, first = workflow.dag.reason(job), workflow.persistence, job.output[0]
    reasons = []
    if why.missing_output and not why.updated_input_run:
        reasons.append(f"missing: {listed(why.missing_output)}")
    if why.forced:  # nobody asked for it here, so Snakemake did, for its outputs are incomplete
        reasons.append(f"unfinished: {listed(job.output)}")
    newer = why.updated_input - why.updated_input_run
    if newer:
        reasons.append(f"input changed: {listed(newer)}")
    if why.input_changed:
        before, now = set(persistence.input(first) or []), set(map(str, job.input))
        reasons += [f"input added: {listed(now - before)}"] if now - before else []
        reasons += [f"input no longer used: {listed(before - now)}"] if before - now else []
    if why.params_changed:
        script = packages["rejeu"] / "scripts" / Path(job.rule.script).name
        code = fingerprints(script, packages, equal)
        reasons += params_change(
            persistence.params(first) or [], dict(job.params.items()), code, root
        )
    return tuple(reasons)


def planned(target: str, tier: str | None, root: Path) -> list[Planned]:
    """The jobs that would run for a target, by a dry run.

    Raises:
        RejeuError: with Snakemake's message, where it can't plan.
    """
    packages, equal = packages_of(root, engine()), accepted.equal_to(accepted.read(root))
    with dry_run(target, tier, root) as workflow:
        return [
            Planned(job.rule.name, reasons_of(job, workflow, root, packages, equal))
            for job in workflow.dag.needrun_jobs()
            if not job.rule.norun
        ]


def main(target: str, tier: str | None, root: Path) -> None:
    """Print why a target would be made again.

    Raises:
        RejeuError: with Snakemake's message, where it can't plan.
    """
    print(causes_in_words(planned(target, tier, root), target))
