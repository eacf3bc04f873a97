"""The page of all settings, from JSON schemas: for each file one table, for each key one line."""

import json
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
NAME = "^[a-z][a-z0-9_]{0,40}$"
HEADING = """\
# Settings

Made by `python -m rejeu.study.schema`. The keys of a block stand below its path. A word in brackets
after a path is the block's `kind:`, which it must say (`kind: classifier`); a tier's parts take
theirs from `parts`. Editors that know JSON schemas complete and check the files by
`config.schema.json` and `claims.schema.json`.
"""


def page(schemas: dict[str, Schema]) -> str:
    """The page in Markdown, from each file's schema by its name."""
    lines = [HEADING]
    for file, schema in schemas.items():
        lines += [f"## {file}.yaml", "", "| key | values | default | meaning |", "|" + " --- |" * 4]
        seen: dict[str, str] = {}
        done: list[Schema] = []
        for path, block in blocks(schema, f"{file}.yaml", schema["$defs"]):
            if block not in done:
                done.append(block)
                lines += rows(block, path.replace(f"{file}.yaml.", ""), seen)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def blocks(schema: Schema, path: str, models: Schema) -> Iterator[tuple[str, Schema]]:
    """Each block of a file with its path, outer ones first; one may come several times."""
    if "$ref" in schema:
        schema = models[schema["$ref"].split("/")[-1]]
    if "properties" in schema:
        kind = schema["properties"].get("kind", {}).get("const")
        path = f"{path} ({kind})" if kind else path
        yield path, schema
    for key, inner in schema.get("properties", {}).items():
        yield from blocks(inner, f"{path}.{key}", models)
    for _, inner in members(schema):
        yield from blocks(inner, f"{path}.NAME", models)
    if isinstance(schema.get("items"), dict):
        yield from blocks(schema["items"], f"{path}[]", models)
    for inner in options(schema):
        yield from blocks(inner, path, models)


def rows(block: Schema, path: str, seen: dict[str, str]) -> Iterator[str]:
    """The lines of a block. Keys that have the same line in a block above share one."""
    yield row(f"**`{path}`**", "", "", (block.get("description") or "").split("\n\n")[0])
    as_above: dict[str, list[str]] = {}
    for key, schema in block["properties"].items():
        if key == "kind" and "const" in schema:  # stands in the path
            continue
        line = row(f"`{key}`", values(schema), default(key, block), schema.get("description", ""))
        if line in seen:
            as_above.setdefault(seen[line], []).append(f"`{key}`")
        else:
            seen[line] = path
            yield line
    yield from (row(", ".join(keys), "", "", f"as of `{at}`") for at, keys in as_above.items())


def row(*cells: str) -> str:
    """One line of a table in Markdown."""
    return f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in cells)} |"


def default(key: str, block: Schema) -> str:
    """A key's default as JSON, or `required`; nothing where the schema has none."""
    if key in block.get("required", ()):
        return "required"
    if key in block.get("x-in-common", ()):
        return "required, or in `common`"
    schema = block["properties"][key]
    return f"`{json.dumps(schema['default'], ensure_ascii=False)}`" if "default" in schema else ""


def values(schema: Schema) -> str:
    """What a value may be, in words."""
    if several := options(schema):
        return " or ".join(dict.fromkeys(map(values, several)))
    if allowed := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{json.dumps(value).strip(chr(34))}`" for value in allowed)
    if inner := members(schema):
        return f"{'by name' if inner[0][0] == NAME else 'mapping'}: {grouped(inner[0][1])}"
    if "prefixItems" in schema:
        return f"[{', '.join(map(values, schema['prefixItems']))}]"
    return f"list: {grouped(schema['items'])}" if "items" in schema else plain(schema)


def plain(schema: Schema) -> str:
    """The type of a value without alternatives, and its bounds, in words."""
    words = {"boolean": "true or false", "object": "mapping", "string": "text", None: "block"}
    kind = schema.get("format") or words.get(schema.get("type"), schema.get("type"))
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]}" for key, sign in signs.items() if key in schema]
    return "name" if schema.get("pattern") == NAME else f"{kind} {', '.join(bounds)}".strip()


def grouped(schema: Schema) -> str:
    """What a value may be, in words, and in brackets where it has alternatives."""
    words = values(schema)
    return f"({words})" if options(schema) and " or " in words else words


def members(schema: Schema) -> list[tuple[str, Schema]]:
    """What a mapping with free keys holds: the form of a key, and the schema of its values."""
    if isinstance(schema.get("additionalProperties"), dict):
        return [("", schema["additionalProperties"])]
    return list(schema.get("patternProperties", {}).items())


def options(schema: Schema) -> list[Schema]:
    """The schemas of a value's alternatives; none where it has none."""
    return [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
