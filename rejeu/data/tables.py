"""Read a table from CSV, Parquet or JSON lines, refusing what would be read wrongly."""

import difflib
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from rejeu.errors import RejeuError

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


def require_columns(frame: pd.DataFrame, columns: list[str], table: str) -> None:
    """Raise RejeuError unless `frame` has each of `columns`; `table` names it in messages."""
    existing = [str(column) for column in frame.columns]
    for column in columns:
        if column not in existing:
            near = difflib.get_close_matches(column, existing, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise RejeuError(f"{table}: no column '{column}'; it has {existing}.{hint}")


def read_utf8(path: Path) -> str:
    """The text of `path`; RejeuError when it is missing, a folder, empty, not UTF-8 or has NULs."""
    content = _read_bytes(path)
    for problem, at in (("a NUL byte", content.find(b"\0")), ("not UTF-8", _not_utf8(content))):
        if at >= 0:
            line = content.count(b"\n", 0, at) + 1
            raise RejeuError(
                f"{path}, line {line}, byte {at}: {problem} (0x{content[at]:02x}); "
                "expected text in UTF-8: save the file in this encoding"
            )
    return content.decode("utf-8-sig")


def _read_one(path: Path) -> pd.DataFrame:
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RejeuError(f"{path}: can't read a '{path.suffix}' file; expected {_READ}")
    frame = reader(path)
    if frame.empty:
        raise RejeuError(f"{path}: has no rows; expected a table with at least one")
    return frame


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise RejeuError(f"{path}: is a folder; expected a file: {_READ}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RejeuError(f"{path}: {error.strerror or error}; check the path") from error
    if not content.strip():
        raise RejeuError(f"{path}: is empty")
    return content


def _not_utf8(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return -1


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
    _read_bytes(path)
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
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise RejeuError(f"{path}, line {number}: not JSON: {error}") from error
        if not isinstance(row, dict):
            raise RejeuError(f"{path}, line {number}: expected an object, found {line[:60]}")
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
