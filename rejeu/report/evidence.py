"""What the study's own Python (`report/findings`) is given to draw and to deduce from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rejeu.evaluation.quantities import tier_folder
from rejeu.report.results import read_part
from rejeu.report.traced import read_traced


@dataclass(frozen=True)
class Evidence:
    """One tier's results.

    Attributes:
        folder: results/{tier}, where further files of the runs lie that a figure asks for.
        results: by part and experiment; titles are in the language asked for.
        compared: the experiments of each comparison that the tier runs whole.
        timings: timing/{name}.json, those that were measured.
        reference: the study's reference file.
        groups: those that the tier runs; none in a first report.
    """

    tier: str
    folder: Path
    results: dict[str, dict[str, Any]]
    compared: dict[str, list[str]]
    timings: dict[str, dict[str, Any]]
    reference: dict[str, Any]
    groups: list[str]


def read_evidence(
    files: Iterable[str], study: Mapping[str, Any], reference: dict[str, Any]
) -> Evidence:
    """Read the results of a tier, whose names are their titles until `titled`.

    Args:
        files: the paths of those that may be read; others may lie beside them.
        study: settings {tier, groups, comparisons: experiments by name, parts: by name {kind,
            experiments: {name: {seeds, place}}}}; experiments without seeds aren't read.
    """
    given = set(files)
    folder = tier_folder(given, study["tier"])
    results = {
        part: read_part(folder / part, settings, reference.get(part) or {}, given)
        for part, settings in study["parts"].items()
    }
    return Evidence(
        tier=study["tier"],
        folder=folder,
        results=results,
        compared=study["comparisons"],
        timings={
            path.stem: read_traced(path)
            for path in sorted(map(Path, given))
            if path.parent == folder / "timing"
        },
        reference=reference,
        groups=study["groups"],
    )


def titles(study: Mapping[str, Any], language: str) -> dict[str, dict[str, str]]:
    """Each experiment's title by part and name, whether it was run or not."""
    return {
        part: {name: it["title"][language] for name, it in settings["experiments"].items()}
        for part, settings in study["parts"].items()
    }


def titled(evidence: Evidence, study: Mapping[str, Any], language: str) -> Evidence:
    """The same results under `language`'s titles."""
    titles_by_part = titles(study, language)
    results = {
        part: {
            name: replace(result, title=titles_by_part[part][name])
            for name, result in experiments.items()
        }
        for part, experiments in evidence.results.items()
    }
    return replace(evidence, results=results)
