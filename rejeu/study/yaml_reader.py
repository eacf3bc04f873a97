"""YAML 1.2 by ruamel.yaml: read strictly, and written."""

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.resolver import Resolver

from rejeu.errors import RejeuError
from rejeu.study.strict_reading import shown

_KINDS = ("null", "bool", "int", "float", "timestamp", "str", "seq", "map")
_TAGS = (None, *(f"tag:yaml.org,2002:{kind}" for kind in _KINDS))  # None: any other is refused


def yaml_text(value: Any, *, short: bool = True) -> str:
    """A value as YAML, keys in their order; with `short` the innermost ones in one line.

    That is for names, numbers and times: there ruamel.yaml leaves `?x` and `:x` without quotes.
    """
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = None if short else False
    writer.representer.sort_base_mapping_type_on_output = False
    writer.width = 200
    writer.dump(value, stream := io.StringIO())
    return stream.getvalue()


def parse_yaml(text: str, where: str) -> Any:
    """The value that `text` is in YAML; RejeuError, beginning with `where`, when it is none."""
    reader = YAML(typ="safe", pure=True)
    reader.Constructor, reader.Resolver = _Constructor, lambda loader, **_: _Resolver(loader)
    reader.composer.warn_double_anchors = False  # a later anchor may take an earlier one's name
    try:
        return reader.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, reason = mark.line + 1, str(error.problem)
        if error.context is not None and error.context_mark is not None:
            reason = f"{error.context} of line {error.context_mark.line + 1}, {reason}"
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"character 0x{error.character:02x} is not allowed"
    raise RejeuError(f"{where}, line {line}: malformed YAML: {reason[:300]}")


class _Resolver(Resolver):
    """YAML 1.2 whatever a file asks for: `no` is a word and 2e-5 a number."""

    @property
    def processing_version(self) -> tuple[int, int]:
        return 1, 2


# ruamel.yaml wants a sign in the exponent of a number without a digit before its point.
_Resolver.add_implicit_resolver_base(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\.[0-9]+[eE][0-9]+$"), list("-+.")
)


class _Constructor(SafeConstructor):
    """Refuses keys that stand twice, and values that JSON's types and 64 bits can't hold."""

    yaml_constructors = {tag: SafeConstructor.yaml_constructors[tag] for tag in _TAGS}

    def get_single_data(self) -> Any:
        try:
            return super().get_single_data()
        except (ValueError, OverflowError, AssertionError) as error:  # "\\U00110000", %YAML 1.7
            problem = f"not YAML 1.2: {error}"
        except RecursionError:
            problem = "nested too deeply"
        raise ConstructorError(None, None, problem, self.loader.reader.get_mark())

    def flatten_mapping(self, node: MappingNode) -> None:
        first: dict[tuple[str | None, str], Node] = {}
        # Once, before the keys of `<<` are put among a mapping's own.
        for key, _ in node.value if node.merge is None else []:
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, f"a key can't be a {key.id}", key.start_mark)
            if (before := first.setdefault((key.tag, key.value), key)) is not key:
                problem = (
                    f"the key {shown(key.value)} stands twice in one mapping, first in line "
                    f"{before.start_mark.line + 1}; remove or rename one"
                )
                raise ConstructorError(None, None, problem, key.start_mark)
        super().flatten_mapping(node)

    def construct_non_recursive_object(self, node: Node, tag: str | None = None) -> Any:
        try:
            value = super().construct_non_recursive_object(node, tag)
            if isinstance(value, str) and b"\0" in value.encode():  # nor halves of characters
                raise ValueError
            if isinstance(value, int) and abs(value) >= 2**63:
                raise ValueError
        except (ValueError, LookupError, OverflowError):
            problem = f"{shown(node.value)} is no valid {str(node.tag).rpartition(':')[2]}"
            raise ConstructorError(None, None, problem, node.start_mark) from None
        return value
