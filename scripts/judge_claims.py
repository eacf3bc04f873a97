"""Judge every claim of the study by one tier's results."""

from typing import Any

from rejeu.evaluation.judge_tier import judge_tier
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(inputs: Any, outputs: Any, claims: list[dict[str, Any]], tier: str, **given: Any) -> None:
    """Judge; `given` are the further arguments of `judge_tier`."""
    judged = judge_tier([*map(str, inputs)], inputs.reference, claims, tier, **given)
    for kind, output in (("claim", outputs.claims), ("seen", outputs.observations)):
        write_json(output, [entry for entry in judged if entry["kind"] == kind])


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        claims=snakemake.params.claims,
        seeds=snakemake.params.seeds,
        own=snakemake.params.own,
        looks=snakemake.params.looks,
        placebos=snakemake.params.placebos,
        tier=snakemake.wildcards.tier,
    ),
)
