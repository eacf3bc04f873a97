"""Anyone's results, as the judge reads them: Rejeu's own files, or plain tables.

In a folder of results `scores.csv` (or .jsonl, .json) holds a row per experiment and seed, with the
columns `experiment`, `seed` and one per value: `scores.forest.accuracy` is a path. Elsewhere a path
is a file of Rejeu's: `PART/EXPERIMENT/seedN/FILE.json` for `PART.EXPERIMENT.FILE.KEY`.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.evaluation.quantities import Results, Value
from rejeu.study.names import suggest
from rejeu.study.strict_reading import parse_json, read_utf8, shown

SUFFIXES = (".csv", ".jsonl", ".json")
KEYS = ("experiment", "seed")
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
# By experiment and seed, the values of a row.
Table = dict[str, dict[int, dict[str, Value]]]


@dataclass(frozen=True)
class ResultFolder:
    """A folder of results: its plain tables by their names, and Rejeu's own files."""

    folder: Path
    tables: Mapping[str, Path]
    runs: Results

    def values(self, path: str) -> dict[int, Value]:
        """A quantity's values by seed; an undefined one is None.

        Raises:
            RejeuError: the folder holds no such quantity: with the place, and what is known there.
        """
        name, experiment, *keys = path.split(".")
        if name in self.tables:
            return of_table(self.tables[name], experiment, keys)
        return self.of_files(path)

    def of_files(self, path: str) -> dict[int, Value]:
        """The values in Rejeu's own files."""
        part, experiment, *keys = path.split(".")
        if part == "timing":
            files = {0: self.folder / part / f"{experiment}.json"}
        else:
            seeds = self.runs.seeds
            refuse_unknown(self.folder, "table or part", part, [*self.tables, *seeds])
            refuse_unknown(self.folder / part, "experiment", experiment, seeds[part])
            file = f"{keys[0]}.{'jsonl' if keys[0] == 'log' else 'json'}"
            runs = self.folder / part / experiment
            files = {seed: runs / f"seed{seed}" / file for seed in seeds[part][experiment]}
            if len(keys) < 2:
                raise RejeuError(f"{runs}: {path} names a file; expected a value in it too")
        for each in files.values():
            if not each.is_file():
                raise RejeuError(f"{each}: no such file")
        try:
            values = self.runs.quantity(path) or {}
        except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
            first = next(iter(files.values()))
            raise RejeuError(
                f"{first}, and those of the other seeds: no value {'.'.join(keys[1:])} ({error!r})"
            ) from None
        for seed, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float | str | None):
                raise RejeuError(
                    f"{files.get(seed, files[min(files)])}: {'.'.join(keys[1:])}: found "
                    f"{shown(value)}, expected a number or a text"
                )
        return values

    def kinds(self, path: str) -> dict[int, str]:
        """What became of each run of Rejeu's, by seed; nothing is known of a table's."""
        part, experiment, *_ = path.split(".")
        try:
            return {} if part in self.tables else self.runs.kinds(path)
        except (KeyError, TypeError, AttributeError) as error:
            raise RejeuError(
                f"{self.folder / part / experiment}: run.json and metrics.json aren't Rejeu's "
                f"({error!r}); leave run.json out if you write the files yourself"
            ) from None

    def device(self) -> str | None:
        """What all runs computed on; None where that isn't said."""
        try:
            return self.runs.device()
        except (KeyError, TypeError):
            return None


def read_folder(folder: Path) -> ResultFolder:
    """What a folder of results holds.

    Raises:
        RejeuError: it is no folder, holds nothing that is known, or two tables of one name.
    """
    if not folder.is_dir():
        raise RejeuError(f"{folder}: no such folder; expected one with tables or Rejeu's results")
    tables: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in SUFFIXES and path.is_file() and not is_rejeus(path):
            if path.stem in tables:
                raise RejeuError(f"{path}: {tables[path.stem].name} has the same name; remove one")
            tables[path.stem] = path
    seeds: dict[str, dict[str, list[int]]] = {}
    for run in sorted(folder.glob("*/*/seed*/")):
        if (number := re.fullmatch(r"seed(\d+)", run.name)) and run.parent.parent.name != "data":
            part, experiment = run.parts[-3:-1]
            seeds.setdefault(part, {}).setdefault(experiment, []).append(int(number[1]))
    for experiments in seeds.values():
        for drawn in experiments.values():
            drawn.sort()
    if not tables and not seeds and not (folder / "timing").is_dir():
        raise RejeuError(
            f"{folder}: no results there; expected tables with the columns experiment, seed and "
            "one per value (NAME.csv, .jsonl or .json), or PART/EXPERIMENT/seedN/FILE.json"
        )
    files = {str(path) for path in folder.rglob("*.json*") if path.is_file()}
    return ResultFolder(folder, tables, Results(folder, seeds, seeds, {}, files))


def is_rejeus(path: Path) -> bool:
    """Whether a file is one that Rejeu leaves beside the runs of a tier."""
    return path.name in ("claims.json", "observations.json", "provenance.json")


def of_table(path: Path, experiment: str, columns: list[str]) -> dict[int, Value]:
    """A column's values of an experiment by seed."""
    table = read_table(path)
    refuse_unknown(path, "experiment", experiment, table)
    rows = table[experiment]
    column = ".".join(columns)
    names = dict.fromkeys(name for row in rows.values() for name in row)
    refuse_unknown(path, "column", column, names)
    return {seed: row.get(column) for seed, row in sorted(rows.items())}


def read_table(path: Path) -> Table:
    """A table's rows.

    Raises:
        RejeuError: with the file and the row, the value found and what was expected.
    """
    table: Table = {}
    for where, row in rows_of(path):
        missing = [key for key in KEYS if row.get(key) in (None, "")]
        if missing:
            raise RejeuError(
                f"{where}: no {missing[0]}; expected the columns experiment and seed; "
                f"known: {', '.join(map(str, row))}"
            )
        experiment, seed = str(row.pop("experiment")), row.pop("seed")
        if isinstance(seed, bool) or not re.fullmatch(r"\d+", str(seed)):
            raise RejeuError(f"{where}: seed: found {shown(seed)}, expected a whole number")
        rows = table.setdefault(experiment, {})
        if int(seed) in rows:
            raise RejeuError(f"{where}: a second row of {experiment} with the seed {seed}")
        rows[int(seed)] = {name: cell(value, f"{where}: {name}") for name, value in row.items()}
    if not table:
        raise RejeuError(f"{path}: no rows; expected one per experiment and seed")
    return table


def rows_of(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each row of a table with the place where it stands."""
    text = read_utf8(path)
    if path.suffix == ".csv":
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            names = next(reader, [])
            if len(set(names)) < len(names):
                raise RejeuError(f"{path}: a column stands twice: {', '.join(names)}")
            for row in reader:
                where = f"{path}, line {reader.line_num}"
                if row and len(row) != len(names):
                    raise RejeuError(f"{where}: {len(row)} cells, expected {len(names)}")
                if row:
                    yield where, dict(zip(names, row, strict=True))
        except csv.Error as error:
            raise RejeuError(f"{path}, line {reader.line_num}: not CSV: {error}") from None
        return
    if path.suffix == ".jsonl":
        # Not splitlines(), which also cuts at characters that JSON allows inside a string.
        lines = [(f"{path}, line {n}", line) for n, line in enumerate(text.split("\n"), start=1)]
        placed_rows = [(where, parse_json(line, where)) for where, line in lines if line.strip()]
    else:
        rows = parse_json(text, str(path))
        if not isinstance(rows, list):
            raise RejeuError(f"{path}: found {shown(rows)}, expected a list of rows")
        placed_rows = [(f"{path}, row {number}", row) for number, row in enumerate(rows, start=1)]
    for where, row in placed_rows:
        if not isinstance(row, dict):
            raise RejeuError(f"{where}: found {shown(row)}, expected an object with its columns")
        yield where, dict(row)


def cell(value: Any, where: str) -> Value:
    """A cell as a number or a text; None where it is empty."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return float(value) if NUMBER.fullmatch(value.strip()) else value
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RejeuError(f"{where}: found {shown(value)}, expected a finite number, a text or null")
    return value


def refuse_unknown(place: Path, what: str, name: str, known: Iterable[str]) -> None:
    """Refuse a name that isn't known at a place; `what` it should name stands in the message."""
    if name not in known:
        raise RejeuError(f"{place}: no {what} '{name}'; {suggest(name, known)}")
