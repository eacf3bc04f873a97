"""Judge every claim of the study by one tier's results."""

from typing import Any

from rejeu.evaluation.judge import Runs, judge_all
from rejeu.evaluation.quantities import Results, Seeds, read_reference, referred, tier_folder
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(
    inputs: Any,
    outputs: Any,
    claims: list[dict[str, Any]],
    seeds: Seeds,
    own: Seeds,
    looks: list[int],
    placebos: dict[str, str],
    tier: str,
) -> None:
    files = set(map(str, inputs))
    results = Results(tier_folder(files, tier), seeds, own, placebos, files)
    printed = read_reference(inputs.reference)
    judged = judge_all(
        claims,
        tier,
        Runs(results.quantity, results.kinds, results.own_seeds, results.device()),
        lambda path: {0: referred(printed, path)},
        looks,
    )
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
