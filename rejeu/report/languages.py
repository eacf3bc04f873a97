"""Each language's report source, written from one tier's results."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rejeu.evaluation.quantities import read_reference
from rejeu.report.addresses import Ledger, Standing
from rejeu.report.context import Facts, context
from rejeu.report.evidence import Evidence, read_evidence
from rejeu.report.provenance import provenance
from rejeu.report.traced import read_traced, shown_path, traced
from rejeu.report.words import read_words
from rejeu.report.write import template_of, written


@dataclass(frozen=True)
class Files:
    """What a report is written from.

    Attributes:
        every: all files that may be read, those below among them.
        reference: the file of the original's values, if any.
        words: of each language.
        claims, observations: what the judge said; none where nothing is judged.
        statistics: stats.json of each data folder's first seed.
        sources: source.json of each raw input.
    """

    every: list[str]
    reference: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    observations: list[str] = field(default_factory=list)
    statistics: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    @property
    def traced_reference(self) -> dict[str, Any]:
        """The original's values, which know where they stand."""
        read = read_reference(self.reference)
        return traced(read, shown_path(self.reference[0])) if self.reference else read


def study_facts() -> Facts | None:
    """The deductions of the study's own Python; None where it brings none."""
    try:
        from findings.facts import facts  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in ("findings", "findings.facts"):
            raise
        return None
    return facts


def facts_of_run(
    files: Files, study: Mapping[str, Any], evidence: Evidence, renderer: str, root: Path
) -> dict[str, Any]:
    """What provenance.json says; of the program, its packages and this machine as they are now."""
    sources = {Path(path).parent.name: Path(path) for path in files.sources}
    return provenance(study, sources, evidence.results, renderer, root)


def write_languages(
    languages: Iterable[str],
    texts: Path,
    files: Files,
    study: Mapping[str, Any],
    evidence: Evidence,
    record: Mapping[str, Any],
) -> dict[str, tuple[str, list[Standing]]]:
    """By language, the source and where each of its numbers comes from.

    Args:
        texts: the study's folder of templates, `report`.
        study: what `study_settings.report_settings` gives.
        record: what `facts_of_run` gives.
    """
    words = read_words(files.words)
    statistics = {Path(path).parents[1].name: read_traced(path) for path in files.statistics}
    claims, observations = (
        read_traced(paths[0]) if paths else [] for paths in (files.claims, files.observations)
    )
    known = traced(record, f"results/{study['tier']}/provenance.json")
    facts = study_facts()
    reports = {}
    for language in languages:
        ledger = Ledger()
        names = context(
            language,
            study,
            words[language],
            evidence,
            statistics=statistics,
            provenance=known,
            claims=claims,
            observations=observations,
            facts=facts,
            ledger=ledger,
        )
        reports[language] = written(template_of(texts, language), names, ledger)
    return reports


def evidence_of(files: Files, study: Mapping[str, Any]) -> Evidence:
    """What was measured, whose numbers know where they stand."""
    return read_evidence(files.every, study, files.traced_reference)
