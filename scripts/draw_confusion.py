"""Draw one experiment's confusion matrix beside the reference's."""

from typing import Any

from rejeu.evaluation.quantities import read_reference
from rejeu.job.run import run
from rejeu.job.whole_files import read_json
from rejeu.report import figures


def main(inputs: Any, outputs: list[str], part: str, experiment: str) -> None:
    reference = read_reference(inputs.reference)
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
