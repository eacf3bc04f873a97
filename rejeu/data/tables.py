"""Read a table from CSV, Parquet or JSON lines, refusing what would be read wrongly."""

import difflib
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from rejeu.errors import RejeuError
from rejeu.job.whole_files import replacing
from rejeu.study.strict_reading import parse_json, read_bytes, read_utf8, shown

MAX_BYTES = 1_000_000
_READ = "CSV (.csv), Parquet (.parquet) and JSON lines (.jsonl)"


def read_table(paths: list[Path]) -> pd.DataFrame:
    """Rows of all files below one another; the index counts them from 0.

    Raises RejeuError for a file that is missing, a folder, empty, of another kind, not UTF-8,
    holding NUL bytes or malformed (with the line or row), and for files whose columns differ.
    """
    frames = [_read_one(path) for path in paths]
    for path, frame in zip(paths[1:], frames[1:], strict=True):
        if list(frame.columns) != list(frames[0].columns):
            raise RejeuError(
                f"{path}: has the columns {list(frame.columns)}, but {paths[0]} has "
                f"{list(frames[0].columns)}; files of one table need the same columns"
            )
    return pd.concat(frames, ignore_index=True)


def write_parquet(path: str | Path, frame: pd.DataFrame) -> None:
    """Write a table whole or not at all, without its index."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)


def word_lengths(texts: pd.Series) -> dict[str, int]:
    """How many words texts have: {min, median, p95, max}."""
    # "lower": a length that occurs, not one between two.
    quantiles = texts.str.split().str.len().quantile([0, 0.5, 0.95, 1], "lower").tolist()
    names = ("min", "median", "p95", "max")
    return {name: int(value) for name, value in zip(names, quantiles, strict=True)}


def require_columns(frame: pd.DataFrame, columns: list[str], table: str) -> None:
    """Raise RejeuError unless `frame` has each of `columns`; `table` names it in messages."""
    existing = [str(column) for column in frame.columns]
    for column in columns:
        if column not in existing:
            near = difflib.get_close_matches(column, existing, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise RejeuError(f"{table}: no column '{column}'; it has {shown(existing, 300)}.{hint}")


def check_text(value: Any, where: str) -> None:
    """Raise RejeuError, beginning with `where`, unless `value` is a text that can be trained on.

    Refused are missing and blank ones, other types, NUL characters and over 1 MB.
    """
    if not isinstance(value, str) or not value.strip():
        raise RejeuError(
            f"{where}: expected a text, found {shown(value)}; remove the row or fill it"
        )
    if "\0" in value:
        raise RejeuError(f"{where}: holds a NUL character at {value.index(chr(0))}; remove it")
    # Characters first: only a text that may be too long is worth encoding.
    if len(value) * 4 > MAX_BYTES and (size := len(value.encode())) > MAX_BYTES:
        raise RejeuError(f"{where}: {size} bytes; expected at most {MAX_BYTES}: shorten the text")


def _read_one(path: Path) -> pd.DataFrame:
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RejeuError(f"{path}: can't read a '{path.suffix}' file; expected {_READ}")
    frame = reader(path)
    if frame.empty:
        raise RejeuError(f"{path}: has no rows; expected a table with at least one")
    return frame


def _read_csv(path: Path) -> pd.DataFrame:
    content = read_utf8(path).encode()
    try:
        # pyarrow, since pandas silently shifts or pads rows that have too many or too few fields.
        # One block: a row may be longer than the default block, and row numbers count from it.
        table = pyarrow.csv.read_csv(
            io.BytesIO(content),
            read_options=pyarrow.csv.ReadOptions(block_size=len(content) + 1, use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            # "NA" and "null" are words that people write.
            convert_options=pyarrow.csv.ConvertOptions(null_values=[""]),
        )
    except pa.ArrowInvalid as error:
        raise RejeuError(
            f"{path}: malformed CSV (rows count from 1, the header's): {_first_line(error)}"
        ) from error
    return _to_pandas(path, table)


def _read_parquet(path: Path) -> pd.DataFrame:
    read_bytes(path)
    try:
        table = pyarrow.parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise RejeuError(f"{path}: not a readable Parquet file: {_first_line(error)}") from error
    return _to_pandas(path, table)


def _read_jsonl(path: Path) -> pd.DataFrame:
    rows = []
    # Not splitlines(), which also cuts at characters that JSON allows inside a string.
    for number, line in enumerate(read_utf8(path).split("\n"), start=1):
        if not line.strip():
            continue
        row = parse_json(line, f"{path}, line {number}")
        if not isinstance(row, dict):
            raise RejeuError(f"{path}, line {number}: expected an object, found {shown(row)}")
        rows.append(row)
    return pd.DataFrame(rows)


def _to_pandas(path: Path, table: pa.Table) -> pd.DataFrame:
    names = table.column_names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RejeuError(f"{path}: the column '{twice[0]}' occurs twice; rename one of them")
    return table.to_pandas()


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]
