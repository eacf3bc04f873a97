"""Join both languages' reports in one PDF, French first."""

from pathlib import Path

from rejeu.job import logged
from rejeu.reading import read_yaml
from rejeu.report.merge import merge


def main(parts: list[str], words: list[str], output: str, title: str, log: str) -> None:
    with logged(log):
        names = [read_yaml(path)["language"] for path in words]
        merge(list(zip(names, map(Path, parts), strict=True)), Path(output), title)


main(
    parts=snakemake.input.parts,
    words=snakemake.input.words,
    output=snakemake.output.pdf,
    title=snakemake.params.title,
    log=snakemake.log[0],
)
