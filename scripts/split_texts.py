"""Split the cleaned texts at one seed, then sample the tier's size from each side."""

from typing import Any

import pandas as pd

from rejeu.data.labelled_texts import TEST_SHARE, split
from rejeu.data.tables import write_parquet
from rejeu.job.run import run
from rejeu.job.whole_files import read_json, write_json


def main(inputs: Any, outputs: Any, sizes: dict[str, int | None], seed: int) -> None:
    rows = pd.read_parquet(inputs.clean)
    train, test, statistics = split(rows, TEST_SHARE, seed, **sizes)
    for frame, path in ((train, outputs.train), (test, outputs.test)):
        write_parquet(path, frame)
    write_json(outputs.stats, read_json(inputs.counts) | statistics)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        sizes=snakemake.params.sizes,
        seed=snakemake.params.seed,
    ),
    keep=True,
)
