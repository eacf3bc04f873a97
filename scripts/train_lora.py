"""Train one adapter of Part 2 on one seed."""

from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from tokenizers import Tokenizer

from rejeu.data.tokenise import read_tokens
from rejeu.files import replacing, write_json
from rejeu.job import logged
from rejeu.training import generation, hardware, lora
from rejeu.training.outputs import save_weights, write_jsonl


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    tier: dict[str, Any],
    added_row: dict[str, str] | None,
    prompt: str,
    seed: int,
    threads: int,
    log: str,
    label: str,
) -> None:
    with logged(log) as terminal:
        machine = hardware.choose(settings.pop("precision"), settings.pop("attention"), threads)
        if said := hardware.remark(machine):
            print(f"  {label}: {said}", file=terminal)
        base = Path(inputs.base[0]).parent
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
        rows = list(read_tokens(inputs.rows))
        if added_row is not None:
            added = tokenizer.encode(added_row["input"] + added_row["output"])
            rows.append(added.ids[: tier["max_length"]])
        chosen = lora.Settings(seed=seed, max_steps=tier["max_steps"], **settings)
        model = lora.load(base, machine, tier["quantisation"])
        if inputs.start:
            lora.train_before(model, Path(inputs.start[0]).parent)
        model, losses, record = lora.train(model, rows, chosen, machine, label, terminal)
        if added_row is not None:
            batches = lora.schedule([len(row) for row in rows], chosen)
            times = sum(batch.count(len(rows) - 1) for batch in batches)
            record["added_row"] = {**added_row, "times_drawn": times}
        logits = generation.probe(model, tokenizer.encode(prompt).ids, machine)
        with replacing(outputs.probe) as temporary:
            save_file({"logits": logits[-1].contiguous()}, temporary)
        save_weights(
            model,
            Path(outputs.weights).parent,
            ["adapter_model.safetensors", "adapter_config.json"],
        )
        write_jsonl(outputs.log, losses)
        write_json(outputs.run, record)


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    settings=dict(snakemake.params.settings),
    tier=snakemake.params.tier,
    added_row=snakemake.params.added_row,
    prompt=snakemake.params.prompt,
    seed=int(snakemake.wildcards.seed),
    threads=snakemake.threads,
    log=snakemake.log[0],
    label=f"{snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
)
