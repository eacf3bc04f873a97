"""Jobs in conda environments that Snakemake makes (`--use-conda`): what it takes, and what differs.

Snakemake then takes PYTHONPATH from jobs, and lets their Python look for modules where its own
does, after the environment's.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from rejeu.build.environment import SNAKEMAKES
from rejeu.build.packages import PINNED, canonical, pins
from rejeu.build.snakemake_run import deployed_by
from rejeu.errors import RejeuError


def is_used(workflow: Any) -> bool:
    """Whether jobs run in conda environments."""
    return "CONDA" in deployed_by(workflow)


def prepare_jobs(workflow: Any, engine: Path, *further: Path) -> None:
    """Let jobs in conda environments find rejeu and what lies in `further`, and know all versions.

    Nothing changes where jobs run with Snakemake's own Python.
    """
    if not is_used(workflow):
        return
    import snakemake  # noqa: PLC0415  a job has no use for it

    ours = [str(engine), *map(str, further)]
    theirs = [path for path in sys.path if path and path not in ours]
    os.environ[SNAKEMAKES] = os.pathsep.join(theirs)
    sys.path += [path for path in ours if path not in sys.path]
    # Else pip and jobs take what lies in ~/.local for a part of each environment.
    os.environ["PYTHONNOUSERSITE"] = "1"
    known = {canonical(name): number for name, number in pins(environments(engine)).items()}
    os.environ[PINNED] = json.dumps(known | {"snakemake": snakemake.__version__})


def environments(engine: Path) -> list[Path]:
    """The environments that rules name."""
    return sorted((engine / "envs").glob("*.yaml"))


def refuse_unusable() -> None:
    """Refuse to start where Snakemake would fail for want of a conda that it can use.

    Raises:
        RejeuError: there is none, it doesn't answer, or it is too old.
    """
    from packaging.version import Version  # noqa: PLC0415  a job has no use for these
    from snakemake.deployment.conda import MIN_CONDA_VER  # noqa: PLC0415
    from snakemake.shell import shell  # noqa: PLC0415  in which conda may be a function

    mend = (
        f"Install conda {MIN_CONDA_VER} or newer (https://conda-forge.org/download), or leave out "
        "--use-conda and install requirements.lock (`make` does). Nothing was run."
    )
    try:
        said = shell.check_output("conda --version", stderr=subprocess.STDOUT, text=True)
    except subprocess.CalledProcessError as error:
        if error.returncode == 127:  # of a shell: no such command
            raise RejeuError(f"--use-conda: there is no `conda` on PATH. {mend}") from None
        why = error.output.strip().splitlines()[-1:] or [f"exit code {error.returncode}"]
        raise RejeuError(f"--use-conda: `conda --version` fails: {why[0]}. {mend}") from None
    number = re.search(r"\d+\.\d+\.\d+", said)
    if number is None or Version(number[0]) < Version(MIN_CONDA_VER):
        raise RejeuError(
            f"--use-conda: found {said.strip()!r}, which is too old for Snakemake. {mend}"
        )
