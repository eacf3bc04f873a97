"""No number is typed into a template: each comes from a result, the configuration or the reference.

What may stand there as digits (a name, a percentage that is a convention) a template lists itself,
in a comment of its own: `<# typed: Part 1; 95% #>`, and a file of words in `# typed: F1`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, nodes

from rejeu.errors import RejeuError
from rejeu.report.template_names import parsed
from rejeu.study.strict_reading import read_utf8

_TYPED = re.compile(r"(?:<#|#) typed: (.*?)(?: #>|$)", re.MULTILINE)
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# What is no text of the report's: raw blocks, formulas, attributes, targets, citations, columns.
_NO_TEXT = re.compile(
    r"^```\{=.*?^```|\$\$.*?\$\$|\$[^$\n]*\$|\{[#.=][^{}\n]*\}|\{\w*\}|\]\([^()\n]*\)|<https?://[^>\s]*>"
    r"|\[?@[\w-]+|\{#[^}\n]*|(?:width|height)=",
    re.MULTILINE | re.DOTALL,
)
_NAME = re.compile(r"[\w./-]*")  # of a file, a key or an identifier
_DIGITS = re.compile(r"[^\s(|]*\d[^\s|)]*")


def refuse_typed(templates: Environment, path: Path) -> None:
    """Refuse a template in which a number is typed.

    Raises:
        RejeuError: with the file, the line, the number, and what to do.
    """
    source = read_utf8(path)
    allowed = allowed_in(source)
    # Front matter is for the renderer; of the rest, what stands outside of expressions is text.
    front = _FRONT.match(source)
    body = "\n" * source[: front.end()].count("\n") + source[front.end() :] if front else source
    for line, text in text_of(templates, body):
        refuse_digits(f"{path}, line {line}", text, allowed, "<# typed: {} #>")
    for line, text in constants(parsed(templates, path)):
        refuse_digits(f"{path}, line {line}", text, allowed, "<# typed: {} #>")


def refuse_typed_words(path: Path, words: dict[str, str]) -> None:
    """Refuse a file of words in which a number is typed.

    Raises:
        RejeuError: as `refuse_typed` does.
    """
    allowed = allowed_in(read_utf8(path))
    for name, text in words.items():
        refuse_digits(f"{path}: {name}", text, allowed, "# typed: {}")


def allowed_in(source: str) -> list[str]:
    """What a file says may be typed in it, the longest first."""
    listed = [each.strip() for found in _TYPED.findall(source) for each in found.split(";")]
    return sorted(filter(None, listed), key=len, reverse=True)


def refuse_digits(where: str, text: str, allowed: list[str], comment: str) -> None:
    """Refuse a text with digits that aren't allowed; `where` it stands begins the message."""
    bare = _NO_TEXT.sub(" ", text)
    for each in allowed:
        words = r"\s+".join(map(re.escape, each.split()))
        bare = re.sub(rf"(?<!\w){words}(?!\w)", " ", bare)
    if found := _DIGITS.search(bare):
        typed = found[0].strip(".,;:*_")
        raise RejeuError(
            f"{where}: '{typed}' is typed by hand; expected every number to come from a result, "
            "the configuration or the reference, as {{ n.decimal(...) }}. A name or a convention "
            f"that is no result may be listed in a comment of the file: {comment.format(typed)}"
        )


def text_of(templates: Environment, source: str) -> Iterator[tuple[int, str]]:
    """What a template has outside of expressions and comments: each piece with its line."""
    pieces: list[tuple[int, str]] = []
    for line, kind, value in templates.lex(source):
        if kind == "data":
            pieces.append((line, value))
        elif kind in ("variable_begin", "block_begin"):
            # So that digits on both sides of an expression aren't read as one, and an attribute
            # that holds one stays one.
            pieces.append((line, "\N{OBJECT REPLACEMENT CHARACTER}"))
    whole = "".join(text for _, text in pieces)
    starts = [line for line, text in pieces for _ in text]
    for found in re.finditer(r"[^\n]+", _blanked(whole)):
        offset = starts[found.start()]
        yield offset + _newlines_before(pieces, found.start()), found[0]


def _newlines_before(pieces: list[tuple[int, str]], place: int) -> int:
    length = 0
    for _, text in pieces:
        if place < length + len(text):
            return text[: place - length].count("\n")
        length += len(text)
    return 0


def _blanked(text: str) -> str:
    """The text without what spans lines and is no text: raw blocks and displayed formulas."""
    return re.sub(
        r"(?:^|\uFFFC)```\{=.*?^```|\$\$.*?\$\$",
        lambda found: re.sub(r"[^\n]", " ", found[0]),
        text,
        flags=re.MULTILINE | re.DOTALL,
    )


def constants(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Sentences and numbers in what a template writes, which stand in expressions."""
    for output in tree.find_all((nodes.Output, nodes.Assign)):
        for each in output.find_all(nodes.Const):
            if isinstance(each.value, str) and not _NAME.fullmatch(each.value):
                yield each.lineno, each.value
        written = output.nodes if isinstance(output, nodes.Output) else []
        for before, each in zip([None, *written], written, strict=False):
            # The width of a figure is no number of the report's.
            text = before.data if isinstance(before, nodes.TemplateData) else ""
            if not text.endswith(("width=", "height=")):
                yield from numbers_in(each)


def numbers_in(node: Any) -> Iterator[tuple[int, str]]:
    """Numbers that are written as they are, bare or by one of `n`'s methods."""
    match node:
        case nodes.Const(value=int() | float() as value) if not isinstance(value, bool):
            yield node.lineno, str(value)
        case nodes.CondExpr():
            yield from numbers_in(node.expr1)
            yield from numbers_in(node.expr2)
    for call in (node, *node.find_all(nodes.Call)):
        match call:
            case nodes.Call(
                node=nodes.Getattr(node=nodes.Name(name="n")), args=[nodes.Const(value=value), *_]
            ):
                yield call.lineno, str(value)
