"""Let one trained LoRA adapter answer held-out messages; count replies that end themselves."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.tokenise import pair_tokeniser
from rejeu.job.run import Job, Progress, run
from rejeu.job.whole_files import write_json

SHOWN = 3


def main(
    inputs: Any,
    output: str,
    settings: dict[str, Any],
    prompt: str,
    max_new_tokens: int,
    answered_rows: int,
    max_length: int,
    quantisation: str,
    threads: int,
    job: Job,
    label: str,
) -> None:
    from safetensors.torch import load_file

    from rejeu.training import generation, hardware, lora

    machine = hardware.choose(settings["precision"], settings["attention"], threads)
    folder, adapter = Path(inputs.base[0]).parent, Path(inputs.weights).parent
    tokeniser = pair_tokeniser(folder, settings["joining"], max_length)
    base = lora.load(folder, machine, quantisation)
    expected = load_file(inputs.probe)["logits"]
    model = generation.load_adapter(base, adapter, expected, tokeniser.prompt(prompt), machine)
    asked = pd.read_parquet(inputs.rows)["input"].tolist()[:answered_rows]
    said = generation.answers(
        model,
        tokeniser.tokenizer,
        [tokeniser.prompt(text) for text in asked],
        max_new_tokens,
        machine,
        Progress(label, len(asked), job.terminal),
    )
    stops = generation.counted(asked, said, max_new_tokens, SHOWN)
    write_json(output, stops)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        output=snakemake.output.stops,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        job=job,
        label=f"answering with {snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
        **snakemake.params.generation,
        **snakemake.params.tier,
    ),
    keep=True,
)
