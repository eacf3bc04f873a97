"""Texts out of raw tables and JSON files, whatever their columns: what a tokenizer will meet."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rejeu.data.tables import read_table
from rejeu.study.strict_reading import parse_json, read_utf8

MOST = 10_000


def some_texts(files: list[Path]) -> list[str]:
    """Up to 10,000 of the texts in raw tables and JSON files, evenly over all of them."""
    texts = list(dict.fromkeys(itertools.chain.from_iterable(map(_texts_in, files))))
    count = min(len(texts), MOST)
    return [texts[number * len(texts) // count] for number in range(count)]


def _texts_in(file: Path) -> Iterator[str]:
    """The strings that are values of a file's cells or, in JSON, of its objects and lists."""
    waiting: list[Any] = []
    if file.suffix.lower() == ".json":
        waiting.append(parse_json(read_utf8(file), str(file)))
    else:
        table = read_table([file])
        waiting += [table[column].tolist() for column in table]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            waiting.extend(value.values() if isinstance(value, dict) else value)
