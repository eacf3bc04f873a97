"""Run the study's own program for one experiment and seed."""

from pathlib import Path
from typing import Any

from rejeu.data.sources import files_of
from rejeu.job.command import run_command
from rejeu.job.run import Job, run


def main(
    inputs: Any, outputs: Any, params: Any, seed: int, threads: int, job: Job, log: str, label: str
) -> None:
    folder = Path(outputs.metrics).parent
    start = inputs.get("start")  # the other run's files, where there is one
    request = {
        "settings": dict(params.settings),
        "seed": seed,
        "inputs": {
            Path(record).parent.name: {path.name: str(path.absolute()) for path in files_of(record)}
            for record in inputs.get("sources", [])
        },
        "start_from": str(Path(start[0]).parent.absolute()) if start else None,
        "threads": threads,
    }
    run_command(
        params.command,
        request,
        declared=params.metrics,
        writes=[str(Path(path).relative_to(folder)) for path in outputs.get("written", [])],
        folder=folder,
        states=Path(params.checkpoints),
        job=job,
        log=Path(log),
        label=label,
    )


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        params=snakemake.params,
        seed=int(snakemake.wildcards.seed),
        threads=snakemake.threads,
        job=job,
        log=snakemake.log[0],
        label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
    ),
    keep=True,
)
