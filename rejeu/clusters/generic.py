"""Jobs on a cluster that outlive the Snakemake which submitted them: waited for, never doubled.

Beside the mark that an output isn't finished, Snakemake notes the number of the job that makes it,
for plugins that can go on waiting for it (cluster-generic). Three things of its own stand in the
way. The Snakemake inside of the job strikes out the number when it begins. It removes the mark when
it ends, so that an orphan's results had no note of the settings that made them. And with
`rerun-incomplete`, without which no build goes on after a kill, no number is looked up.
"""

import hashlib
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rejeu.build import snakemake_run
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_note, write_note

SUBMITTED = Path(".snakemake", "submitted")
PATIENCE = 120.0  # seconds for a job to end that was told to; it may save its state first


def leave_marks() -> None:
    """Leave marks of unfinished outputs to the submitter; call it in a job's own Snakemake."""
    from snakemake.persistence import PersistenceBase  # noqa: PLC0415  as in `snakemake_run`

    def started(self: Any, job: Any, external_jobid: str | None = None) -> None:
        pass

    async def finished(self: Any, job: Any) -> None:
        pass

    PersistenceBase.started, PersistenceBase.finished = started, finished


def take_up(workflow: Any) -> None:
    """Let jobs that still run, and those that ended since, stand for the ones to be submitted.

    Ctrl-C then deletes all that run: the plugin itself forgets those which it is asking about.
    """
    if snakemake_run.executor(workflow) != "cluster-generic":
        return
    persistence = workflow.persistence
    started = persistence.started

    def note_and_start(job: Any, external_jobid: str | None = None) -> None:
        if external_jobid is not None:
            note = {"job": external_jobid, "makes": identity(persistence, job)}
            write_note(place(job), note)
        started(job, external_jobid)

    def known(job: Any) -> str | None:
        return leftover(workflow, job)

    executor = workflow.scheduler._executor
    cancel = executor.cancel_jobs

    def cancel_all(active: list[Any]) -> None:
        asked = {info.external_jobid for info in active}
        running = [(job, persistence.external_jobids(job)) for job in workflow.scheduler.running]
        missed = [
            SimpleNamespace(job=job, external_jobid=number)
            for job, numbers in running
            for number in numbers
            if number not in asked
        ]
        cancel([*active, *missed])

    persistence.started = note_and_start
    workflow.dag.incomplete_external_jobid = known
    executor.cancel_jobs = cancel_all


def leftover(workflow: Any, job: Any) -> str | None:
    """The number of an earlier build's job that does what `job` would; others are deleted.

    Raises:
        RejeuError: the other one can't be deleted.
    """
    persistence = workflow.persistence
    found = []
    for number in sorted(persistence.external_jobids(job)):
        if status_of(workflow, number) == "failed":
            continue
        notes = [read_note(place(member)) for member in members(job)]
        wanted = [identity(persistence, member) for member in members(job)]
        if notes == [{"job": number, "makes": makes} for makes in wanted]:
            found.append(number)
        else:
            delete(workflow, job, number)
    return found[0] if found else None


def members(job: Any) -> list[Any]:
    """The jobs of a group; of a job itself alone."""
    return sorted(job.jobs, key=lambda member: str(member.output)) if job.is_group() else [job]


def place(job: Any) -> Path:
    """Where it is noted which job makes these outputs, and of what."""
    return SUBMITTED / f"{hashlib.sha256(str(job.output).encode()).hexdigest()[:16]}.json"


def identity(persistence: Any, job: Any) -> str:
    """A hash of what outputs depend on: rule, settings, code, and the inputs as they are now."""
    inputs = [path for path in map(Path, job.input) if path.exists()]
    times = [(str(path), path.stat().st_mtime_ns) for path in inputs]
    facts = (job.rule.name, persistence._params(job), times)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def status_of(workflow: Any, number: str) -> str:
    """What the profile's program says of a job: running, success or failed."""
    command = workflow.executor_settings.status_cmd
    done = subprocess.run(  # noqa: S602  as the plugin calls it: words of a shell
        f"{command} '{number}'", shell=True, check=False, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip() if done.returncode == 0 else "running"


def delete(workflow: Any, job: Any, number: str) -> None:
    """Delete a leftover job that would make `job`'s outputs of other settings or inputs."""
    print(
        f"job {number} of a killed build makes {job.output[0]} of other settings, code or data: "
        "it is deleted",
        file=sys.stderr,
    )
    cancel = workflow.executor_settings.cancel_cmd
    if cancel:
        subprocess.run([cancel, number], check=False, capture_output=True)  # noqa: S603
    until = time.monotonic() + PATIENCE
    while status_of(workflow, number) == "running":
        if time.monotonic() > until:
            raise RejeuError(
                f"job {number} of a killed build still makes {job.output[0]}, of other settings, "
                "code or data; delete it and run the same command again"
            )
        time.sleep(1)
