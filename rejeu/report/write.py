"""Write one language's report source from its template and the results."""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rejeu.report import escape

ENGINE = Path(__file__).parent  # where its own templates lie
CAPTION = re.compile(r"^(: .*\S)[ \t]+(\{#tbl-[^{}]*\})[ \t]*$", re.MULTILINE)  # of a table


def template_of(texts: Path, language: str) -> Path:
    """A study's template of a language in its folder `texts`, or the plain one if it has none."""
    own = texts / language / "report.qmd.j2"
    return own if own.is_file() else ENGINE / "plain.qmd.j2"


def write(template: Path, context: dict[str, Any]) -> str:
    """Fill `template` (Markdown with Jinja2).

    All values are escaped to read literally in Markdown, unless a filter made them safe: `code`
    for a code block, `attribute` for an attribute. A name that isn't in `context` is an error.
    """
    text = environment(template.parent).get_template(template.name).render(context)
    return CAPTION.sub(lambda found: f"{guarded(found[1])} {found[2]}", text)


def guarded(caption: str) -> str:
    """A table's caption whose identifier after it can't be lost, whatever it says.

    pandoc takes `n.` and its like for abbreviations and glues the next word on; Quarto looks for
    the first word that begins with a brace.
    """
    closed = re.sub(r"(?<=\w)\.$", r"\.", caption)
    return re.sub(r"(?<=\s)(\\?\{\S*)", r"[\1]{}", closed)


def environment(folder: Path) -> Environment:
    """How the templates of a folder are read.

    What they include or import is looked for there, in the folder above (what all languages share)
    and among the engine's own.
    """
    templates = Environment(
        loader=FileSystemLoader([folder, folder.parent, ENGINE]),
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
    templates.filters |= {
        "code": lambda text: Markup(escape.code_block(text)),  # noqa: S704
        "attribute": lambda text: Markup(escape.attribute(text)),  # noqa: S704
        # Front matter is YAML first, then Markdown.
        "yaml": lambda text: Markup(json.dumps(escape.markdown(text), ensure_ascii=False)),  # noqa: S704
        "id": lambda name: Markup(name.replace("_", "-")),  # noqa: S704
        "file": Markup,  # names of figures: made of checked names of experiments
        "fill": fill,
    }
    return templates


def fill(text: str, **values: Any) -> Markup:
    """Put values in the places of a text of the template's own, which is left as it is."""
    escaped = {
        name: value if isinstance(value, Markup) else Markup(escape.markdown(str(value)))  # noqa: S704
        for name, value in values.items()
    }
    return Markup(str(text).format(**escaped))  # noqa: S704
