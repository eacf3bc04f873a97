"""Fetch one raw input's files and check them."""

from pathlib import Path
from typing import Any

from rejeu.data.sources import fetch
from rejeu.job import logged


def main(name: str, spec: dict[str, Any], record: str, log: str) -> None:
    with logged(log):
        fetch(name, spec["files"], spec["sources"], Path(record).parent)


main(snakemake.wildcards.input, snakemake.params.spec, snakemake.output.source, snakemake.log[0])
