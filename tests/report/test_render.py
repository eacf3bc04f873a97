import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.report.sample import (
    CODE,
    HOSTILE,
    printed,
    rendered,
    squeezed,
)

Pair = tuple[Path, Path]


class Page(HTMLParser):
    """The visible text of an HTML page, its tags, and what its attributes point to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.tags, self.ids, self.links = "", set[str](), set[str](), list[str]()
        self.alts, self.hidden = list[str](), 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.hidden += tag in ("style", "annotation")
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            elif name in ("href", "src"):
                self.links.append(value or "")
            elif name == "alt":
                self.alts.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.hidden -= tag in ("style", "annotation")

    def handle_data(self, data: str) -> None:
        self.text += "" if self.hidden else data


def pdf_text(path: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def test_french_references_read_in_french(french: Pair):
    for text in (squeezed(pdf_text(french[0])), squeezed(Page(french[1]).text)):
        for expected in (
            "Lapertedelafigure1baisse,commeleditletableau1;voiraussilasection2etl’équation1.",
            "Lesfigures1,figure2etletableau3lemontrent.",
            "affinéavecAdamW[1],[2].",
            "Figure1:Perted’entraînement",
            "Tableau1:Lesquatremesures.",
            "Tableau4:Reproduit.",
            "Tabledesmatières",
            "«çamarche»",
            "[4]E.J.Huetal.,«LoRA:Low-RankAdaptation",
            "Disponiblesur:https://arxiv.org",
        ):
            assert expected in text
        assert "ref-" not in text
        assert "{#" not in text.replace(squeezed(HOSTILE), "").replace("{#id.c}", "")


def test_english_references_read_in_english(english: Pair):
    for text in (squeezed(pdf_text(english[0])), squeezed(Page(english[1]).text)):
        for expected in (
            "ofFigure1falls,andTable1saysso;seeSection2andEquation1.",
            "Figures1,Figure2andtable2showit.",
            "Figure1:Trainingloss",
            "“LoRA:Low-RankAdaptation",
            "Available:https://arxiv.org",
        ):
            assert expected in text


@pytest.mark.parametrize(("language", "word"), [("french", "sur"), ("english", "of")])
def test_each_page_but_the_title_says_page_n_of_n(
    language: str, word: str, request: pytest.FixtureRequest
):
    pages = PdfReader(request.getfixturevalue(language)[0]).pages
    for number, page in enumerate(pages, start=1):
        footer = re.search(rf"page (\d+) {word} (\d+)", page.extract_text())
        if number == 1:
            assert footer is None
        else:
            assert footer
            assert footer.groups() == (str(number), str(len(pages)))
            assert len(page.extract_text()) > 100  # none is blank


def test_bookmarks_and_metadata(french: Pair):
    reader = PdfReader(french[0])
    title, under = reader.outline
    assert not isinstance(title, list)
    assert str(title.title) == "Rejeu du devoir\u00a06"
    assert isinstance(under, list)
    titles = [str(item.title) for item in under if not isinstance(item, list)]
    assert titles == ["1 Partie 1", "2 Partie 2", "Bibliographie"]
    assert reader.metadata
    assert reader.metadata.title == "Rejeu du devoir\u00a06"
    assert reader.metadata.author == "Étienne Collin"
    assert reader.root_object["/Lang"] == "fr"


def test_no_break_spaces_survive(french: Pair):
    assert "«\u00a0ça marche\u00a0», à 89,5\u00a0%" in " ".join(Page(french[1]).text.split(" "))
    typst = (french[0].parent / "source" / "report.typ").read_text(encoding="utf-8")
    assert "«~ça marche~», à 89,5~%" in typst


def test_hostile_text_reads_literally(french: Pair):
    page = Page(french[1])
    assert page.text.count(" ".join(HOSTILE.split(" "))) >= 5
    assert "script" not in page.tags
    assert squeezed(CODE) in squeezed(page.text)
    text = squeezed(pdf_text(french[0]))
    assert text.count(printed(HOSTILE)) >= 5
    assert printed(CODE) in text


@pytest.mark.parametrize("language", ["french", "english"])
def test_html_needs_nothing_else(language: str, request: pytest.FixtureRequest):
    page = Page(request.getfixturevalue(language)[1])
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        else:
            outside = ("data:", "https://example.org", "https://a", "https://doi", "report.")
            assert link.startswith(outside)
    assert "math" in page.tags
    assert all(page.alts)
    assert f'lang="{language[:2]}"' in request.getfixturevalue(language)[1].read_text("utf-8")


def test_each_heading_leads_to_the_same_place_in_the_other_language(
    french: Pair, english: Pair
) -> None:
    here, there = Page(french[1]), Page(english[1])
    targets = [link for link in here.links if link.startswith("report.en.html#")]
    assert len(targets) >= 3
    assert {target.partition("#")[2] for target in targets} <= there.ids
    assert "report.en.html" in here.links
    contents = french[1].read_text(encoding="utf-8").split("<main>")[0]
    assert "report.en.html#" not in contents


def test_two_renders_are_byte_equal(french: Pair, tmp_path: Path):
    again = rendered(tmp_path, "fr")
    assert again[0].read_bytes() == french[0].read_bytes()
    assert again[1].read_bytes() == french[1].read_bytes()


@pytest.mark.skipif(not shutil.which("quarto"), reason="Quarto is not on PATH")
@pytest.mark.parametrize("language", ["fr", "en"])
def test_quarto_gives_the_same_numbers(tmp_path: Path, language: str):
    pdf, html = rendered(tmp_path, language, "quarto")
    expected = {"fr": "figure1baisse,commeleditletableau1", "en": "Figure1falls,andTable1says"}
    assert expected[language] in squeezed(pdf_text(pdf))
    assert expected[language] in squeezed(Page(html).text)
    assert squeezed("{{< meta title >}}") in squeezed(pdf_text(pdf))
