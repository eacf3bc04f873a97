"""Select labelled texts, drop duplicates and clean the rest."""

from typing import Any

from rejeu.data import labelled_texts
from rejeu.data.sources import files_of
from rejeu.data.tables import read_table
from rejeu.job.run import run
from rejeu.job.whole_files import replacing, write_json


def main(source: str, data: dict[str, Any], clean: str, counts: str) -> None:
    columns = {key: data[key] for key in labelled_texts.COLUMNS}
    selected = labelled_texts.select(read_table(files_of(source)), **columns)
    rows, numbers = labelled_texts.prepare(selected, data["cleaning"])
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
