"""Tokenise both sides of a seed's texts once, for every run of that seed."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.positions import refuse_longer
from rejeu.data.tokenise import tokenise_texts
from rejeu.job.run import run


def main(inputs: Any, outputs: Any, max_length: int) -> None:
    folder = Path(inputs.model[0]).parent
    refuse_longer("max_length", max_length, folder / "config.json")
    for rows, output in ((inputs.train, outputs.train), (inputs.test, outputs.test)):
        frame = pd.read_parquet(rows)
        texts, labels = frame["text"].tolist(), frame["label"].tolist()
        print(tokenise_texts(texts, labels, folder, max_length, Path(output)))


run(
    snakemake,
    lambda _: main(snakemake.input, snakemake.output, snakemake.params.max_length),
    keep=True,
)
