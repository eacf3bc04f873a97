"""The user's own data, checked in its place before any job runs.

The jobs refuse bad data too, but by then Snakemake has deleted what they were to make again, and
the other part of the study may be training.
"""

from pathlib import Path
from typing import Any, Literal

from rejeu.data import chat, sentiment
from rejeu.data.sources import describe, own_files
from rejeu.data.tables import read_table
from rejeu.errors import RejeuError


def check(
    name: str, spec: dict[str, Any], part: Literal["sentiment", "lora"], settings: dict[str, Any]
) -> None:
    """Do with the user's files of input `name` all that is done before texts are tokenised.

    `spec` has the input's `files` and `sources`, `settings` are those of a tier's `part`. Files
    that a package or the hub serves are left to the jobs. Raises RejeuError for the first fault.
    """
    try:
        files = own_files(name, **spec)
        if files is not None:
            {"sentiment": _split_reviews, "lora": _split_chat}[part](files, settings)
    except RejeuError as error:
        sources = ", ".join(describe(source) for source in spec["sources"])
        place = f"{', '.join(spec['files'])} of {sources}"
        fault = str(error).replace("\n", "\n  ")
        raise RejeuError(
            f"input '{name}' ({place}) was refused, and nothing was run:\n  {fault}"
        ) from None


def _split_reviews(files: list[Path], settings: dict[str, Any]) -> None:
    columns = {key: settings[key] for key in ("text", "label", "where")}
    rows, _ = sentiment.prepare(
        sentiment.select(read_table(files), **columns), settings["cleaning"]
    )
    sizes = {key: settings[key] for key in ("train_rows", "test_rows")}
    sentiment.split(rows, sentiment.TEST_SHARE, sentiment.SEED, **sizes)


def _split_chat(files: list[Path], settings: dict[str, Any]) -> None:
    sizes = {key: settings[key] for key in ("train_rows", "heldout_rows")}
    chat.split(chat.read_pairs(files, settings["words"]), seed=chat.SEED, **sizes)
