"""Raw data, checked where they lie before any job runs.

The jobs refuse bad data too, but by then Snakemake has deleted what they were to make again, and
another part of the study may be training.
"""

from pathlib import Path
from typing import Any, Literal

from rejeu.data import labelled_texts, message_pairs
from rejeu.data.sources import fetched, own_files, source_in_words
from rejeu.errors import RejeuError


def check(
    name: str,
    spec: dict[str, Any],
    kind: Literal["classifier", "lora"],
    settings: dict[str, Any],
    seeds: list[int],
    folder: Path,
) -> None:
    """Do with the files of input `name` all that is done before texts are tokenised.

    `spec` has the input's `files` and `sources`, `settings` and `seeds` are those of a part of this
    `kind` in a tier, and `folder` is where `fetch` puts the input. The user's own files are read in
    their place. Files that a package or the hub serves and that aren't there yet are left to the
    jobs.

    Raises:
        RejeuError: with the first fault.
    """
    try:
        files = own_files(name, **spec)
        if files is None and (record := fetched(name, **spec, folder=folder)) is not None:
            files = [folder / file for file in record["files"]]
        if files is not None:
            {"classifier": _split_texts, "lora": _split_pairs}[kind](files, settings, seeds)
    except RejeuError as error:
        sources = ", ".join(source_in_words(source) for source in spec["sources"])
        place = f"{', '.join(spec['files'])} of {sources}"
        fault = str(error).replace("\n", "\n  ")
        raise RejeuError(
            f"input '{name}' ({place}) was refused, and nothing was run:\n  {fault}"
        ) from None


def _split_texts(files: list[Path], settings: dict[str, Any], seeds: list[int]) -> None:
    # The assignment's cleaning takes minutes, and leaves hardly fewer texts.
    rows, _ = labelled_texts.prepare(labelled_texts.read_texts(files, settings), "html")
    sizes = {key: settings[key] for key in ("train_rows", "test_rows")}
    for seed in seeds:
        labelled_texts.split(rows, labelled_texts.TEST_SHARE, seed, **sizes)


def _split_pairs(files: list[Path], settings: dict[str, Any], seeds: list[int]) -> None:
    sizes = {key: settings[key] for key in ("train_rows", "heldout_rows")}
    pairs = message_pairs.read_pairs(files, settings["words"])
    for seed in seeds:
        message_pairs.split(pairs, seed=seed, **sizes)
