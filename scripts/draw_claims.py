"""Draw all judged claims in one figure."""

from typing import Any

from rejeu.job.run import run
from rejeu.job.whole_files import read_json
from rejeu.report import figures
from rejeu.report.claims_figure import claims, placed


def main(inputs: Any, outputs: list[str], statements: dict[str, dict[str, str]]) -> None:
    rows = placed(read_json(inputs.claims))
    figures.save(
        lambda language: claims(language, rows, statements),
        figures.languages(inputs.words),
        outputs,
    )


run(
    snakemake,
    lambda _: main(snakemake.input, snakemake.output, snakemake.params.statements),
)
