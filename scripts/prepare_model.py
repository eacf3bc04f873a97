"""Bring one pretrained model into the layout that training reads."""

from pathlib import Path
from typing import Any

from rejeu.data.sources import files_of
from rejeu.job.run import run


def main(kind: Any, form: Any, source: str, tokenizer: str, weights: str) -> None:
    from rejeu.data.models import prepare_model

    for record in {source, tokenizer}:
        files_of(record)
    prepare_model(kind, form, Path(source).parent, Path(tokenizer).parent, Path(weights).parent)


run(
    snakemake,
    lambda _: main(
        kind=snakemake.params.kind,
        form=snakemake.params.format,
        source=snakemake.input.source,
        tokenizer=snakemake.input.tokenizer,
        weights=snakemake.output.weights,
    ),
    keep=True,
)
