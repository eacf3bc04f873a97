"""Write one language's report source from its template and the results."""

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rejeu.report import escape


def write(template: Path, context: dict[str, Any]) -> str:
    """Fill `template` (Markdown with Jinja2).

    All values are escaped to read literally in Markdown, unless a filter made them safe: `code`
    for a code block, `attribute` for an attribute. A name that isn't in `context` is an error.
    """
    return environment(template.parent).get_template(template.name).render(context)


def environment(folder: Path) -> Environment:
    """How the templates of a folder are read."""
    found = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,  # macros give Markup, which is then left as it is
        finalize=lambda value: (
            value if isinstance(value, Markup) else Markup(escape.markdown(str(value)))  # noqa: S704
        ),
        comment_start_string="<#",  # `{#` begins an identifier in Markdown
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {
        "code": lambda text: Markup(escape.code_block(text)),  # noqa: S704
        "attribute": lambda text: Markup(escape.attribute(text)),  # noqa: S704
        # Front matter is YAML first, then Markdown.
        "yaml": lambda text: Markup(json.dumps(escape.markdown(text), ensure_ascii=False)),  # noqa: S704
        "id": lambda name: Markup(name.replace("_", "-")),  # noqa: S704
        "file": Markup,  # names of figures: made of checked names of experiments
    }
    return found
