"""All languages in one document: its structure, read from the file as a screen reader would."""

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject

from rejeu.report.typeset import typeset_halves
from tests.report.sample import HOSTILE, TIMESTAMP, printed, squeezed

Pair = tuple[Path, Path]
BOOKMARKS = {
    "Rejeu du devoir\u00a06": ["1 Partie 1", "2 Partie 2", "Bibliographie"],
    "Assignment\u00a06, rebuilt": ["1 Part 1", "2 Part 2", "References"],
}


def joined(folder: Path, french: Pair, english: Pair) -> Path:
    halves = []
    for language, (pdf, _) in {"fr": french, "en": english}.items():
        shutil.copytree(pdf.parent / "source", folder / language)
        halves.append((language, folder / language / "report.typ"))
    typeset_halves(halves, folder, folder / "report.pdf", TIMESTAMP)
    return folder / "report.pdf"


@pytest.fixture(scope="module")
def whole(french: Pair, english: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return joined(tmp_path_factory.mktemp("whole"), french, english)


@dataclass(frozen=True)
class Element:
    """A node of a PDF's structure, and the language of what it holds."""

    kind: str
    entries: DictionaryObject
    language: str
    above: tuple[str, ...]

    def has(self, *keys: str) -> bool:
        """Whether it says each of these, with some text."""
        return all(str(self.entries.get(key, "")).strip() for key in keys)


def elements(reader: PdfReader) -> list[Element]:
    """All nodes of the structure tree, in the order in which they are read."""
    root: Any = reader.root_object
    roles = root["/StructTreeRoot"].get("/RoleMap", {})

    def below(node: Any, language: str, above: tuple[str, ...]) -> Iterator[Element]:
        node = node.get_object()
        if isinstance(node, ArrayObject):
            for each in node:
                yield from below(each, language, above)
        elif isinstance(node, DictionaryObject) and "/S" in node:
            kind = str(roles.get(node["/S"], node["/S"]))
            language = str(node.get("/Lang", language))
            yield Element(kind, node, language, above)
            if "/K" in node:
                yield from below(node["/K"], language, (*above, kind))

    return list(below(root["/StructTreeRoot"]["/K"], str(root["/Lang"]), ()))


def test_it_says_that_it_is_tagged_and_for_whom(whole: Path) -> None:
    reader = PdfReader(whole)
    assert reader.pdf_header == "%PDF-1.7"
    assert reader.root_object["/MarkInfo"]["/Marked"]  # pyright: ignore
    assert reader.root_object["/Lang"] == "fr"
    assert reader.xmp_metadata is not None
    assert "<pdfuaid:part>1</pdfuaid:part>" in whole.read_bytes().decode("latin-1")
    assert reader.metadata is not None
    assert reader.metadata.title == "Rejeu du devoir\u00a06"
    assert reader.metadata.author == "Étienne Collin"


def test_headings_stand_one_level_below_another(whole: Path) -> None:
    levels = [
        int(each.kind[2:])
        for each in elements(PdfReader(whole))
        if each.kind[:2] == "/H"
        if each.kind[2:].isdigit()
    ]
    assert levels.count(1) == 2  # a title for each language
    assert levels[0] == 1
    assert all(here <= before + 1 for before, here in itertools.pairwise(levels))
    assert max(levels) >= 3


def test_tables_have_headers_and_figures_and_formulas_a_text(whole: Path) -> None:
    found = elements(PdfReader(whole))
    tables = [each for each in found if each.kind == "/Table"]
    assert len(tables) >= 8
    rows = [each for each in found if each.kind == "/TH"]
    assert len(rows) >= 2 * len(tables)
    figures = [each for each in found if each.kind == "/Figure"]
    formulas = [each for each in found if each.kind == "/Formula"]
    assert len(figures) >= 4
    assert len(formulas) >= 4
    assert all(each.has("/Alt") for each in (*figures, *formulas))


def test_each_half_is_read_in_its_language(whole: Path) -> None:
    found = elements(PdfReader(whole))
    halves = [each for each in found if each.kind == "/Sect"]
    assert [each.language for each in halves] == ["fr", "en"]
    assert all("/Sect" in each.above for each in found if each.kind not in ("/Document", "/Sect"))
    english = found[found.index(halves[1]) :]
    assert {each.language for each in english} == {"en"}
    french = found[1 : found.index(halves[1])]
    # Typst says that code is English, and so what holds nothing else.
    words = ("/H1", "/H2", "/H3", "/Caption", "/Figure", "/Formula")
    assert {each.language for each in french if each.kind in words} == {"fr"}


def test_headers_and_footers_are_not_read(whole: Path) -> None:
    for page in PdfReader(whole).pages[1:]:
        content: Any = page.get_contents()
        assert b"/Artifact" in content.get_data()


def test_bookmarks_stand_under_each_language_s_title(whole: Path) -> None:
    reader = PdfReader(whole)
    titles, under = reader.outline[::2], reader.outline[1::2]
    found = {
        str(title.title): [str(item.title) for item in items if not isinstance(item, list)]
        for title, items in zip(titles, under, strict=True)
        if not isinstance(title, list) and isinstance(items, list)
    }
    assert found == BOOKMARKS
    assert reader.page_labels.count("1") == 2


def test_every_link_stays_in_its_half(whole: Path, french: Pair, english: Pair) -> None:
    reader = PdfReader(whole)
    pages = len(PdfReader(french[0]).pages)
    assert len(reader.pages) == pages + len(PdfReader(english[0]).pages)
    followed = 0
    for number, page in enumerate(reader.pages):
        for entry in page.get("/Annots") or ():
            link: Any = entry.get_object()
            place = link.get("/Dest") or link.get("/A", {}).get("/D")
            if place is None:
                continue
            named = place.get_object()
            array = (
                named
                if isinstance(named, ArrayObject)
                else reader.named_destinations[str(named)].dest_array
            )
            target = reader.get_page_number(array[0].get_object())
            assert target is not None
            assert (target < pages) == (number < pages)
            followed += 1
    assert followed > 30


def test_both_halves_read_as_they_do_alone(whole: Path, french: Pair, english: Pair) -> None:
    def text(path: Path) -> str:
        return squeezed("".join(page.extract_text() for page in PdfReader(path).pages))

    assert text(whole) == text(french[0]) + text(english[0])
    assert text(whole).count(printed(HOSTILE)) >= 7


def test_the_same_sources_give_the_same_bytes(
    whole: Path, french: Pair, english: Pair, tmp_path: Path
) -> None:
    assert joined(tmp_path / "again", french, english).read_bytes() == whole.read_bytes()
