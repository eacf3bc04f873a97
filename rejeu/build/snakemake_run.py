"""What Rejeu needs to know of a running Snakemake and that no documented interface tells."""

import difflib
import os
import shlex
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from rejeu.build.changes import is_code, plain
from rejeu.errors import RejeuError

# The image that jobs run in with --sdm apptainer, in the study's folder.
CONTAINER = ".cache/rejeu/image.sif"

# Options of Snakemake's with which it runs no job.
RUNS_NOTHING = (
    *("dryrun", "unlock", "summary", "detailed_summary", "list_rules", "list_target_rules", "dag"),
    *("rulegraph", "filegraph", "d3dag", "lint", "report", "archive", "cleanup_metadata"),
    *("cleanup_shadow", "list_changes", "list_input_changes", "list_params_changes"),
    *("list_untracked", "print_compilation", "generate_unit_tests", "containerize", "export_cwl"),
    *("list_conda_envs", "conda_create_envs_only", "delete_all_output", "delete_temp_output"),
)


def command() -> Any:
    """The options of the snakemake command that this process is; None where it is another one."""
    program = Path(sys.argv[0])
    if program.name != "snakemake" and program.parts[-2:] != ("snakemake", "__main__.py"):
        return None
    from snakemake.cli import get_argument_parser  # noqa: PLC0415  a job has no use for it

    return get_argument_parser().parse_known_args(sys.argv[1:])[0]


def refuse(error: RejeuError | str) -> NoReturn:
    """End with the message alone: a WorkflowError would add where in the rules it was raised."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


def config_of_command(workflow: Any) -> dict[str, Any]:
    """What --config says, which a workflow that is used by `module:` isn't given otherwise."""
    return dict(workflow.config_settings.config or {})


def runs_jobs(options: Any) -> bool:
    """Whether Snakemake runs jobs with the options that `command` gave; not where it gave none."""
    return options is not None and not any(getattr(options, name, None) for name in RUNS_NOTHING)


def deploys(options: Any) -> bool:
    """Whether Snakemake looks for jobs' environments with the options that `command` gave."""
    looks = ("dryrun", "conda_create_envs_only", "list_conda_envs")
    return runs_jobs(options) or any(getattr(options, name, None) for name in looks)


def refuse_unknown_targets(options: Any, workflow: Any) -> None:
    """Refuse a target that no rule makes.

    Raises:
        RejeuError: with the target, and a rule or file that was perhaps meant.
    """
    rules = [rule.name for rule in workflow.rules]
    for target in options.targets or () if options is not None else ():
        path = os.path.relpath(target)
        if target in rules or Path(target).exists():
            continue
        if any(rule.is_producer(path) for rule in workflow.rules):
            continue
        known = [*rules, *(str(o) for rule in workflow.rules for o in rule.output if "{" not in o)]
        near = difflib.get_close_matches(target, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "expected a rule or a file of this study"
        raise RejeuError(f"target '{target}': no rule makes it; {hint}. Nothing was run.")


def start_jobs_freely(workflow: Any) -> None:
    """Where jobs run on this machine, take away the limit on how many may start in a second.

    With one, Snakemake 9 looks at all waiting jobs a second after each time that a job ended, and a
    second after that, and so on for each: after 200 jobs that took half a core.
    """
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def end_when_asked() -> None:
    """Let SIGTERM end Snakemake at any moment.

    Its handler waits for a lock that the interrupted code may hold: on a busy machine about one job
    in six then never ended. So it is called beside that code, in a thread.
    """
    from snakemake.scheduling.job_scheduler import JobScheduler  # noqa: PLC0415  slow to import

    handle = JobScheduler.exit_gracefully
    if handle.__module__ == __name__:
        return

    def exit_beside(self: JobScheduler, *args: Any) -> None:
        threading.Thread(target=handle, args=(self, *args), daemon=True).start()

    JobScheduler.exit_gracefully = exit_beside


def memory() -> Any:
    """What Snakemake remembers of the files that it made in this folder; also before it plans."""
    from snakemake.persistence.file import FilePersistence  # noqa: PLC0415

    return FilePersistence()


def mark_incomplete(path: str) -> None:
    """Let Snakemake make a file again, as it does with what a killed job left half written.

    The number of a job on a cluster that still makes it stays known (`clusters/generic`).
    """
    from snakemake.io import IOFile  # noqa: PLC0415

    maker = SimpleNamespace(output=[IOFile(path)])
    memory().started(maker, next(iter(memory().external_jobids(maker)), None))


def recorded_params(path: str) -> list[str]:
    """The params with which Snakemake remembers that a file was made, as Python writes them."""
    from snakemake.io import IOFile  # noqa: PLC0415

    return list(memory().params(IOFile(path)) or [])


def recorded_job(path: str) -> Mapping[str, Any] | None:
    """What Snakemake remembers of the job that made a file; None where it remembers none.

    Its `rule`, `input` files, `starttime` and `endtime` (seconds since 1970), among others.
    """
    from snakemake.io import IOFile  # noqa: PLC0415

    record = memory().metadata(IOFile(path))
    return dict(record.items()) if record else None


def recorded_codes(paths: Iterable[str]) -> Counter[str]:
    """How many of these files Snakemake remembers to have been made with each code hash."""
    values = (plain(param) for path in paths for param in recorded_params(path))
    return Counter(value for value in values if is_code(value))


def shares_folder(workflow: Any) -> bool:
    """Whether all jobs, wherever they run, see this folder as it is, and what others left in it."""
    return bool(workflow.storage_settings.assume_common_workdir)


def is_forced(workflow: Any) -> bool:
    """Whether someone asked for jobs to run though their results are there."""
    asked = workflow.dag_settings
    return bool(asked.forcerun or asked.forceall or asked.forcetargets)


def around_build(workflow: Any, start: Callable[[Any], None], end: Callable[[], None]) -> None:
    """Do something before the first job, and after the last, whether it failed or not.

    As `onstart:` and its like do, but also where the workflow is used by `module:`, of which
    Snakemake takes no such blocks.
    """
    workflow._onstart = lambda _log: start(workflow)
    workflow._onsuccess = workflow._onerror = lambda _log: end()


def build_by_default(workflow: Any, rule: str) -> None:
    """Make a rule of an included file the one that Snakemake builds unless told otherwise."""
    workflow.default_target = rule


def deployed_by(workflow: Any) -> set[str]:
    """What jobs get their packages by: of CONDA (--use-conda), APPTAINER and the like."""
    return {method.name for method in workflow.deployment_settings.deployment_method}


def deploys_software(workflow: Any) -> bool:
    """Whether jobs get their packages from environments that Snakemake makes (--use-conda)."""
    return bool(deployed_by(workflow))


def executor(workflow: Any) -> str | None:
    """The name of what runs jobs: local, slurm and so on; None before that is known."""
    plugin = workflow.executor_plugin
    return plugin.name if plugin is not None else None


def refuse_missing_image(workflow: Any) -> None:
    """Refuse a build whose jobs would run in an image that isn't there (--sdm apptainer).

    Raises:
        RejeuError: it isn't.
    """
    if "APPTAINER" in deployed_by(workflow) and not Path(CONTAINER).exists():
        raise RejeuError(
            f"{CONTAINER}: jobs are to run in this image, and it isn't there. Build it in the "
            f"engine's folder, `apptainer build image.sif containers/apptainer.def`, and link it "
            "there, or leave out --sdm apptainer. Nothing was run."
        )


def show_engine_to_containers(workflow: Any, engine: Path) -> None:
    """Let jobs in a container see the engine at its place: it is what their code is hashed from."""
    bound, settings = f"--bind {shlex.quote(str(engine))}", workflow.deployment_settings
    if bound not in settings.apptainer_args:
        settings.apptainer_args = f"{settings.apptainer_args} {bound}".strip()
