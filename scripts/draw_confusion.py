"""Draw one experiment's confusion matrix beside the reference's."""

from typing import Any

from rejeu.job.run import run
from rejeu.job.whole_files import read_json
from rejeu.report import figures
from rejeu.study.strict_reading import read_yaml


def main(inputs: Any, outputs: list[str], part: str, experiment: str) -> None:
    reference = read_yaml(inputs.reference[0]) if inputs.reference else {}
    known = reference.get(part, {}).get("experiments", {}).get(experiment, {})
    metrics = [read_json(path) for path in inputs.metrics]
    confusions = [each["confusion"] for each in metrics]
    figures.save(
        lambda language: figures.confusion(
            language, known.get("confusion"), confusions, metrics[0].get("classes")
        ),
        figures.languages(inputs.words),
        outputs,
    )


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        part=snakemake.params.part,
        experiment=snakemake.params.experiment,
    ),
)
