"""What a study may say, for editors and readers: JSON schemas, and the page `docs/settings.md`.

Usage: python -m rejeu.study.schema

All are made from the pydantic models, and a test fails when they are out of date. They describe
what people write: what validators fill in (`common`, a tier's kinds) may be left out.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from rejeu.job.whole_files import write_text
from rejeu.study.claims import Claims
from rejeu.study.configuration import Study
from rejeu.study.settings_page import Schema, members, page

DOCS = Path(__file__).parents[2] / "docs"
FILES: dict[str, type[BaseModel]] = {"config": Study, "claims": Claims}
# By model, a key that a validator fills in.
FILLED_IN = {
    **dict.fromkeys(("ClassifierExperiment", "LoraExperiment", "CommandExperiment"), "title"),
    **dict.fromkeys(("ClassifierData", "LoraData", "CommandData"), "kind"),
    **dict.fromkeys(("Comparison", "Seen"), "around"),
}


class Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        """Whether pydantic titles a field that has no title of its own: never."""
        return False


def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON schema of what people write for a model.

    `x-in-common` lists what an experiment must say if `common` doesn't.
    """
    schema = model.model_json_schema(schema_generator=Untitled)
    models = schema.setdefault("$defs", {})
    for name, key in FILLED_IN.items():
        if key in (required := models.get(name, {}).get("required", [])):
            required.remove(key)
    for part in list(models.values()):
        for _, each in members(part.get("properties", {}).get("experiments", {})):
            if "$ref" in each:
                experiment = models[each["$ref"].split("/")[-1]]
                experiment.setdefault("x-in-common", experiment.pop("required", []))
                meaning = "what all of `experiments` share, unless one says otherwise"
                part["properties"]["common"] = {**each, "description": meaning}
                each["anyOf"] = [{"$ref": each.pop("$ref")}, {"type": "null"}]
    return schema


def text_of(schema: Schema) -> str:
    """JSON with one model a line."""
    models = [f"{json.dumps(name)}: {json.dumps(each)}" for name, each in schema["$defs"].items()]
    rest = json.dumps({key: value for key, value in schema.items() if key != "$defs"})
    return '{"$defs": {\n' + ",\n".join(models) + "\n},\n" + rest[1:] + "\n"


def documents() -> dict[str, str]:
    """The text of each file in `docs/` that is made from the models, by its name."""
    schemas = {name: schema_of(model) for name, model in FILES.items()}
    texts = {f"{name}.schema.json": text_of(schema) for name, schema in schemas.items()}
    return {**texts, "settings.md": page(schemas)}


def main() -> None:
    """Write the files in `docs/` that are made from the models."""
    for name, text in documents().items():
        write_text(DOCS / name, text)


if __name__ == "__main__":
    main()
