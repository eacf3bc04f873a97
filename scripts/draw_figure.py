"""Draw a figure of the study's own (`report/findings`) from the experiments that it compares."""

from pathlib import Path
from typing import Any

from findings.figures import FIGURES
from rejeu.evaluation.quantities import read_reference
from rejeu.job.run import run
from rejeu.report import figures
from rejeu.report.evidence import read_evidence, titled


def main(inputs: Any, outputs: list[str], folder: Path, name: str, study: dict[str, Any]) -> None:
    reference = read_reference(inputs.reference)
    evidence = read_evidence(folder, study, reference, inputs.timings)

    def draw(language: figures.Language) -> figures.Figure:
        return FIGURES[name](titled(evidence, study, language.numbers.language), language)

    figures.save(draw, figures.languages(inputs.words), outputs)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        folder=Path(snakemake.params.folder),
        name=snakemake.wildcards.figure,
        study=snakemake.params.study,
    ),
)
