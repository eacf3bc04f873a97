"""Draw each seed's order of rows once, and the slots of it that doses take."""

from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.files import write_json
from rejeu.job import run


def main(rows: str, output: str, sampling: dict[str, Any], seeds: list[int]) -> None:
    from rejeu.training import doses
    from rejeu.training.lora import Sampling

    lengths = read_tokens(rows).lengths
    drawn = {seed: doses.draw(lengths, Sampling(seed=seed, **sampling)) for seed in seeds}
    write_json(output, drawn)


run(
    snakemake,
    lambda _: main(
        rows=snakemake.input.rows,
        output=snakemake.output.doses,
        sampling=snakemake.params.sampling,
        seeds=snakemake.params.seeds,
    ),
    keep=True,
)
