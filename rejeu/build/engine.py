"""Where the engine lies, and Snakemake as the commands run it in a study's folder."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
        RejeuError: there is no Snakefile, or `options` speak of the tier too.
    """
    if not Path("Snakefile").is_file():
        raise RejeuError(f"{Path.cwd()}: no Snakefile here; `rejeu new FOLDER` shows what it says")
    words = [sys.executable, "-m", "snakemake", *targets]
    if not PROFILE.is_dir():
        words += ["--workflow-profile", str(profile(Path()))]
    words += ["--config", f"tier={tier}"] if tier else []
    build = subprocess.Popen([*words, *with_tier(options, tier)])  # noqa: S603
    # The terminal's Ctrl-C reaches Snakemake too, which then ends its jobs in its own time.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    other = signal.signal(signal.SIGTERM, lambda number, _: build.send_signal(number))
    try:
        return build.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, other)


def with_tier(options: Sequence[str], tier: str | None) -> Iterator[str]:
    """Options in which each --config says the tier too: of several, Snakemake takes the last alone.

    Raises:
        RejeuError: a --config names a tier itself, or is written as one word.
    """
    for word in options:
        if tier and word.startswith("tier="):
            raise RejeuError(f"--tier {tier} and --config {word}: say the tier once")
        if tier and word.startswith(("--config=", "-C")) and word != "-C":
            raise RejeuError(f"{word}: write it as words of their own, --config KEY=VALUE")
        yield word
        if tier and word in ("--config", "-C"):
            yield f"tier={tier}"
