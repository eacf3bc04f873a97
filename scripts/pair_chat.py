"""Make pairs of a message and its answer from raw conversations."""

from pathlib import Path

from rejeu.data import chat
from rejeu.files import read_json, replacing
from rejeu.job import logged


def main(source: str, words: tuple[int, int] | None, pairs: str, log: str) -> None:
    with logged(log):
        files = [Path(source).parent / name for name in read_json(source)["files"]]
        frame = chat.read_pairs(files, words)
        with replacing(pairs) as temporary:
            frame.to_parquet(temporary, index=False)


main(snakemake.input.source, snakemake.params.words, snakemake.output.pairs, snakemake.log[0])
