"""YAML 1.2 by PyYAML, for a Snakemake that was installed alone: it brings no ruamel.yaml.

What it reads it reads as `yaml_reader` does, or else a setting would change with the library, and
its runs be trained again. It refuses less, and says less of where.
"""

import re
from typing import Any

import yaml

from rejeu.errors import RejeuError

# PyYAML is of YAML 1.1, where `no` is a truth value, 1:30 is 90 and 2e-5 a text.
_RESOLVED = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9_]+)", "-+0123456789"),
    "float": (
        r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
}


class _Loader(yaml.SafeLoader):
    """Refuses keys that stand twice."""

    yaml_implicit_resolvers = {
        first: [known for known in resolvers if known[0].rpartition(":")[2] not in _RESOLVED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.looked_at: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # Once, before the keys of `<<` are put among a mapping's own.
        fresh = id(node) not in self.looked_at
        self.looked_at.add(id(node))
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and fresh]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {twice!r} stands twice in one mapping", node.start_mark
            )
        super().flatten_mapping(node)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    digits = str(loader.construct_scalar(node)).replace("_", "")
    return int(digits, 0 if re.match(r"[-+]?0[box]", digits) else 10)


for _kind, (_pattern, _first) in _RESOLVED.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), list(_first)
    )
_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def parse_yaml(text: str, where: str) -> Any:
    """The value that `text` is in YAML; RejeuError, beginning with `where`, when it is none."""
    try:
        return _Loader(text).get_single_data()
    except (yaml.YAMLError, ValueError) as error:
        raise RejeuError(f"{where}: malformed YAML: {error}") from None
