"""Time the steps of LoRA training by rank."""

from pathlib import Path
from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.job.run import Job, run
from rejeu.job.whole_files import write_json


def main(
    inputs: Any,
    output: str,
    settings: list[dict[str, Any]],
    precision: str,
    attention: str,
    max_steps: int,
    quantisation: str,
    steps: int,
    repeats: int,
    seed: int,
    threads: int,
    job: Job,
    label: str,
) -> None:
    from rejeu.training import hardware, timing
    from rejeu.training.lora import Settings

    found = timing.by_rank(
        Path(inputs.base[0]).parent,
        list(read_tokens(inputs.rows)),
        [Settings(seed=seed, max_steps=max_steps, **given) for given in settings],
        quantisation,
        hardware.choose(precision, attention, threads),
        steps=steps,
        repeats=repeats,
        label=label,
        terminal=job.terminal,
    )
    write_json(output, found)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        output=snakemake.output.times,
        settings=snakemake.params.settings,
        steps=snakemake.params.steps,
        repeats=snakemake.params.repeats,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        job=job,
        label="timing ranks",
        **snakemake.params.machine,
        **snakemake.params.tier,
    ),
    keep=True,
)
