"""Train a classifier: one experiment on one seed."""

from pathlib import Path
from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.job.run import Job, run
from rejeu.job.whole_files import write_json


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    classes: int,
    seed: int,
    checkpoints: str,
    save_every: tuple[float, int],
    threads: int,
    job: Job,
    label: str,
) -> None:
    from rejeu.training import checkpoint, classifier, hardware
    from rejeu.training.outputs import save_weights, write_jsonl

    machine = hardware.choose(settings.pop("precision"), settings.pop("attention"), threads)
    if said := hardware.remark(machine):
        print(f"  {label}: {said}", file=job.terminal)
    chosen = classifier.Settings(seed=seed, classes=classes, **settings)
    rows = read_tokens(inputs.rows)
    start = Path(inputs.start[0]).parent
    identity = checkpoint.identity_of(job.identity, machine)
    with checkpoint.held(Path(checkpoints), identity, *save_every, label, job.terminal) as states:
        model, losses, record = classifier.train(
            start, rows, chosen, machine, label, job.terminal, states
        )
        save_weights(model, Path(outputs.weights).parent, ["model.safetensors", "config.json"])
        write_jsonl(outputs.log, losses)
        write_json(outputs.run, record)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        settings=dict(snakemake.params.settings),
        classes=snakemake.params.classes,
        seed=int(snakemake.wildcards.seed),
        checkpoints=snakemake.params.checkpoints,
        save_every=(snakemake.resources.checkpoint_seconds, snakemake.resources.checkpoint_steps),
        threads=snakemake.threads,
        job=job,
        label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
    ),
    keep=True,
)
