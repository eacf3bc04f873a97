"""Bring one pretrained model into the layout that training reads."""

from pathlib import Path
from typing import Any

from rejeu.data.models import prepare_model
from rejeu.job import logged


def main(kind: Any, form: Any, source: str, tokenizer: str, weights: str, log: str) -> None:
    with logged(log):
        prepare_model(kind, form, Path(source).parent, Path(tokenizer).parent, Path(weights).parent)


main(
    kind=snakemake.params.kind,
    form=snakemake.params.format,
    source=snakemake.input.source,
    tokenizer=snakemake.input.tokenizer,
    weights=snakemake.output.weights,
    log=snakemake.log[0],
)
