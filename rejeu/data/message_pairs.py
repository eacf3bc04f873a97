"""Pairs of a message and its answer, split by conversation."""

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rejeu.data.tables import check_text, read_table, require_columns, word_lengths
from rejeu.errors import RejeuError
from rejeu.study.strict_reading import parse_json, read_utf8


def read_pairs(files: list[Path], words: tuple[int, int] | None) -> pd.DataFrame:
    """The pairs of an input's files: chitchat's dataset.json, or tables of pairs."""
    if files[0].suffix == ".json":
        return pairs(files[0], words)
    return pairs_from_table(read_table(files), words)


def pairs(path: Path, words: tuple[int, int] | None) -> pd.DataFrame:
    """Adjacent turns of chitchat's dataset.json, as columns conversation, input, output.

    A turn is all consecutive messages of one sender, joined by a space, white space folded; a turn
    without text makes no pair. `words` are the fewest and most words, both included, that each
    side may have (None: any number). Raises RejeuError for a file of another structure, or when no
    pair is left.
    """
    conversations = parse_json(read_utf8(path), str(path))
    try:
        rows = [
            (name, *pair)
            for name, conversation in conversations.items()
            for pair in itertools.pairwise(_turns(conversation["messages"]))
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise RejeuError(
            f"{path}: expected {{conversation: {{messages: [[{{text, sender}}]]}}}}; "
            f"{type(error).__name__}: {error}"
        ) from error
    frame = pd.DataFrame(rows, columns=["conversation", "input", "output"], dtype="str")
    kept = _within(frame, words, str(path))
    for column in ("input", "output"):
        for name, value in zip(kept["conversation"], kept[column], strict=True):
            check_text(value, f"{path}, conversation '{name}', {column}")
    return kept


def pairs_from_table(frame: pd.DataFrame, words: tuple[int, int] | None) -> pd.DataFrame:
    """The same columns from a table with input, output and perhaps conversation.

    Without a conversation column each row is a conversation of its own. Texts stay as they are;
    `words` of None keeps all lengths. Raises RejeuError for a text that is missing or blank.
    """
    require_columns(frame, ["input", "output"], "chat data")
    taken = frame.reset_index(drop=True)
    for column in ("input", "output"):
        for row, value in enumerate(taken[column].tolist()):
            check_text(value, f"chat data, row {row} (from 0), column '{column}'")
    if "conversation" not in taken:
        taken["conversation"] = taken.index
    unnamed = taken.loc[taken["conversation"].isna()].index
    if len(unnamed):
        raise RejeuError(f"chat data, row {unnamed[0]} (from 0): no conversation; fill it")
    columns = ["conversation", "input", "output"]
    return _within(taken.loc[:, columns].astype("str"), words, "chat data")


def split(
    pairs: pd.DataFrame, train_rows: int | None, heldout_rows: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train and held-out pairs, drawn at random from different conversations, and statistics.

    Of equal pairs the first stays. Conversations are shuffled by `seed`; the held-out side gets
    its share of them, or fewer where the train side needs more. `train_rows` of None: all that
    the held-out side leaves. Raises RejeuError when there are too few pairs.
    """
    unique = pairs.drop_duplicates(["input", "output"]).reset_index(drop=True)
    wanted = len(unique) - heldout_rows if train_rows is None else train_rows
    if min(wanted, heldout_rows) < 1 or wanted + heldout_rows > len(unique):
        raise RejeuError(
            f"chat data: {wanted} train and {heldout_rows} held-out pairs are wanted; there are "
            f"{len(unique)} after {len(pairs) - len(unique)} duplicates; expected at least 1 of "
            "each, and no more than that together"
        )
    codes, names = pd.factorize(unique["conversation"])
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(codes)[order].cumsum()
    proportional = len(unique) * heldout_rows // (wanted + heldout_rows)
    for target in (proportional, heldout_rows):
        last = int(np.searchsorted(sizes, target))
        is_heldout = np.isin(codes, order[: last + 1])
        if (~is_heldout).sum() >= wanted or (train_rows is None and not is_heldout.all()):
            break
    else:
        raise RejeuError(
            f"chat data: {wanted} train pairs are wanted; {(~is_heldout).sum()} are left in "
            f"conversations apart from those of the {heldout_rows} held-out pairs"
        )
    rest = unique.loc[~is_heldout]
    train = rest.sample(n=train_rows or len(rest), random_state=seed)
    heldout = unique.loc[is_heldout].sample(n=heldout_rows, random_state=seed)
    statistics = {
        "pairs": len(pairs),
        "duplicates": len(pairs) - len(unique),
        "conversations": len(names),
        "train": _statistics(train),
        "heldout": _statistics(heldout),
    }
    return train.reset_index(drop=True), heldout.reset_index(drop=True), statistics


def _turns(messages: list[list[dict[str, str]]]) -> list[str]:
    flattened = itertools.chain.from_iterable(messages)
    by_sender = itertools.groupby(flattened, key=lambda message: message["sender"])
    return [
        " ".join(" ".join(message["text"] for message in turn).split()) for _, turn in by_sender
    ]


def _within(frame: pd.DataFrame, words: tuple[int, int] | None, name: str) -> pd.DataFrame:
    fewest, most = (max(words[0], 1), words[1]) if words else (1, math.inf)
    fits = [frame[side].str.split().str.len().between(fewest, most) for side in ("input", "output")]
    kept = frame.loc[fits[0] & fits[1]].reset_index(drop=True)
    if kept.empty:
        raise RejeuError(f"{name}: none of {len(frame)} pairs has {fewest} to {most} words a side")
    return kept


def _statistics(side: pd.DataFrame) -> dict[str, Any]:
    return {
        "rows": len(side),
        "conversations": len(set(side["conversation"])),
        "words": {column: word_lengths(side.loc[:, column]) for column in ("input", "output")},
    }
