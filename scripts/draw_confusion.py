"""Draw one experiment's confusion matrix beside the reference's."""

from typing import Any

from rejeu.files import read_json
from rejeu.job import run
from rejeu.reading import read_yaml
from rejeu.report import figures


def main(inputs: Any, outputs: list[str], experiment: str) -> None:
    known = read_yaml(inputs.reference)["sentiment"]["experiments"].get(experiment)
    runs = [read_json(path)["confusion"] for path in inputs.metrics]
    figures.save(
        lambda language: figures.confusion(language, known and known["confusion"], runs),
        figures.languages(inputs.words),
        outputs,
    )


run(
    snakemake,
    lambda _: main(snakemake.input, snakemake.output, snakemake.wildcards.experiment),
)
