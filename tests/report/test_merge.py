from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from pypdf.generic import ArrayObject

from rejeu.report.merge import merge

Pair = tuple[Path, Path]


@pytest.fixture(scope="module")
def merged(french: Pair, english: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("merged") / "report.pdf"
    merge([("Français", french[0]), ("English", english[0])], output, "Rapport / Report")
    return output


def links(reader: PdfReader) -> list[tuple[int, Any]]:
    """Return (page, destination) for each internal link, in order."""
    found = []
    for number, page in enumerate(reader.pages):
        for annotation in page.get("/Annots") or ():
            link = annotation.get_object()
            if "/Dest" in link:
                found.append((number, link["/Dest"]))
    return found


def place(reader: PdfReader, destination: Any) -> tuple[int, tuple[float, ...]]:
    """Return the page number and the position that a link's destination, or its name, means."""
    array = destination.get_object()
    if not isinstance(array, ArrayObject):
        array = reader.named_destinations[str(array)].dest_array
    page = reader.get_page_number(array[0].get_object())
    assert page is not None
    return page, tuple(float(value) for value in array[2:])


def test_every_link_lands_where_it_did_in_its_own_half(merged: Path, french: Pair, english: Pair):
    whole = PdfReader(merged)
    expected, first = [], 0
    for part in (PdfReader(french[0]), PdfReader(english[0])):
        for page, destination in links(part):
            target, position = place(part, destination)
            expected.append((first + page, (first + target, position)))
        first += len(part.pages)
    assert first == len(whole.pages)
    found = [(page, place(whole, destination)) for page, destination in links(whole)]
    assert found == expected
    assert len(found) > 30


def test_bookmarks_nest_under_each_language(merged: Path, french: Pair):
    reader = PdfReader(merged)
    top = [item for item in reader.outline if not isinstance(item, list)]
    assert [str(item.title) for item in top] == ["Français", "English"]
    pages = [reader.get_destination_page_number(item) for item in top]
    assert pages == [0, len(PdfReader(french[0]).pages)]
    nested = [item for item in reader.outline if isinstance(item, list)]
    inside = [[str(i.title) for i in part if not isinstance(i, list)] for part in nested]
    assert inside == [
        ["1 Partie 1", "2 Partie 2", "Bibliographie"],
        ["1 Part 1", "2 Part 2", "References"],
    ]
    for item in nested[1]:
        if not isinstance(item, list):
            page = reader.get_destination_page_number(item)
            assert page is not None
            assert page >= (pages[1] or 0)


def test_metadata_and_page_labels(merged: Path):
    reader = PdfReader(merged)
    assert reader.metadata
    assert reader.metadata.title == "Rapport / Report"
    assert reader.root_object["/Lang"] == "fr"
    assert reader.page_labels.count("1") == 2
    assert not reader.named_destinations


def test_two_merges_are_byte_equal(merged: Path, french: Pair, english: Pair, tmp_path: Path):
    again = tmp_path / "again.pdf"
    merge([("Français", french[0]), ("English", english[0])], again, "Rapport / Report")
    assert again.read_bytes() == merged.read_bytes()
