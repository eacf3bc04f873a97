"""Train a LoRA adapter: one experiment on one seed."""

from pathlib import Path
from typing import Any

from rejeu.data.tokenise import pair_tokeniser, read_tokens
from rejeu.job.run import Job, run
from rejeu.job.whole_files import read_json, replacing, write_json


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    added_row: dict[str, str] | None,
    prompt: str,
    max_length: int,
    max_steps: int,
    quantisation: str,
    seed: int,
    checkpoints: str,
    save_every: tuple[float, int],
    threads: int,
    job: Job,
    label: str,
) -> None:
    from safetensors.torch import save_file

    from rejeu.training import checkpoint, doses, generation, hardware, lora
    from rejeu.training.outputs import save_weights, write_jsonl

    machine = hardware.choose(settings.pop("precision"), settings.pop("attention"), threads)
    if said := hardware.remark(machine):
        print(f"  {label}: {said}", file=job.terminal)
    base = Path(inputs.base[0]).parent
    tokeniser = pair_tokeniser(base, settings["joining"], max_length)
    rows = list(read_tokens(inputs.rows))
    if added_row is not None:
        rows.append(tokeniser.pair(added_row["input"], added_row["output"])[0])
    chosen = lora.Settings(seed=seed, max_steps=max_steps, **settings)
    drawn = read_json(inputs.doses) if inputs.doses else None
    batches = doses.batches([len(row) for row in rows], chosen, drawn)
    model = lora.load(base, machine, quantisation)
    if inputs.start:
        lora.train_before(model, Path(inputs.start[0]).parent)
    identity = checkpoint.identity_of(job.identity, machine)
    with checkpoint.held(Path(checkpoints), identity, *save_every, label, job.terminal) as states:
        model, losses, record = lora.train(
            model, rows, batches, chosen, machine, label, job.terminal, states
        )
        if added_row is not None:
            times = sum(batch.count(len(rows) - 1) for batch in batches)
            record["added_row"] = {**added_row, "times_drawn": times}
        logits = generation.probe(model, tokeniser.prompt(prompt), machine)
        with replacing(outputs.probe) as temporary:
            save_file({"logits": logits[-1].contiguous()}, temporary)
        save_weights(
            model,
            Path(outputs.weights).parent,
            ["adapter_model.safetensors", "adapter_config.json"],
        )
        write_jsonl(outputs.log, losses)
        write_json(outputs.run, record)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        settings=dict(snakemake.params.settings),
        added_row=snakemake.params.added_row,
        prompt=snakemake.params.prompt,
        seed=int(snakemake.wildcards.seed),
        checkpoints=snakemake.params.checkpoints,
        save_every=(snakemake.resources.checkpoint_seconds, snakemake.resources.checkpoint_steps),
        threads=snakemake.threads,
        job=job,
        label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
        **snakemake.params.tier,
    ),
    keep=True,
)
