"""Split pairs by conversation into training and held-out data, at one seed."""

from typing import Any

import pandas as pd

from rejeu.data.message_pairs import split
from rejeu.data.tables import write_parquet
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(pairs: str, outputs: Any, sizes: dict[str, int], seed: int) -> None:
    train, heldout, statistics = split(pd.read_parquet(pairs), seed=seed, **sizes)
    for frame, path in ((train, outputs.train), (heldout, outputs.test)):
        write_parquet(path, frame)
    write_json(outputs.stats, statistics)


run(
    snakemake,
    lambda _: main(
        pairs=snakemake.input.pairs,
        outputs=snakemake.output,
        sizes=snakemake.params.sizes,
        seed=snakemake.params.seed,
    ),
    keep=True,
)
