"""Judge every claim of the document by one tier's results."""

from pathlib import Path
from typing import Any

from rejeu.evaluation.judge import judge
from rejeu.evaluation.quantities import quantity, referred
from rejeu.files import write_json
from rejeu.job import run
from rejeu.reading import read_yaml


def main(
    inputs: Any,
    output: str,
    claims: list[dict[str, Any]],
    seeds: dict[str, list[int]],
    tier: str,
) -> None:
    given = set(inputs)
    folder, printed = Path(output).parent, read_yaml(inputs.reference)
    judged = [
        judge(
            claim,
            tier,
            lambda path: quantity(folder, path, seeds, given),
            lambda path: [referred(printed, path)],
        )
        for claim in claims
    ]
    write_json(output, judged)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        output=snakemake.output.claims,
        claims=snakemake.params.claims,
        seeds=snakemake.params.seeds,
        tier=snakemake.wildcards.tier,
    ),
)
