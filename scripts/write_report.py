"""Write each language's report source from the results, and record where those come from."""

from pathlib import Path
from typing import Any

from rejeu.build.engine import engine
from rejeu.job.run import run
from rejeu.job.whole_files import write_json, write_text
from rejeu.report.addresses import as_json
from rejeu.report.languages import Files, evidence_of, facts_of_run, write_languages


def main(
    inputs: Any, outputs: Any, texts: Path, study: dict[str, Any], renderer: str, root: Path
) -> None:
    """Write `outputs.sources`, {language}/report.qmd, the addresses beside, and the provenance.

    Args:
        texts: the study's folder of templates, `report`.
        renderer: as `renderer.chosen` gives it.
        root: the engine, whose commit is recorded.
    """
    named = ("reference", "words", "claims", "observations", "statistics", "sources")
    lists = {name: [*map(str, as_list(getattr(inputs, name)))] for name in named}
    files = Files(every=[*map(str, inputs)], **lists)
    evidence = evidence_of(files, study)
    record = facts_of_run(files, study, evidence, renderer, root)
    write_json(outputs.provenance, record)
    places = {Path(path).parent.name: path for path in outputs.sources}
    addresses = {Path(path).parent.name: path for path in outputs.addresses}
    reports = write_languages(places, texts, files, study, evidence, record)
    for language, (text, standing) in reports.items():
        write_text(places[language], text)
        write_json(addresses[language], as_json(language, study["tier"], text, standing))


def as_list(given: Any) -> list[Any]:
    """What a rule's input of one file or of many names."""
    return [given] if isinstance(given, str) else list(given)


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
