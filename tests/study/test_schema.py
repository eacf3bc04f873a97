import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from rejeu.study.schema import DOCS, FILES, documents, schema_of, text_of
from rejeu.study.settings_page import Schema, blocks, page
from rejeu.study.strict_reading import read_yaml

ROOT = Path(__file__).parents[2]


class Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Knob(Plain):
    """One experiment.

    With more to say of it."""

    size: PositiveInt
    """rows | a step"""
    share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """of all"""


class Small(Plain):
    """Experiments of a small kind."""

    kind: Literal["small"]
    experiments: dict[str, Knob]
    """by name"""


class Large(Plain):
    """Experiments of a large kind."""

    kind: Literal["large"]
    experiments: dict[str, Knob]
    """by name"""
    pair: tuple[int, int] | None = None
    """fewest and most"""
    flags: list[bool | Literal["auto"]] = []
    """switches"""


class File(Plain):
    parts: dict[str, Annotated[Small | Large, Field(discriminator="kind")]]
    """what is run"""


PAGE = """\
## small.yaml

| key | values | default | meaning |
| --- | --- | --- | --- |
| **`small.yaml`** |  |  |  |
| `parts` | mapping: block | required | what is run |
| **`parts.NAME (small)`** |  |  | Experiments of a small kind. |
| `experiments` | mapping: (block or null) | required | by name |
| `common` | block |  | what all of `experiments` share, unless one says otherwise |
| **`parts.NAME (small).experiments.NAME`** |  |  | One experiment. |
| `size` | integer > 0 | required, or in `common` | rows \\| a step |
| `share` | number ≥ 0, < 1 | `0.5` | of all |
| **`parts.NAME (large)`** |  |  | Experiments of a large kind. |
| `pair` | [integer, integer] or null | `null` | fewest and most |
| `flags` | list: (true or false or `auto`) | `[]` | switches |
| `experiments`, `common` |  |  | as of `parts.NAME (small)` |
"""


def test_a_page_has_a_line_for_each_key_and_none_twice() -> None:
    made = page({"small": schema_of(File)})
    assert made[made.index("## ") :] == PAGE


@pytest.mark.parametrize(
    ("part", "fault"),
    [
        ({"kind": "small", "common": {"size": 2}, "experiments": {"a": None, "b": {}}}, None),
        ({"kind": "small", "experiments": {"a": {"size": 2, "share": 0.1}}}, None),
        ({"kind": "small", "experiments": {"a": {"size": "two"}}}, "two"),
        ({"kind": "small", "common": {"sizes": 2}, "experiments": {}}, "sizes"),
        ({"kind": "small", "experiments": {}, "pair": [1, 2]}, "pair"),
        ({"kind": "large", "experiments": {}, "pair": [1, 2]}, None),
        ({"kind": "huge", "experiments": {}}, "huge"),
        ({"kind": "small"}, "is not valid"),
    ],
)
def test_a_schema_takes_what_people_write(part: Any, fault: str | None) -> None:
    schema = json.loads(text_of(schema_of(File)))
    Draft202012Validator.check_schema(schema)
    faults = list(Draft202012Validator(schema).iter_errors({"parts": {"one": part}}))
    assert bool(faults) == (fault is not None)
    assert fault is None or fault in str(faults[0])


@pytest.mark.parametrize(
    ("name", "file"), [("config", "config.yaml"), ("claims", "report/claims.yaml")]
)
def test_this_study_s_files_fit_their_schemas(name: str, file: str) -> None:
    schema = json.loads((DOCS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    raw = json.loads(json.dumps(read_yaml(ROOT / file), default=str))  # a date as text
    check = Draft202012Validator(schema)
    assert [(list(fault.path), fault.message) for fault in check.iter_errors(raw)] == []
    assert [fault.validator for fault in check.iter_errors(raw | {"tiers_": 1})] == (
        ["additionalProperties"]
    )


@pytest.mark.parametrize("name", list(documents()))
def test_what_is_made_from_the_models_is_current(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert text == documents()[name], "run `python -m rejeu.study.schema`"


def test_the_page_is_short() -> None:
    assert (DOCS / "settings.md").read_text(encoding="utf-8").count("\n") < 200


def without_meaning(schema: Schema, file: str) -> Iterator[str]:
    for path, block in blocks(schema, file, schema["$defs"]):
        for key, each in block["properties"].items():
            if not each.get("description") and not (key == "kind" and "const" in each):
                yield f"{path}.{key}"


def test_a_field_without_a_meaning_is_seen() -> None:
    schema = schema_of(File)
    assert list(without_meaning(schema, "small")) == []
    del schema["$defs"]["Large"]["properties"]["pair"]["description"]
    assert list(without_meaning(schema, "small")) == ["small.parts.NAME (large).pair"]


@pytest.mark.parametrize("name", list(FILES))
def test_every_field_has_a_meaning(name: str) -> None:
    assert list(without_meaning(schema_of(FILES[name]), name)) == []
