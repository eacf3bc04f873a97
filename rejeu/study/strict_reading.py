"""Read what people write (text, YAML, JSON), refusing what would be read wrongly."""

import json
from collections import Counter
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError


def shown(value: object, most: int = 80) -> str:
    """`value` for a message: as Python writes it, cut after `most` characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # thousands of digits, or of lists in lists
        return f"a very large {type(value).__name__}"
    return text if len(text) <= most else f"{text[:most]}..."


def read_utf8(path: str | Path) -> str:
    """The text of `path`; RejeuError when it is missing, a folder, empty, not UTF-8 or has NULs."""
    content = read_bytes(path)
    try:
        text, at, problem = content.decode(), content.find(b"\0"), "a NUL byte"
    except UnicodeDecodeError as error:
        text, at, problem = "", error.start, "not UTF-8"
    if at >= 0:
        line = content.count(b"\n", 0, at) + 1
        raise RejeuError(
            f"{path}, line {line}, byte {at}: {problem} (0x{content[at]:02x}); "
            "expected text in UTF-8: save the file in this encoding"
        )
    return text.removeprefix("\ufeff")


def read_bytes(path: str | Path) -> bytes:
    """The content of `path`; RejeuError when it is missing, a folder or empty."""
    if Path(path).is_dir():
        raise RejeuError(f"{path}: is a folder; expected a file")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RejeuError(f"{path}: {error.strerror or error}; check the path") from error
    if not content.strip():
        raise RejeuError(f"{path}: is empty")
    return content


def parse_json(text: str, where: str) -> Any:
    """The value that `text` is in JSON; RejeuError, beginning with `where`, when it is none."""
    try:
        value = json.loads(text, object_pairs_hook=_without_repeats)
        if "\\ud" in text.lower():  # an escape of half a character, perhaps without its other half
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise RejeuError(f"{where}: {half!r} is half a character; write both halves") from None
    except RecursionError:
        raise RejeuError(f"{where}: not readable JSON: nested too deeply") from None
    except ValueError as error:
        raise RejeuError(f"{where}: not JSON: {str(error).split(';')[0]}") from error
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    for name, count in Counter(name for name, _ in pairs).items():
        if count > 1:
            raise ValueError(f"the key {shown(name)} stands twice in one object")
    return dict(pairs)


def read_yaml(path: str | Path) -> Any:
    """The data of a YAML 1.2 file, of plain types only.

    Raises RejeuError, with the file and the line, for what `read_utf8` refuses, for malformed
    YAML, for a key that stands twice in one mapping, and for values that JSON can't hold.
    """
    return _parse_yaml(read_utf8(path), str(path))


def as_yaml(value: Any) -> Any:
    """What YAML makes of texts that a command line gives, wherever they stand in nested data."""
    if isinstance(value, dict):
        return {key: as_yaml(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_yaml(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        parsed = _parse_yaml(value, "command line")
    except RejeuError:
        return value
    return value if isinstance(parsed, dict | list) else parsed


def _parse_yaml(text: str, where: str) -> Any:
    return deepcopy(_parsed_yaml(text, where))


@lru_cache(maxsize=64)  # words and claims are asked for in several places, and take long to parse
def _parsed_yaml(text: str, where: str) -> Any:
    try:
        from rejeu.study.yaml_reader import parse_yaml  # noqa: PLC0415  it reads this module
    except ModuleNotFoundError:  # beside a Snakemake that was installed alone, whose jobs have more
        from rejeu.study.plain_yaml import parse_yaml  # noqa: PLC0415
    return parse_yaml(text, where)
