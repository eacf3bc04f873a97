"""Write each language's report source from the results, and record where those come from."""

from pathlib import Path
from typing import Any

from rejeu.build.engine import engine
from rejeu.evaluation.quantities import read_reference
from rejeu.job.run import run
from rejeu.job.whole_files import read_json, write_json, write_text
from rejeu.report.context import Facts, context
from rejeu.report.evidence import read_evidence
from rejeu.report.provenance import provenance
from rejeu.report.words import read_words
from rejeu.report.write import template_of, write


def study_facts() -> Facts | None:
    """The deductions of the study's own Python; None where it brings none."""
    try:
        from findings.facts import facts
    except ModuleNotFoundError as error:
        if error.name != "findings":
            raise
        return None
    return facts


def main(
    inputs: Any, outputs: Any, texts: Path, study: dict[str, Any], renderer: str, root: Path
) -> None:
    """Write `outputs.sources`, {language}/report.qmd, and `outputs.provenance`.

    Args:
        texts: the study's folder of templates, `report`.
        renderer: as `renderer.chosen` gives it.
        root: the engine, whose commit is recorded.
    """
    reference = read_reference(inputs.reference)
    evidence = read_evidence(map(str, inputs), study, reference)
    sources = {Path(path).parent.name: Path(path) for path in inputs.sources}
    record = provenance(study, sources, evidence.results, renderer, root)
    write_json(outputs.provenance, record)
    words = read_words(inputs.words)
    statistics = {Path(path).parents[1].name: read_json(path) for path in inputs.statistics}
    claims = read_json(inputs.claims) if inputs.claims else []
    observations = read_json(inputs.observations) if inputs.observations else []
    facts = study_facts()
    for output in outputs.sources:
        language = Path(output).parent.name
        names = context(
            language,
            study,
            words[language],
            evidence,
            statistics=statistics,
            provenance=record,
            claims=claims,
            observations=observations,
            facts=facts,
        )
        write_text(output, write(template_of(texts, language), names))


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        texts=Path(snakemake.params.texts),
        study=snakemake.params.study,
        renderer=snakemake.params.renderer,
        root=engine(),
    ),
)
