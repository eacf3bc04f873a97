"""Load one trained adapter of Part 2, prove that it is the trained one, and use it."""

from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from tokenizers import Tokenizer

from rejeu.data.tokenise import read_tokens
from rejeu.files import write_json
from rejeu.job import Progress, logged
from rejeu.training import generation, hardware, lora


def main(
    inputs: Any,
    outputs: Any,
    settings: dict[str, Any],
    quantisation: str,
    prompt: str,
    max_new_tokens: int,
    threads: int,
    log: str,
    label: str,
) -> None:
    with logged(log) as terminal:
        machine = hardware.choose(settings["precision"], settings["attention"], threads)
        folder, adapter = Path(inputs.base[0]).parent, Path(inputs.weights).parent
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        base = lora.load(folder, machine, quantisation)
        expected = load_file(inputs.probe)["logits"]
        model = generation.load_adapter(
            base, adapter, expected, tokenizer.encode(prompt).ids, machine
        )
        rows = list(read_tokens(inputs.rows))
        progress = Progress(label, len(rows), terminal)
        write_json(outputs.heldout, generation.heldout_loss(model, rows, machine, progress))
        said = generation.states(model, adapter, tokenizer, prompt, max_new_tokens, machine)
        write_json(outputs.generation, said)


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    settings=snakemake.params.settings,
    quantisation=snakemake.params.quantisation,
    threads=snakemake.threads,
    log=snakemake.log[0],
    label=f"evaluating {snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
    **snakemake.params.generation,
)
