"""Train one experiment of Part 1 on one seed."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.files import write_json
from rejeu.job import logged
from rejeu.packages import versions
from rejeu.training import checkpoint, hardware, sentiment
from rejeu.training.outputs import save_weights, write_jsonl


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    seed: int,
    code: str,
    checkpoints: str,
    save_every: tuple[float, int],
    threads: int,
    log: str,
    label: str,
) -> None:
    with logged(log) as terminal:
        machine = hardware.choose(settings.pop("precision"), settings.pop("attention"), threads)
        if said := hardware.remark(machine):
            print(f"  {label}: {said}", file=terminal)
        chosen = sentiment.Settings(seed=seed, **settings)
        rows = read_tokens(inputs.rows)
        start = Path(inputs.start[0]).parent
        identity = checkpoint.identity_of(
            {"code": code, "packages": versions(), **asdict(chosen), **asdict(machine)},
            [inputs.rows, *inputs.start],
        )
        with checkpoint.held(Path(checkpoints), identity, *save_every, label, terminal) as states:
            model, losses, record = sentiment.train(
                start, rows, chosen, machine, label, terminal, states
            )
            save_weights(model, Path(outputs.weights).parent, ["model.safetensors", "config.json"])
            write_jsonl(outputs.log, losses)
            write_json(outputs.run, record)


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    settings=dict(snakemake.params.settings),
    seed=int(snakemake.wildcards.seed),
    code=snakemake.params.code,
    checkpoints=snakemake.params.checkpoints,
    save_every=(snakemake.resources.checkpoint_seconds, snakemake.resources.checkpoint_steps),
    threads=snakemake.threads,
    log=snakemake.log[0],
    label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
)
