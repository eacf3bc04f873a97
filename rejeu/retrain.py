"""`make retrain`: which files to make again since they come from other versions of packages.

Usage: python -m rejeu.retrain [TIER]
"""

import sys
from pathlib import Path

from rejeu.config import Study, load
from rejeu.errors import RejeuError
from rejeu.files import read_json, read_yaml
from rejeu.packages import versions
from rejeu.stale import differing

# What a part's data are made from first; their later steps follow.
DATA = {"sentiment": "data/sentiment/clean.parquet", "lora": "data/chat/pairs.parquet"}


def run_files(study: Study, tier: str, root: Path) -> dict[str, list[Path]]:
    """The run.json files that a tier has, by part."""
    return {
        part: [
            path
            for name in study.experiments(part, tier)
            for seed in getattr(study.tiers[tier], part).seeds
            if (path := root / f"results/{tier}/{part}/{name}/seed{seed}/run.json").is_file()
        ]
        for part in DATA
    }


def outdated(runs: dict[str, list[Path]], results: Path, now: dict[str, str]) -> list[Path]:
    """The stale runs, and the data of a part where they are older than a stale run of it.

    Such data come from the old packages too. Asked again after an interruption, this names what is
    left to do.
    """
    found = []
    for part, paths in runs.items():
        old = [path for path in paths if differing(read_json(path), now)]
        data = results / DATA[part]
        if data.is_file() and any(path.stat().st_mtime > data.stat().st_mtime for path in old):
            found.append(data)
        found += old
    return found


def main(tier: str | None, root: Path) -> None:
    study = load(read_yaml(root / "config.yaml"), "config.yaml")
    tier = tier or study.tier
    if tier not in study.tiers:
        raise RejeuError(f"TIER={tier}: no such tier; known: {', '.join(study.tiers)}")
    found = outdated(run_files(study, tier, root), root / "results" / tier, versions())
    print(" ".join(str(path.relative_to(root)) for path in found))


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else None, Path.cwd())
    except RejeuError as error:
        sys.exit(f"error: {error}")
