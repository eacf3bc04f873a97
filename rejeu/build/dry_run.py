"""What Snakemake would do for a target, without doing any of it and without taking a lock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rejeu.build.engine import profile
from rejeu.errors import RejeuError
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

    settings = read_yaml(profile(root) / "config.yaml")
    triggers = {enums.RerunTrigger[name.upper()] for name in settings["rerun-triggers"]}
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
