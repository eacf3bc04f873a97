"""Tokenise both sides of a seed's pairs once for each way to join them, for its runs."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.positions import refuse_longer
from rejeu.data.tokenise import Joining, pair_tokeniser, tokenise_pairs
from rejeu.job.run import run


def main(inputs: Any, outputs: Any, joining: Joining, max_length: int) -> None:
    folder = Path(inputs.model[0]).parent
    refuse_longer("max_length", max_length, folder / "config.json")
    tokeniser = pair_tokeniser(folder, joining, max_length)
    for rows, output in ((inputs.train, outputs.train), (inputs.test, outputs.test)):
        frame = pd.read_parquet(rows)
        said, answered = frame["input"].tolist(), frame["output"].tolist()
        print(tokenise_pairs(said, answered, tokeniser, Path(output)))


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        joining=snakemake.wildcards.joining,
        max_length=snakemake.params.max_length,
    ),
    keep=True,
)
