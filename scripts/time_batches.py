"""Time an encoder's training steps by batch size, with padded rows."""

from pathlib import Path
from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.job.run import Job, run
from rejeu.job.whole_files import write_json


def main(
    inputs: Any,
    output: str,
    batch_sizes: list[int],
    classes: int,
    settings: dict[str, Any],
    rows: int,
    repeats: int,
    seed: int,
    threads: int,
    job: Job,
    label: str,
) -> None:
    from rejeu.training import hardware, timing

    machine = hardware.choose(settings["precision"], settings["attention"], threads)
    found = timing.by_batch_size(
        Path(inputs.model[0]).parent,
        read_tokens(inputs.rows),
        batch_sizes,
        classes,
        settings["learning_rate"],
        settings["max_grad_norm"],
        machine,
        count=rows,
        repeats=repeats,
        seed=seed,
        label=label,
        terminal=job.terminal,
    )
    write_json(output, found)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        output=snakemake.output.times,
        batch_sizes=snakemake.params.batch_sizes,
        classes=snakemake.params.classes,
        settings=snakemake.params.settings,
        rows=snakemake.params.rows,
        repeats=snakemake.params.repeats,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        job=job,
        label="timing batch sizes",
    ),
    keep=True,
)
