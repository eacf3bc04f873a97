"""Typst source to an accessible PDF: of one language, or of all in one document."""

import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from rejeu.errors import RejeuError

LAST_LATIN = "\u024f"
CODE_BLOCK = re.compile(r"^(`{3,}).*?^\1`*[ \t]*$", re.MULTILINE | re.DOTALL)
FIRST = "first"  # the input that says which language's half names the document


def typeset(
    source: Path, output: Path, timestamp: datetime, inputs: dict[str, str] | None = None
) -> set[str]:
    """Compile to an accessible PDF (PDF/UA-1) with the fonts that Typst brings, and no others.

    Generated text may hold any character. One that these fonts lack is printed as its code,
    ‹U+1F600›, since the standard refuses a blank box.

    Returns:
        The characters that these fonts lack.

    Raises:
        RejeuError: Typst refused the source; the message is Typst's own.
    """
    text = source.read_text(encoding="utf-8")
    lacking: set[str] = set()
    while True:
        source.write_text(_codes_for(lacking) + text, encoding="utf-8")
        try:
            compiler = typst.Compiler(
                source, root=source.parent, ignore_system_fonts=True, sys_inputs=inputs or {}
            )
            compiler.compile(
                output=output, format="pdf", pdf_standards=["ua-1"], timestamp=timestamp
            )
        except typst.TypstError as error:
            clusters = re.findall(r'the text `"(.+?)"` could not be displayed', error.diagnostic)
            # The message names whole clusters, whose base letter may be an ordinary one.
            named = set(_literal("".join(clusters))) - lacking
            new = {character for character in named if character > LAST_LATIN} or named
            if not new:
                raise RejeuError(f"{source}: typst failed:\n{error.diagnostic}") from error
            lacking |= new
        else:
            return lacking


def missing_glyphs(text: str) -> set[str]:
    """The characters of a text that Typst's fonts lack."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "text.typ")
        rare = sorted({character for character in text if character > "\xa0"})
        spelled = "".join(rf"\u{{{ord(character):x}}} " for character in rare)
        source.write_text(f'#set document(title: "a")\n#"{spelled}"\n', encoding="utf-8")
        return typeset(source, source.with_suffix(".pdf"), datetime(2000, 1, 1, tzinfo=UTC))


def refuse_missing_glyphs(source: Path, lacking: set[str]) -> None:
    """Refuse a report whose own words hold a character that no font has.

    Data may hold any: they are written as entities (`escape.rare`), or stand in code blocks.

    Raises:
        RejeuError: with the line and the code of the first such character.
    """
    text = CODE_BLOCK.sub(lambda code: "\n" * code[0].count("\n"), source.read_text("utf-8"))
    for number, line in enumerate(text.split("\n"), 1):
        for character in sorted(lacking.intersection(line)):
            raise RejeuError(f"{source}, line {number}: {no_glyph(character)}")


def no_glyph(character: str) -> str:
    """What is wrong with a character that no font has."""
    return (
        f"no bundled font has U+{ord(character):04X} ({character}); expected characters that can "
        "be printed: write another one"
    )


def typeset_halves(
    halves: Sequence[tuple[str, Path]], folder: Path, output: Path, timestamp: datetime
) -> None:
    """Compile the sources of several languages to one document, in which each is a half.

    Pages, headings, figures, tables and formulas are numbered anew in each half; the first one's
    title and author are the document's.

    Args:
        halves: each language and its Typst source, which lies in `folder` beside its figures.

    Raises:
        RejeuError: as `typeset` does.
    """
    first = halves[0][0]
    lines = [
        f'#set text(lang: "{first}")',  # of the document; each half says its own
        *(f'#include "{source.relative_to(folder)}"' for _, source in halves),
    ]
    main = folder / "report.typ"
    main.write_text("\n".join(lines) + "\n", encoding="utf-8")
    whole = folder / "whole.pdf"
    typeset(main, whole, timestamp, {FIRST: first})
    mark_languages(whole, [language for language, _ in halves], output)


def mark_languages(document: Path, languages: Sequence[str], output: Path) -> None:
    """Put each half of a tagged document in a section that says its language.

    Typst says the language of text alone, so that what has none, as a figure with its alternative
    text, would be read in the document's, that of the first half.
    """
    reader = PdfReader(document)
    titles = [item for item in reader.outline if not isinstance(item, list)]
    begins = [reader.get_destination_page_number(title) or 0 for title in titles]
    writer = PdfWriter(clone_from=reader)
    writer.pdf_header = reader.pdf_header  # 1.7, as PDF/UA wants; else it would say 1.3
    pages: list[Any] = list(writer.pages)
    numbers = {page.indirect_reference.idnum: number for number, page in enumerate(pages)}
    root: Any = writer.root_object
    (body,) = root["/StructTreeRoot"]["/K"]
    children_of: list[list[Any]] = [[] for _ in languages]
    for child in body.get_object()["/K"]:
        page = numbers[next(pages_of(child))]
        children_of[bisect_right(begins, page) - 1].append(child)
    sections = ArrayObject()
    for language, children in zip(languages, children_of, strict=True):
        section = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/StructElem"),
                NameObject("/S"): NameObject("/Sect"),
                NameObject("/P"): body.get_object().indirect_reference,
                NameObject("/Lang"): TextStringObject(language),
                NameObject("/K"): ArrayObject(children),
            }
        )
        reference = writer._add_object(section)
        for child in children:
            child.get_object()[NameObject("/P")] = reference
        sections.append(reference)
    body.get_object()[NameObject("/K")] = sections
    with output.open("wb") as stream:
        writer.write(stream)


def pages_of(node: Any) -> Iterator[int]:
    """The numbers of the objects that are the pages of a structure element's content, in order."""
    node = node.get_object()
    if isinstance(node, ArrayObject):
        for each in node:
            yield from pages_of(each)
    elif isinstance(node, DictionaryObject):
        if "/Pg" in node:
            yield node.raw_get("/Pg").idnum
        yield from pages_of(node["/K"]) if "/K" in node else ()


def _literal(quoted: str) -> str:
    """The text of a message, where Typst writes what has no picture as `\\u{378}`."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), quoted)


def _codes_for(characters: set[str]) -> str:
    if not characters:
        return ""
    listed = "".join(rf"\u{{{ord(character):x}}}" for character in sorted(characters))
    shown = "‹U+#upper(str(str.to-unicode(it.text), base: 16))›"
    return f'#show regex("[{listed}]"): it => [{shown}]\n'
