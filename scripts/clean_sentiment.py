"""Select the reviews, drop duplicates and clean the rest."""

from typing import Any

from rejeu.data import sentiment
from rejeu.data.sources import files_of
from rejeu.data.tables import read_table
from rejeu.files import replacing, write_json
from rejeu.job import run


def main(source: str, data: dict[str, Any], clean: str, counts: str) -> None:
    columns = {key: data[key] for key in sentiment.COLUMNS}
    selected = sentiment.select(read_table(files_of(source)), **columns)
    rows, numbers = sentiment.prepare(selected, data["cleaning"])
    with replacing(clean) as temporary:
        rows.to_parquet(temporary, index=False)
    write_json(counts, numbers)


run(
    snakemake,
    lambda _: main(
        source=snakemake.input.source,
        data=snakemake.params.data,
        clean=snakemake.output.clean,
        counts=snakemake.output.counts,
    ),
    keep=True,
)
