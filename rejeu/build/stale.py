"""Results made with other versions of packages than those installed: said in words, and kept."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.build.packages import without_build
from rejeu.job.whole_files import read_note


@dataclass(frozen=True)
class Stale:
    """So many runs were made with a package's version `made`, and `installed` is here now."""

    package: str
    made: str
    installed: str
    runs: int


def read_run(path: Path) -> dict[str, Any] | None:
    """A run.json file's content; None where there is no file, or one that is damaged."""
    run = read_note(path)
    return run if isinstance(run, dict) else None


def differing(run: dict[str, Any], now: dict[str, str]) -> list[tuple[str, str, str]]:
    """(package, version that a run was made with, version `now`) where these differ.

    The machine's build of a version doesn't count. A run that doesn't say its
    versions, as those made before they were recorded, is taken for current.
    """
    return [
        (package, made, now[package])
        for package, made in run.get("packages", {}).items()
        if package in now and without_build(made) != without_build(now[package])
    ]


def stale(runs: Iterable[dict[str, Any]], now: dict[str, str]) -> list[Stale]:
    """Where the runs' packages differ from those `now`, by package and version."""
    counts = Counter(found for run in runs for found in differing(run, now))
    return [Stale(*found, count) for found, count in sorted(counts.items())]


def describe(found: list[Stale], tier: str) -> str:
    """One line for the terminal."""
    what = "; ".join(
        f"{entry.runs} run{' was' if entry.runs == 1 else 's were'} made with {entry.package} "
        f"{entry.made}, and {entry.installed} is installed"
        for entry in found
    )
    return f"Stale results: {what}. They are kept; `rejeu retrain --tier {tier}` makes them again."
