"""When a scheduler will end this job, as far as it says.

A job that runs out of time gets SIGTERM only where the scheduler's signals reach it, which isn't
sure behind a shell and another Snakemake. So it asks when its time is over, and stops before.
"""

import os
import subprocess
import time
from datetime import datetime

NOTICE = 45.0  # seconds before the end: for the step that is under way, and to save the state
SHARE = 4  # of a short allocation no more than a quarter is given away


def seconds_to_work() -> float | None:
    """Seconds until this job had better stop by itself; None where nothing ends it."""
    over = end()
    if over is None:
        return None
    left = over - time.time()
    return max(left - min(NOTICE, left / SHARE), 0.1)


def end() -> float | None:
    """When SLURM ends this job, in seconds since the epoch; None under no or another scheduler.

    Newer versions tell in a variable, which Snakemake's plugin takes away from some jobs.
    """
    job = os.environ.get("SLURM_JOB_ID")
    if job is None:
        return None
    try:
        if told := os.environ.get("SLURM_JOB_END_TIME"):
            return float(told)
        asked = subprocess.run(  # noqa: S603
            ["squeue", "--noheader", "--jobs", job, "--format", "%e"],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return datetime.fromisoformat(asked.stdout.strip()).timestamp()
    # No SLURM to be asked, or a job without a limit ("N/A").
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
