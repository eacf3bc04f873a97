"""`rejeu retrain`: which files to make again since they come from other versions of packages."""

from collections.abc import Mapping
from pathlib import Path

from rejeu.build.packages import versions
from rejeu.build.stale import differing, read_run
from rejeu.commands.study_here import study_here
from rejeu.study.configuration import Study
from rejeu.study.looks import Seeds, seeds, taken

# By kind, what a part's data are made from first; their later steps follow.
FIRST_DATA = {"classifier": "clean.parquet", "lora": "pairs.parquet"}


def run_files(tier: str, seeds: Seeds) -> dict[str, list[Path]]:
    """The run.json file of every run of a tier, made or not, by part."""
    return {
        part: [
            Path("results", tier, part, name, f"seed{seed}", "run.json")
            for name, drawn in experiments.items()
            for seed in drawn
        ]
        for part, experiments in seeds.items()
    }


def first_data(study: Study, part: str, tier: str) -> Path | None:
    """What a part's data are made from first; None for a program, which reads raw inputs."""
    name = FIRST_DATA.get(study.parts[part].kind)
    return Path("results", tier, "data", study.data_folder(part), name) if name else None


def outdated(
    runs: Mapping[str, list[Path]], data: Mapping[str, Path | None], now: dict[str, str]
) -> list[Path]:
    """The stale runs, and the data of a part where they are older than a stale run of it.

    Such data come from the old packages too. Asked again after an interruption, this names what is
    left to do. A run that isn't there needs no force to be made.
    """
    outdated_files = []
    for part, paths in runs.items():
        old = [path for path in paths if (run := read_run(path)) and differing(run, now)]
        rows = data[part]
        if rows is not None and rows.is_file():
            made = rows.stat().st_mtime
            outdated_files += [rows] if any(path.stat().st_mtime > made for path in old) else []
        outdated_files += old
    return outdated_files


def main(tier: str | None) -> list[Path]:
    """What to make again of a tier's files.

    Raises:
        RejeuError: no such tier.
    """
    study, tier = study_here(tier)
    return outdated(
        run_files(tier, seeds(study, tier, taken(study, Path.cwd()))),
        {part: first_data(study, part, tier) for part in study.tiers[tier].parts},
        versions(quantised=True),
    )
