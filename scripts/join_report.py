"""Join all languages' reports in one PDF, in the study's order."""

from pathlib import Path
from typing import Any

from rejeu.job.run import run
from rejeu.report.merge import merge
from rejeu.report.words import read_words


def main(inputs: Any, output: str, title: str) -> None:
    words = read_words(inputs.words)
    parts = [(Path(path).suffixes[-2].lstrip("."), Path(path)) for path in inputs.parts]
    merge([(words[code]["language"], path) for code, path in parts], Path(output), title)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        output=snakemake.output.pdf,
        title=snakemake.params.title,
    ),
)
