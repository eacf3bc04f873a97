"""Make pairs of a message and its answer from raw conversations."""

from rejeu.data import message_pairs
from rejeu.data.sources import files_of
from rejeu.job.run import run
from rejeu.job.whole_files import replacing


def main(source: str, words: tuple[int, int] | None, pairs: str) -> None:
    frame = message_pairs.read_pairs(files_of(source), words)
    with replacing(pairs) as temporary:
        frame.to_parquet(temporary, index=False)


run(
    snakemake,
    lambda _: main(snakemake.input.source, snakemake.params.words, snakemake.output.pairs),
    keep=True,
)
