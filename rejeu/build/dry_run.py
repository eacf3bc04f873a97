"""What Snakemake would do for a target, without doing any of it and without taking a lock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rejeu.build.engine import profile
from rejeu.errors import RejeuError
from rejeu.study.names import suggest
from rejeu.study.strict_reading import read_yaml


@contextmanager
def dry_run(target: str, tier: str | None, root: Path) -> Iterator[Any]:
    """Snakemake's workflow with its graph, whose jobs that would run still know their reasons.

    Raises:
        RejeuError: with Snakemake's message, where it can't plan.
    """
    from snakemake.api import SnakemakeApi  # noqa: PLC0415  a second, which other commands save
    from snakemake.exceptions import RuleException, WorkflowError  # noqa: PLC0415
    from snakemake.settings import enums, types  # noqa: PLC0415

    triggers = {enums.RerunTrigger[name] for name in triggers_of(profile(root) / "config.yaml")}
    silent = types.OutputSettings(quiet={enums.Quietness.ALL}, enable_file_logging=False)
    with SnakemakeApi(silent) as api:
        try:
            api.workflow(
                resource_settings=types.ResourceSettings(cores=os.cpu_count() or 1),
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
        yield workflow


def triggers_of(file: Path) -> list[str]:
    """The names of what makes Snakemake run a job again, by a profile; all where it says nothing.

    Raises:
        RejeuError: it names what isn't one.
    """
    from snakemake.settings.enums import RerunTrigger  # noqa: PLC0415  as above

    said = read_yaml(file).get("rerun-triggers")
    if said is None:
        return list(RerunTrigger.__members__)
    names = [said] if isinstance(said, str) else said
    known = [name.lower().replace("_", "-") for name in RerunTrigger.__members__]
    for name in names:
        if name.lower() not in known:
            raise RejeuError(f"{file}: rerun-triggers: '{name}'; {suggest(name, known)}")
    return [name.upper().replace("-", "_") for name in names]
