"""Fetch one raw input's files and check them."""

from pathlib import Path
from typing import Any

from rejeu.data.sources import fetch
from rejeu.job.run import run


def main(name: str, spec: dict[str, Any], record: str) -> list[Path]:
    folder = Path(record).parent
    return [folder / file for file in fetch(name, spec["files"], spec["sources"], folder)["files"]]


run(
    snakemake,
    lambda _: main(snakemake.wildcards.input, snakemake.params.spec, snakemake.output.source),
)
