"""`rejeu plan`: what would run for a target, how long it takes, and what it needs."""

import os
from pathlib import Path

from rejeu.build.dry_run import dry_run
from rejeu.build.plan import describe, jobs_of
from rejeu.commands.study_here import study_here


def main(target: str, tier: str | None, root: Path) -> None:
    """Print it.

    Raises:
        RejeuError: it can't be planned, or wouldn't fit on the disk.
    """
    study, _ = study_here()
    expected = {name: each.expected_seconds for name, each in study.tiers.items()}
    with dry_run(target, tier, root) as workflow:
        jobs = jobs_of(workflow, expected)
    if jobs:
        print(describe(jobs, os.cpu_count() or 1, root))
    else:
        print(f"{target} is up to date: nothing would run.")
