"""Labelled texts: select rows, drop duplicates, split."""

import math
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from sklearn.model_selection import train_test_split

from rejeu.data.cleaning import clean
from rejeu.data.tables import check_text, read_table, require_columns, word_lengths
from rejeu.errors import RejeuError
from rejeu.study.strict_reading import shown

TEST_SHARE = 0.2  # the notebook's
LABELS = {"0": 0, "1": 1, "neg": 0, "pos": 1, "negative": 0, "positive": 1}


def read_texts(files: list[Path], settings: dict[str, Any]) -> pd.DataFrame:
    """The rows of an input's files that a part's settings `select`."""
    columns = {key: settings[key] for key in ("text", "label", "where", "labels")}
    return select(read_table(files), **columns)


def select(
    frame: pd.DataFrame,
    text: str,
    label: str,
    where: dict[str, Any] | None,
    labels: dict[Any, int] | None = None,
) -> pd.DataFrame:
    """Rows whose columns equal `where`'s values, as columns id, text, label (its class's number,
    from 0); id is the row's number in `frame`, from 0.

    Labels, words or numbers, in any case: as `labels` maps them to classes, or else 0/1, neg/pos,
    negative/positive. Raises RejeuError, with row and value, for any other label, for a text that
    is missing, blank, not text, with a NUL or over 1 MB, for a class without rows, and where no
    row is left.
    """
    conditions = where or {}
    require_columns(frame, [text, label, *conditions], "labelled texts")
    kept = frame.reset_index(drop=True)
    for column, value in conditions.items():
        present = kept[column].drop_duplicates().head(10).tolist()
        kept = kept.loc[kept[column] == value]
        if kept.empty:
            where_not = f"no row has {column} = {value!r}"
            raise RejeuError(f"labelled texts: {where_not}; values found: {shown(present, 300)}")
    for row, value in zip(kept.index, kept[text].tolist(), strict=True):
        check_text(value, f"labelled texts, row {row} (from 0), column '{text}'")
    values = zip(kept.index, kept[label].tolist(), strict=True)
    classes_by_label = {_plain(name): number for name, number in (labels or LABELS).items()}
    classes = [_class(row, label, value, classes_by_label) for row, value in values]
    count = max(classes_by_label.values()) + 1
    if len(set(classes)) == 1:
        raise RejeuError(
            f"labelled texts: all {len(classes)} rows have the label {classes[0]}; "
            f"expected {_every(count)}"
        )
    if len(set(classes)) < count:
        raise RejeuError(
            f"labelled texts: {len(classes)} rows ({_shares(_counts(classes, count))}); "
            f"expected {_every(count)}: leave those out of `labels` that no row has"
        )
    selected = pd.DataFrame({"id": kept.index, "text": kept[text].to_numpy(), "label": classes})
    return selected.astype({"id": "int64", "text": "str", "label": "int64"})


def prepare(
    selected: pd.DataFrame, method: Literal["html", "assignment"]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Drop duplicates, clean, drop duplicates again; return the rows and how many went where.

    Of equal texts with one label the first stays; with several labels none does, since nothing
    says which label is right. Texts that cleaning leaves blank are dropped too. Raises RejeuError
    where no row of a class is left.
    """
    raw, before = _without_duplicates(selected)
    cleaned = raw.assign(text=clean(raw.loc[:, "text"], method))
    filled = cleaned.loc[cleaned["text"] != ""]
    unique, after = _without_duplicates(filled)
    if lost := sorted(set(selected["label"]) - set(unique["label"])):
        raise RejeuError(
            f"labelled texts: no row of class {lost[0]} is left of {len(selected)}, without blank "
            "texts, texts that stand twice and texts of several labels; expected some"
        )
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

    Statistics are {rows, words: {min, median, p95, max}, classes: {class number: rows}}, and of two
    classes {negative, positive: rows} too.

    scikit-learn's train_test_split with `test_share` and `seed`, stratified by label, then from
    each side a sample of the wanted size with the side's label balance (None: the whole side).
    Raises RejeuError when a side has fewer rows than wanted, or none of a class.
    """
    labels = frame["label"].tolist()
    classes = max([1, *labels]) + 1
    if len(frame) < 2 * classes or frame["text"].duplicated().any():
        raise RejeuError(
            f"labelled texts: {len(frame)} rows to split; expected {2 * classes} or more, unique"
        )
    held_rows = math.ceil(test_share * len(frame))
    # Of a few rows there are too few of a class to share out; `_sample` says so.
    enough = (
        min(held_rows, len(frame) - held_rows) >= classes and min(_counts(labels, classes)) >= 2
    )
    kept, held = train_test_split(
        frame.index,
        test_size=test_share,
        random_state=seed,
        stratify=frame["label"] if enough else None,
    )
    train = _sample(frame.loc[kept], "train", train_rows, classes, seed)
    test = _sample(frame.loc[held], "test", test_rows, classes, seed)
    statistics = {"train": _statistics(train, classes), "test": _statistics(test, classes)}
    return train, test, statistics


def _plain(label: Any) -> str:
    """A label as text, without case and white space around it; 1.0 is 1, and so is true."""
    if isinstance(label, bool | float) and float(label).is_integer():
        label = int(label)
    return str(label).strip().lower()


def _counts(labels: list[int], classes: int) -> list[int]:
    return [labels.count(number) for number in range(classes)]


def _shares(counts: list[int]) -> str:
    """How many rows each class has, in words."""
    if len(counts) == 2:
        return f"{counts[0]} negative, {counts[1]} positive"
    return ", ".join(f"class {number}: {count}" for number, count in enumerate(counts))


def _every(classes: int) -> str:
    return "both classes" if classes == 2 else f"all {classes} classes"


def _class(row: Any, column: str, value: Any, classes_by_label: dict[Any, int]) -> int:
    where = f"labelled texts, row {row} (from 0), column '{column}'"
    if value is None or (isinstance(value, float) and math.isnan(value)):  # an empty cell
        raise RejeuError(f"{where}: no label; remove the row or fill it")
    number = classes_by_label.get(_plain(value)) if isinstance(value, str | int | float) else None
    if number is None:
        expected = ", ".join(classes_by_label)
        raise RejeuError(
            f"{where}: the label {shown(value)} is unknown; expected one of {expected}. What other "
            "labels mean is said beside `label` in the tier: labels: {yes: 1, no: 0}"
        )
    return number


def _without_duplicates(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    labels = frame.groupby("text")["label"].transform("nunique")
    agreed = frame.loc[labels == 1]
    unique = agreed.drop_duplicates(subset=["text"])
    return unique, {"conflicts": len(frame) - len(agreed), "duplicates": len(agreed) - len(unique)}


def _sample(
    side: pd.DataFrame, name: str, rows: int | None, classes: int, seed: int
) -> pd.DataFrame:
    counts = _counts(side["label"].tolist(), classes)
    if 0 in counts or (rows is not None and not classes <= rows <= len(side)):
        raise RejeuError(
            f"labelled texts: {name} wants {rows} rows of {_every(classes)}; there are {len(side)} "
            f"({_shares(counts)}); expected {classes} to that many"
        )
    if rows is None or rows == len(side):
        return side
    chosen = [
        row
        for number, wanted in enumerate(_sizes(counts, rows))
        for row in side.loc[side["label"] == number].sample(n=wanted, random_state=seed).index
    ]
    # In the order of the split, which is shuffled: the classes must not stand one after the other.
    return side.loc[side.index.isin(chosen)]


def _sizes(counts: list[int], rows: int) -> list[int]:
    """How many of `rows` each class gets: its share, by largest remainders, but one at least."""
    total = sum(counts)
    if len(counts) == 2:
        positive = min(max(round(rows * counts[1] / total), 1), rows - 1)
        return [rows - positive, positive]
    sizes = [max(1, rows * count // total) for count in counts]

    def short(number: int) -> int:  # of its exact share, in units of rows / total
        return rows * counts[number] - sizes[number] * total

    while (missing := rows - sum(sizes)) > 0:
        sizes[max(range(len(counts)), key=short)] += 1
    for _ in range(-missing):
        sizes[min((n for n, size in enumerate(sizes) if size > 1), key=short)] -= 1
    return sizes


def _statistics(side: pd.DataFrame, classes: int) -> dict[str, Any]:
    counts = _counts(side["label"].tolist(), classes)
    return {
        "rows": len(side),
        **(dict(zip(("negative", "positive"), counts, strict=True)) if classes == 2 else {}),
        "classes": {str(number): count for number, count in enumerate(counts)},
        "words": word_lengths(side.loc[:, "text"]),
    }
