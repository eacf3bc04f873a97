"""Load one trained LoRA adapter, prove that it is the trained one, and use it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rejeu.data.tokenise import pair_tokeniser, read_tokens
from rejeu.job.run import Job, Progress, run
from rejeu.job.whole_files import write_json


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    texts: dict[str, dict[str, str]],
    prompt: str,
    max_new_tokens: int,
    max_length: int,
    quantisation: str,
    threads: int,
    job: Job,
    label: str,
) -> None:
    from safetensors.torch import load_file

    from rejeu.training import generation, hardware, lora, replies

    machine = hardware.choose(settings["precision"], settings["attention"], threads)
    folder, adapter = Path(inputs.base[0]).parent, Path(inputs.weights).parent
    tokeniser = pair_tokeniser(folder, settings["joining"], max_length)
    base = lora.load(folder, machine, quantisation)
    expected = load_file(inputs.probe)["logits"]
    model = generation.load_adapter(base, adapter, expected, tokeniser.prompt(prompt), machine)
    rows = list(read_tokens(inputs.rows))
    progress = Progress(label, len(rows), job.terminal)
    write_json(outputs.heldout, generation.heldout_loss(model, rows, machine, progress))
    said = generation.states(model, adapter, tokeniser, prompt, max_new_tokens, machine)
    write_json(outputs.generation, said)
    replies.in_float32(model)
    exact = replace(machine, precision="fp32")
    write_json(outputs.replies, replies.scores(model, tokeniser, texts, exact))


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        settings=snakemake.params.settings,
        texts=snakemake.params.texts,
        threads=snakemake.threads,
        job=job,
        label=f"evaluating {snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
        **snakemake.params.generation,
        **snakemake.params.tier,
    ),
    keep=True,
)
