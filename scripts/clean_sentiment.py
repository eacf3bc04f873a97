"""Select the reviews, drop duplicates and clean the rest."""

from pathlib import Path
from typing import Any

from rejeu.data import sentiment
from rejeu.data.tables import read_table
from rejeu.files import read_json, replacing, write_json
from rejeu.job import logged


def main(source: str, data: dict[str, Any], clean: str, counts: str, log: str) -> None:
    with logged(log):
        files = [Path(source).parent / name for name in read_json(source)["files"]]
        selected = sentiment.select(read_table(files), data["text"], data["label"], data["where"])
        rows, numbers = sentiment.prepare(selected, data["cleaning"])
        with replacing(clean) as temporary:
            rows.to_parquet(temporary, index=False)
        write_json(counts, numbers)


main(
    source=snakemake.input.source,
    data=snakemake.params.data,
    clean=snakemake.output.clean,
    counts=snakemake.output.counts,
    log=snakemake.log[0],
)
