"""Draw a seed's order of rows once, and the slots of it that doses take."""

from typing import Any

from rejeu.data.tokenise import read_tokens
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(rows: str, output: str, sampling: dict[str, Any]) -> None:
    from rejeu.training import doses
    from rejeu.training.lora import Sampling

    lengths = read_tokens(rows).lengths
    write_json(output, doses.draw(lengths, Sampling(**sampling)))


run(
    snakemake,
    lambda _: main(
        rows=snakemake.input.rows,
        output=snakemake.output.doses,
        sampling=snakemake.params.sampling,
    ),
    keep=True,
)
