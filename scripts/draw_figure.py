"""Draw a figure of the study's own (`report/findings`) from the experiments that it compares."""

from typing import Any

from findings.figures import FIGURES
from rejeu.evaluation.quantities import read_reference
from rejeu.job.run import run
from rejeu.report import figures
from rejeu.report.evidence import read_evidence, titled


def main(inputs: Any, outputs: list[str], name: str, study: dict[str, Any]) -> None:
    reference = read_reference(inputs.reference)
    evidence = read_evidence(map(str, inputs), study, reference)

    def draw(language: figures.Language) -> figures.Figure:
        return FIGURES[name](titled(evidence, study, language.numbers.language), language)

    figures.save(draw, figures.languages(inputs.words), outputs)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        name=snakemake.wildcards.figure,
        study=snakemake.params.study,
    ),
)
