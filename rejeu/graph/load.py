"""What people write in a study's folder, read and checked before Snakemake plans."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snakemake.utils import update_config

from rejeu.build import accepted
from rejeu.build.identity import OWN
from rejeu.errors import RejeuError
from rejeu.graph.graph import Graph
from rejeu.report import precheck
from rejeu.study import claims as claims_file
from rejeu.study import comparisons, looks
from rejeu.study.configuration import Study
from rejeu.study.configuration import load as load_study
from rejeu.study.strict_reading import as_yaml, read_yaml


def load_graph(overrides: Mapping[str, Any], folder: Path, engine: Path) -> Graph:
    """The study of the current folder, with its claims and comparisons.

    Not by `configfile:`, which of a key that stands twice takes the last without a word.

    Args:
        overrides: what --config says.
        folder: the current one.

    Raises:
        RejeuError: with the file, and for each fault the key and what was expected there.
    """
    if set("{}") & set(f"{folder}{engine}"):
        raise RejeuError(
            f"{folder}: Snakemake takes braces in a path for its own; rename the folder"
        )
    own = (folder,) if (folder / "report" / OWN).is_dir() else ()
    for path in (engine, *own):
        if os.pathsep in str(path):
            raise RejeuError(
                f"{path}: jobs find Python's modules there by PYTHONPATH, which can't hold a "
                f"path with '{os.pathsep}'; rename the folder"
            )
    raw = read_yaml("config.yaml")
    if overrides:
        load_study(raw, "config.yaml")  # so that what --config says isn't blamed on the file
        update_config(raw, as_yaml(overrides))
    study = load_study(raw, "--config" if overrides else "config.yaml")
    taken = looks.taken(study, folder)
    equal = accepted.equal_to(accepted.read(folder))
    compared = comparisons.read(study, folder)
    texts = Path("report")
    named = precheck.experiments_named(texts, study.languages, study.parts)
    sections = precheck.sections_shown(texts, study.languages)
    if sections is not None:
        sections += added_sections(study, named)
    refuse_unknown_experiments(study, named)
    seeds = {tier: looks.seeds(study, tier, taken) for tier in study.tiers}
    claims = read_claims(study, named, seeds, sections)
    return Graph(study, seeds, compared, claims, named, equal, folder, engine)


def added_sections(study: Study, named: Mapping[str, list[str]]) -> list[str]:
    """What claims call the sections of experiments that no template names and no group has."""
    return [
        name.replace("_", "-")
        for part, settings in study.parts.items()
        for name, experiment in settings.experiments.items()
        if experiment.group is None and name not in named[part]
    ]


def refuse_unknown_experiments(study: Study, named: Mapping[str, list[str]]) -> None:
    """Refuse templates that name experiments which the study doesn't have."""
    for part, names in named.items():
        for name in names:
            if name not in study.parts[part].experiments:
                raise RejeuError(
                    f"config.yaml: parts.{part}.experiments: the report's templates name the "
                    f"experiment '{name}', which is missing; put it back (its settings are "
                    "yours to change), or take it out of the templates"
                )


def read_claims(
    study: Study,
    named: Mapping[str, list[str]],
    seeds: Mapping[str, looks.Seeds],
    sections: list[str] | None,
) -> claims_file.Claims | None:
    """The study's claims; None where it has none."""
    file = study.report.claims
    if file is None:
        return None
    reference = read_yaml(study.report.reference) if study.report.reference else {}
    return claims_file.load(read_yaml(file), file, study, reference, named, seeds, sections)
