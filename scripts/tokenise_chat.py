"""Tokenise both sides of the chat pairs once for each way to join them, for a tier's runs."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.tokenise import Joining, pair_tokeniser, tokenise_pairs
from rejeu.job import logged


def main(inputs: Any, outputs: Any, joining: Joining, max_length: int, log: str) -> None:
    with logged(log):
        tokeniser = pair_tokeniser(Path(inputs.model[0]).parent, joining, max_length)
        for rows, output in ((inputs.train, outputs.train), (inputs.test, outputs.test)):
            frame = pd.read_parquet(rows)
            said, answered = frame["input"].tolist(), frame["output"].tolist()
            print(tokenise_pairs(said, answered, tokeniser, Path(output)))


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    joining=snakemake.wildcards.joining,
    max_length=snakemake.params.max_length,
    log=snakemake.log[0],
)
