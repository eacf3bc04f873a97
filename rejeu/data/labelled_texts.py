"""Sentiment data: select rows, drop duplicates, split."""

import math
from typing import Any, Literal

import pandas as pd
from sklearn.model_selection import train_test_split

from rejeu.data.cleaning import clean
from rejeu.data.tables import check_text, require_columns
from rejeu.errors import RejeuError
from rejeu.study.strict_reading import shown

TEST_SHARE = 0.2  # the notebook's
COLUMNS = ("text", "label", "where", "labels")  # settings of `select`
LABELS = {0: 0, 1: 1, "0": 0, "1": 1, "neg": 0, "pos": 1, "negative": 0, "positive": 1}


def select(
    frame: pd.DataFrame,
    text: str,
    label: str,
    where: dict[str, Any] | None,
    labels: dict[Any, int] | None = None,
) -> pd.DataFrame:
    """Rows whose columns equal `where`'s values, as columns id, text, label (0 negative, 1
    positive); id is the row's number in `frame`, from 0.

    Labels: as `labels` maps them, or else 0/1, neg/pos, negative/positive, in any case. Raises
    RejeuError, with row and value, for any other label, for a text that is missing, blank, not
    text, with a NUL or over 1 MB, for rows of one class only, and where no row is left.
    """
    conditions = where or {}
    require_columns(frame, [text, label, *conditions], "sentiment data")
    kept = frame.reset_index(drop=True)
    for column, value in conditions.items():
        found = kept[column].drop_duplicates().head(10).tolist()
        kept = kept.loc[kept[column] == value]
        if kept.empty:
            where_not = f"no row has {column} = {value!r}"
            raise RejeuError(f"sentiment data: {where_not}; values found: {shown(found, 300)}")
    for row, value in zip(kept.index, kept[text].tolist(), strict=True):
        check_text(value, f"sentiment data, row {row} (from 0), column '{text}'")
    values = zip(kept.index, kept[label].tolist(), strict=True)
    known = {_plain(name): number for name, number in (labels or LABELS).items()}
    classes = [_class(row, label, value, known) for row, value in values]
    if len(set(classes)) < 2:
        raise RejeuError(
            f"sentiment data: all {len(classes)} rows have the label {classes[0]}; "
            "expected both classes"
        )
    selected = pd.DataFrame({"id": kept.index, "text": kept[text].to_numpy(), "label": classes})
    return selected.astype({"id": "int64", "text": "str", "label": "int64"})


def prepare(
    selected: pd.DataFrame, method: Literal["html", "assignment"]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop duplicates, clean, drop duplicates again; return the rows and how many went where.

    Of equal texts with one label the first stays; with opposite labels none does, since nothing
    says which label is right. Texts that cleaning leaves blank are dropped too.
    """
    raw, before = _without_duplicates(selected)
    cleaned = raw.assign(text=clean(raw.loc[:, "text"], method))
    filled = cleaned.loc[cleaned["text"] != ""]
    unique, after = _without_duplicates(filled)
    return unique.reset_index(drop=True), {
        "selected": len(selected),
        "duplicates_before_cleaning": before["duplicates"],
        "conflicts_before_cleaning": before["conflicts"],
        "blank_after_cleaning": len(cleaned) - len(filled),
        "duplicates_after_cleaning": after["duplicates"],
        "conflicts_after_cleaning": after["conflicts"],
        "cleaned": len(unique),
    }


def split(
    frame: pd.DataFrame,
    test_share: float,
    seed: int,
    train_rows: int | None,
    test_rows: int | None,
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, Any]]:
    """Train and test rows of `prepare`d data, and {train, test: statistics}.

    scikit-learn's train_test_split with `test_share` and `seed`, stratified by label, then from
    each side a sample of the wanted size with the side's label balance (None: the whole side).
    Raises RejeuError when a side has fewer rows than wanted, or one class only.
    """
    if len(frame) < 4 or frame["text"].duplicated().any():
        raise RejeuError(f"sentiment data: {len(frame)} rows to split; expected 4 or more, unique")
    held_rows = math.ceil(test_share * len(frame))
    # Of a few rows there are too few of a class to share out; `_sample` says so.
    enough = min(held_rows, len(frame) - held_rows, *frame["label"].value_counts()) >= 2
    kept, held = train_test_split(
        frame.index,
        test_size=test_share,
        random_state=seed,
        stratify=frame["label"] if enough else None,
    )
    train = _sample(frame.loc[kept], "train", train_rows, seed)
    test = _sample(frame.loc[held], "test", test_rows, seed)
    return train, test, {"train": _statistics(train), "test": _statistics(test)}


def _plain(label: Any) -> Any:
    """A label without case and white space around it; numbers as they are."""
    return label.strip().lower() if isinstance(label, str) else label


def _class(row: Any, column: str, value: Any, known: dict[Any, int]) -> int:
    where = f"sentiment data, row {row} (from 0), column '{column}'"
    if value is None or (isinstance(value, float) and math.isnan(value)):  # an empty cell
        raise RejeuError(f"{where}: no label; remove the row or fill it")
    found = known.get(_plain(value)) if isinstance(value, str | int | float) else None
    if found is None:
        expected = ", ".join(dict.fromkeys(map(str, known)))
        raise RejeuError(
            f"{where}: the label {shown(value)} is unknown; expected one of {expected}. What other "
            "labels mean is said beside `label` in the tier: labels: {yes: 1, no: 0}"
        )
    return found


def _without_duplicates(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    labels = frame.groupby("text")["label"].transform("nunique")
    agreed = frame.loc[labels == 1]
    unique = agreed.drop_duplicates(subset=["text"])
    return unique, {"conflicts": len(frame) - len(agreed), "duplicates": len(agreed) - len(unique)}


def _sample(side: pd.DataFrame, name: str, rows: int | None, seed: int) -> pd.DataFrame:
    labels = side["label"].tolist()
    counts = {label: labels.count(label) for label in (0, 1)}
    if 0 in counts.values() or (rows is not None and not 2 <= rows <= len(side)):
        raise RejeuError(
            f"sentiment data: {name} wants {rows} rows of both classes; there are {len(side)} "
            f"({counts[0]} negative, {counts[1]} positive); expected 2 to that many"
        )
    if rows is None or rows == len(side):
        return side
    positive = min(max(round(rows * counts[1] / len(side)), 1), rows - 1)
    wanted = {0: rows - positive, 1: positive}
    chosen = [
        side.loc[side["label"] == label].sample(n=number, random_state=seed).index
        for label, number in wanted.items()
    ]
    # In the order of the split, which is shuffled: the classes must not stand one after the other.
    return side.loc[side.index.isin(chosen[0].union(chosen[1]))]


def _statistics(side: pd.DataFrame) -> dict[str, Any]:
    # "lower": a length that occurs, not one between two.
    words = side.loc[:, "text"].str.split().str.len().quantile([0, 0.5, 0.95, 1], "lower")
    names = ("min", "median", "p95", "max")
    return {
        "rows": len(side),
        "negative": side["label"].tolist().count(0),
        "positive": side["label"].tolist().count(1),
        "words": dict(zip(names, (int(value) for value in words), strict=True)),
    }
