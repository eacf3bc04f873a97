"""Make pairs of a message and its answer from raw conversations."""

from rejeu.data import message_pairs
from rejeu.data.sources import files_of
from rejeu.data.tables import write_parquet
from rejeu.job.run import run


def main(source: str, words: tuple[int, int] | None, pairs: str) -> None:
    write_parquet(pairs, message_pairs.read_pairs(files_of(source), words))


run(
    snakemake,
    lambda _: main(snakemake.input.source, snakemake.params.words, snakemake.output.pairs),
    keep=True,
)
