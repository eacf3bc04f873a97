"""Join both languages' reports in one PDF, French first."""

from pathlib import Path

from rejeu.job.run import run
from rejeu.report.merge import merge
from rejeu.study.strict_reading import read_yaml


def main(parts: list[str], words: list[str], output: str, title: str) -> None:
    names = [read_yaml(path)["language"] for path in words]
    merge(list(zip(names, map(Path, parts), strict=True)), Path(output), title)


run(
    snakemake,
    lambda _: main(
        parts=snakemake.input.parts,
        words=snakemake.input.words,
        output=snakemake.output.pdf,
        title=snakemake.params.title,
    ),
)
