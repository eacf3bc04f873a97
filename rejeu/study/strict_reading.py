"""Read what people write (text, YAML, JSON), refusing what would be read wrongly."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

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
    problems = {_not_utf8(content): "not UTF-8", content.find(b"\0"): "a NUL byte"}
    if (at := min((at for at in problems if at >= 0), default=None)) is not None:
        line = content.count(b"\n", 0, at) + 1
        raise RejeuError(
            f"{path}, line {line}, byte {at}: {problems[at]} (0x{content[at]:02x}); "
            "expected text in UTF-8: save the file in this encoding"
        )
    return content.decode("utf-8-sig")


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
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} stands twice in one object")
    return found


def read_yaml(path: str | Path) -> Any:
    """The data of a YAML file, of plain types only.

    Raises RejeuError, with the file and the line, for what `read_utf8` refuses, for malformed
    YAML, and for a key that stands twice in one mapping, of which YAML readers keep the last.
    """
    text = read_utf8(path)
    try:
        return _StrictLoader(text).get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = "" if mark is None else f", line {mark.line + 1}"
        raise RejeuError(f"{path}{line}: malformed YAML: {_reason(error)}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        found = f"character 0x{error.character:02x}"
        raise RejeuError(f"{path}, line {line}: malformed YAML: {found} is not allowed") from None
    except RecursionError:
        raise RejeuError(f"{path}: malformed YAML: nested too deeply") from None


class _StrictLoader(yaml.SafeLoader):
    """Refuses keys that stand twice, and values that YAML's types can't hold."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, not when values are made: there the keys of `<<` stand among a mapping's own.
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (before := first.setdefault((key.tag, key.value), key)) is not key:
                problem = (
                    f"the key {shown(key.value)} stands twice in one mapping, first in line "
                    f"{before.start_mark.line + 1}; remove or rename one"
                )
                raise ComposerError(None, None, problem, key.start_mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, str):
                value.encode()  # no halves of characters
            if (isinstance(value, str) and "\0" in value) or (
                isinstance(value, int) and abs(value) >= 2**63
            ):
                raise ValueError
        except (ValueError, LookupError, AttributeError, OverflowError):
            kind = node.tag.rpartition(":")[2]
            problem = f"{shown(node.value)} is no valid {kind}"
            raise ConstructorError(None, None, problem, node.start_mark) from None
        return value


# Numbers and truth values as YAML 1.2 and JSON have them: 2e-5 is a number, and `no` is a word.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:bool"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile("^(true|True|TRUE|false|False|FALSE)$"),
    list("tTfF"),
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+0123456789."),
)


def as_yaml(value: Any) -> Any:
    """What YAML makes of texts that a command line gives, wherever they stand in nested data."""
    if isinstance(value, dict):
        return {key: as_yaml(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_yaml(inner) for inner in value]
    if not isinstance(value, str):
        return value
    try:
        found = _StrictLoader(value).get_single_data()
    except yaml.YAMLError:
        return value
    return value if isinstance(found, dict | list) else found


def _reason(error: yaml.MarkedYAMLError) -> str:
    if error.context is None or error.context_mark is None:
        return str(error.problem)
    return f"{error.context} of line {error.context_mark.line + 1}, {error.problem}"


def _not_utf8(content: bytes) -> int:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return -1
