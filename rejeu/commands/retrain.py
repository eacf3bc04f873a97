"""`make retrain`: which files to make again since they come from other versions of packages.

Usage: python -m rejeu.commands.retrain [TIER]
"""

import sys
from pathlib import Path

from rejeu.build.packages import versions
from rejeu.build.stale import differing, read_run
from rejeu.errors import RejeuError
from rejeu.study.configuration import load
from rejeu.study.looks import Seeds, seeds, taken
from rejeu.study.strict_reading import read_yaml

# What a part's data are made from first; their later steps follow.
DATA = {"sentiment": "data/sentiment/clean.parquet", "lora": "data/chat/pairs.parquet"}


def run_files(tier: str, seeds: Seeds) -> dict[str, list[Path]]:
    """The run.json file of every run of a tier, made or not, by part."""
    return {
        part: [
            Path("results", tier, part, name, f"seed{seed}", "run.json")
            for name, own in seeds[part].items()
            for seed in own
        ]
        for part in DATA
    }


def outdated(runs: dict[str, list[Path]], results: Path, now: dict[str, str]) -> list[Path]:
    """The stale runs, and the data of a part where they are older than a stale run of it.

    Such data come from the old packages too. Asked again after an interruption, this names what is
    left to do. A run that isn't there needs no force to be made.
    """
    found = []
    for part, paths in runs.items():
        old = [path for path in paths if (run := read_run(path)) and differing(run, now)]
        data = results / DATA[part]
        if data.is_file() and any(path.stat().st_mtime > data.stat().st_mtime for path in old):
            found.append(data)
        found += old
    return found


def main(tier: str | None) -> None:
    study = load(read_yaml("config.yaml"), "config.yaml")
    tier = tier or study.tier
    if tier not in study.tiers:
        raise RejeuError(f"TIER={tier}: no such tier; known: {', '.join(study.tiers)}")
    print(
        *outdated(
            run_files(tier, seeds(study, tier, taken(study, Path.cwd()))),
            Path("results", tier),
            versions(),
        )
    )


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else None)
    except RejeuError as error:
        sys.exit(f"error: {error}")
