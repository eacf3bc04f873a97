"""`make why`: in one screen, why a target would be rebuilt. Runs nothing and takes no lock.

Usage: python -m rejeu.commands.why [TARGET [TIER]]

The only module that imports Snakemake, whose dry run knows the reasons; no script reaches it.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build.changes import listed, params_change
from rejeu.build.identity import fingerprints
from rejeu.errors import RejeuError
from rejeu.study.strict_reading import read_yaml

CAUSES = 15  # lines of causes on one screen


@dataclass(frozen=True)
class Planned:
    """A job that would run, with its own reasons in words; one without any follows from others."""

    rule: str
    reasons: tuple[str, ...]


def describe(jobs: list[Planned], target: str) -> str:
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
    return f"{count} {what}{'' if count == 1 else 's'}"


def reasons_of(job: Any, workflow: Any, root: Path) -> tuple[str, ...]:
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
        code = fingerprints(root / "scripts" / Path(job.rule.script).name, root)
        reasons += params_change(
            persistence.params(first) or [], dict(job.params.items()), code, root
        )
    return tuple(reasons)


def planned(target: str, tier: str | None, root: Path) -> list[Planned]:
    """The jobs that would run for a target, by a dry run.

    Raises:
        RejeuError: with Snakemake's message, where it can't plan.
    """
    from snakemake.api import SnakemakeApi  # noqa: PLC0415  a second; `describe` doesn't need it
    from snakemake.exceptions import RuleException, WorkflowError  # noqa: PLC0415
    from snakemake.settings import enums, types  # noqa: PLC0415

    profile = read_yaml(root / "profiles" / "default" / "config.yaml")
    triggers = {enums.RerunTrigger[name.upper()] for name in profile["rerun-triggers"]}
    silent = types.OutputSettings(quiet={enums.Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(silent) as api:
        try:
            api.workflow(
                resource_settings=types.ResourceSettings(cores=1),
                config_settings=types.ConfigSettings(config={"tier": tier} if tier else {}),
                snakefile=root / "Snakefile",
            ).dag(
                types.DAGSettings(targets={target}, rerun_triggers=triggers, force_incomplete=True)
            )
            workflow: Any = api._workflow_api._workflow  # pyright: ignore[reportOptionalMemberAccess]
            # Half of a dry run: a whole one marks its jobs as done, which clears their reasons.
            workflow._prepare_dag(forceall=False, ignore_incomplete=False, lock_warn_only=True)
            workflow._build_dag()
        except (WorkflowError, RuleException, SyntaxError) as error:
            raise RejeuError(f"can't plan {target}: {str(error).strip()}") from None
        return [
            Planned(job.rule.name, reasons_of(job, workflow, root))
            for job in workflow.dag.needrun_jobs()
            if not job.rule.norun
        ]


def main(words: list[str]) -> None:
    target = words[0] if words else "all"
    tier = words[1] if len(words) > 1 else None
    print(describe(planned(target, tier, Path.cwd()), target))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except RejeuError as error:
        sys.exit(f"error: {error}")
