"""Draw loss and time against the rank beside the reference's figure."""

from pathlib import Path
from typing import Any

from rejeu.job.run import run
from rejeu.report import figures
from rejeu.report.results import rank_sweep, read_lora
from rejeu.study.strict_reading import read_yaml


def main(
    inputs: Any, outputs: list[str], experiments: list[str], seeds: dict[str, list[int]]
) -> None:
    known = read_yaml(inputs.reference)["lora"]["experiments"]
    folder = Path(inputs.runs[0]).parents[2]
    results = {
        name: read_lora(folder, name, name, seeds[name], known.get(name)) for name in experiments
    }
    sweep = rank_sweep(results)
    referred = {r: result.reference for r, result in sweep.items() if result.reference}
    reference = figures.RankSweep(
        train_loss={r: [values["train_loss"]] for r, values in referred.items()},
        heldout_loss={},
        seconds={r: [values["seconds"]] for r, values in referred.items()},
    )
    reproduced = figures.RankSweep(
        train_loss={r: result.train_losses for r, result in sweep.items()},
        heldout_loss={r: result.heldout_losses for r, result in sweep.items()},
        seconds={r: [run["wall_seconds"] for run in result.runs] for r, result in sweep.items()},
    )
    figures.save(
        lambda language: figures.rank(language, reference, reproduced),
        figures.languages(inputs.words),
        outputs,
    )


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        experiments=snakemake.params.experiments,
        seeds=snakemake.params.seeds,
    ),
)
