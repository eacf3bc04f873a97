"""Select labelled texts, drop duplicates and clean the rest."""

from typing import Any

from rejeu.data import labelled_texts
from rejeu.data.sources import files_of
from rejeu.data.tables import write_parquet
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(source: str, data: dict[str, Any], clean: str, counts: str) -> None:
    selected = labelled_texts.read_texts(files_of(source), data)
    rows, numbers = labelled_texts.prepare(selected, data["cleaning"])
    write_parquet(clean, rows)
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
