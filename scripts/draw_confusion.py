"""Draw one experiment's confusion matrix beside the reference's."""

from typing import Any

from rejeu.job.run import run
from rejeu.job.whole_files import read_json
from rejeu.report import figures
from rejeu.study.strict_reading import read_yaml


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
