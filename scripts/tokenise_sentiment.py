"""Tokenise both sides of the reviews once, for every run of a tier."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.tokenise import tokenise_texts
from rejeu.job import logged


def main(inputs: Any, outputs: Any, max_length: int, log: str) -> None:
    with logged(log):
        folder = Path(inputs.model[0]).parent
        for rows, output in ((inputs.train, outputs.train), (inputs.test, outputs.test)):
            frame = pd.read_parquet(rows)
            texts, labels = frame["text"].tolist(), frame["label"].tolist()
            print(tokenise_texts(texts, labels, folder, max_length, Path(output)))


main(snakemake.input, snakemake.output, snakemake.params.max_length, snakemake.log[0])
