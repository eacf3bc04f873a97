"""Write one language's report source from its template and the results."""

import json
import re
import traceback
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, UndefinedError, nodes
from markupsafe import Markup

from rejeu.errors import RejeuError
from rejeu.report import escape
from rejeu.report.addresses import END, Ledger, Standing, resolved
from rejeu.report.traced import Traced, counted, origin_of, plain

ENGINE = Path(__file__).parent  # where its own templates lie
CAPTION = re.compile(r"^(: .*\S)[ \t]+(\{#tbl-[^{}]*\})[ \t]*$", re.MULTILINE)  # of a table


def template_of(texts: Path, language: str) -> Path:
    """A study's template of a language in its folder `texts`, or the plain one if it has none."""
    own = texts / language / "report.qmd.j2"
    return own if own.is_file() else ENGINE / "plain.qmd.j2"


def write(template: Path, context: dict[str, Any]) -> str:
    """Fill `template` (Markdown with Jinja2).

    All values are escaped to read literally in Markdown, unless a filter made them safe: `code`
    for a code block, `attribute` for an attribute.

    Raises:
        RejeuError: the template asks for a name that `context`, or a value of it, doesn't have.
    """
    return written(template, context, Ledger())[0]


def written(template: Path, context: dict[str, Any], ledger: Ledger) -> tuple[str, list[Standing]]:
    """Fill `template` as `write` does, and say where each number comes from.

    Args:
        ledger: that of the context's `n`, or an empty one.
    """
    templates = environment(template.parent, ledger)
    try:
        text = templates.get_template(template.name).render(context)
    except UndefinedError as error:
        frames = traceback.extract_tb(error.__traceback__)
        at = [frame for frame in frames if frame.filename.endswith(".j2")][-1]
        raise RejeuError(
            f"{at.filename}, line {at.lineno}: {error.message}; expected a name that its value has "
            "(rejeu/report/vocabulary.py lists the outermost)"
        ) from None
    return resolved(CAPTION.sub(lambda found: f"{guarded(found[1])} {found[2]}", text), ledger)


def guarded(caption: str) -> str:
    """A table's caption whose identifier after it can't be lost, whatever it says.

    pandoc takes `n.` and its like for abbreviations and glues the next word on; Quarto looks for
    the first word that begins with a brace.
    """
    closed = re.sub(rf"(?:(?<=\w)|(?<=\w{END}))\.$", r"\.", caption)
    return re.sub(r"(?<=\s)(\\?\{\S*)", r"[\1]{}", closed)


class Templates(Environment):
    """Templates of which each written number knows the line."""

    def __init__(self, ledger: Ledger | None = None, **settings: Any) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        super().__init__(finalize=partial(put, self.ledger), **settings)
        self.filters["at_line"] = self.at_line

    def at_line(self, value: Any, template: str, line: int) -> Any:
        """What is about to be written by a line of a template, noted there."""
        text = put(self.ledger, value)
        self.ledger.placed(text, template, line)
        return text

    def _generate(
        self, source: nodes.Template, name: str | None, *places: Any, **options: Any
    ) -> str:
        for output in source.find_all(nodes.Output):
            output.nodes = [
                each
                if isinstance(each, nodes.TemplateData)
                else nodes.Filter(
                    each,
                    "at_line",
                    [nodes.Const(name or ""), nodes.Const(each.lineno)],
                    [],
                    None,
                    None,
                    lineno=each.lineno,
                )
                for each in output.nodes
            ]
            for each in output.nodes:
                each.set_environment(self)
        return super()._generate(source, name, *places, **options)


def environment(folder: Path, ledger: Ledger | None = None) -> Templates:
    """How the templates of a folder are read.

    What they include or import is looked for there, in the folder above (what all languages share)
    and among the engine's own.

    Args:
        ledger: where numbers are noted; it should be that of the context's `n`.
    """
    templates = Templates(
        ledger,
        loader=FileSystemLoader([folder, folder.parent, ENGINE]),
        undefined=StrictUndefined,
        autoescape=True,  # macros give Markup, which is then left as it is
        comment_start_string="<#",  # `{#` begins an identifier in Markdown
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    note = templates.ledger
    templates.filters |= {
        "code": partial(code, note),
        "attribute": lambda text: Markup(escape.attribute(text)),  # noqa: S704
        # Front matter is YAML first, then Markdown.
        "yaml": lambda text: Markup(json.dumps(put(note, text), ensure_ascii=False)),  # noqa: S704
        "id": lambda name: Markup(name.replace("_", "-")),  # noqa: S704
        "file": lambda name: Markup(str(name)),  # noqa: S704  of checked names of experiments
        "fill": partial(fill, note),
        "join": partial(join, note),
        **dict.fromkeys(("length", "count"), counted),
    }
    return templates


def put(ledger: Ledger, value: Any) -> Markup:
    """A value as Markdown that reads as it is, with its addresses noted; Markup as it stands."""
    if isinstance(value, Markup):
        return value
    return Markup(escape.markdown(noted(ledger, value)))  # noqa: S704


def noted(ledger: Ledger, value: Any) -> str:
    """A value as text, which is noted if it is a number or knows where it stands."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number or isinstance(value, Traced)):
        return str(value)
    return ledger.noted(escape.line(str(value)), plain(value) if number else None, value)


def join(ledger: Ledger, values: Iterable[Any], by: str = "") -> str:
    """Values in a row, each noted."""
    return by.join(noted(ledger, each) for each in values)


def code(ledger: Ledger, text: str) -> Markup:
    """A block of code, with the addresses of what it shows noted."""
    block = escape.code_block(text)
    return Markup(ledger.noted(block, None, text) if origin_of(text) else block)  # noqa: S704


def fill(ledger: Ledger, text: str, **values: Any) -> Markup:
    """Put values in the places of a text of the template's own, which is left as it is."""
    escaped = {name: put(ledger, value) for name, value in values.items()}
    return Markup(str(text).format(**escaped))  # noqa: S704
