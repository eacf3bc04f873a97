"""Where the engine lies, and Snakemake as the commands run it in a study's folder."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import rejeu
from rejeu.errors import RejeuError

PROFILE = Path("profiles") / "default"


def engine() -> Path:
    """The folder of the engine's Snakefile, rules and scripts, with this package beside them.

    Raises:
        RejeuError: this installation has none.
    """
    beside = Path(rejeu.__file__).parents[1]
    for folder in (beside, Path(sys.prefix) / "share" / "rejeu"):
        if (folder / "rules/common.smk").is_file():
            return folder
    raise RejeuError(
        f"{beside}: this installation of rejeu has no rules beside it; clone the repository, and "
        "say `make` there"
    )


def profile(folder: Path) -> Path:
    """How jobs run: the study's own profile, or else the engine's."""
    found = folder / PROFILE
    return found if found.is_dir() else engine() / PROFILE


def snakemake(targets: Sequence[str], tier: str | None, options: Sequence[str] = ()) -> int:
    """Build targets in the current folder by its own Snakefile; Snakemake's exit code.

    Raises:
        RejeuError: there is no Snakefile.
    """
    if not Path("Snakefile").is_file():
        raise RejeuError(f"{Path.cwd()}: no Snakefile here; `rejeu new FOLDER` shows what it says")
    words = [sys.executable, "-m", "snakemake", *targets]
    if not PROFILE.is_dir():
        words += ["--workflow-profile", str(profile(Path()))]
    words += ["--config", f"tier={tier}"] if tier else []
    build = subprocess.Popen([*words, *options])  # noqa: S603
    # The terminal's Ctrl-C reaches Snakemake too, which then ends its jobs in its own time.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    other = signal.signal(signal.SIGTERM, lambda number, _: build.send_signal(number))
    try:
        return build.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, other)
