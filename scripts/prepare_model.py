"""Bring one pretrained model into the layout that training reads."""

from pathlib import Path
from typing import Any

from rejeu.data.sources import Files, files_of, known_sha256
from rejeu.job.run import run


def main(
    kind: Any,
    form: Any,
    source: str,
    tokenizer: str,
    texts: list[str],
    sha256: Files,
    weights: str,
) -> None:
    from rejeu.data.models import prepare_model
    from rejeu.data.real_texts import some_texts

    for record in {source, tokenizer}:
        files_of(record)
    prepare_model(
        kind,
        form,
        Path(source).parent,
        Path(tokenizer).parent,
        Path(weights).parent,
        known=known_sha256(source, sha256),
        texts=some_texts([file for record in texts for file in files_of(record)]),
    )


run(
    snakemake,
    lambda _: main(
        kind=snakemake.params.kind,
        form=snakemake.params.format,
        source=snakemake.input.source,
        tokenizer=snakemake.input.tokenizer,
        texts=list(snakemake.input.get("texts", [])),
        sha256=snakemake.params.sha256,
        weights=snakemake.output.weights,
    ),
    keep=True,
)
