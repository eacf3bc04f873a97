"""Train one experiment of Part 1 on one seed."""

from pathlib import Path
from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.files import write_json
from rejeu.job import logged
from rejeu.training import hardware, sentiment
from rejeu.training.outputs import save_weights, write_jsonl


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    seed: int,
    threads: int,
    log: str,
    label: str,
) -> None:
    with logged(log) as terminal:
        machine = hardware.choose(settings.pop("precision"), settings.pop("attention"), threads)
        if said := hardware.remark(machine):
            print(f"  {label}: {said}", file=terminal)
        rows = read_tokens(inputs.rows)
        start = Path(inputs.start[0]).parent
        model, losses, record = sentiment.train(
            start, rows, sentiment.Settings(seed=seed, **settings), machine, label, terminal
        )
        save_weights(model, Path(outputs.weights).parent, ["model.safetensors", "config.json"])
        write_jsonl(outputs.log, losses)
        write_json(outputs.run, record)


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    settings=dict(snakemake.params.settings),
    seed=int(snakemake.wildcards.seed),
    threads=snakemake.threads,
    log=snakemake.log[0],
    label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
)
