"""A report with a hole in it does not come out, whichever program turns the text."""

import re
import shutil
from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.report import escape
from rejeu.report.render import render
from rejeu.report.typeset import missing_glyphs
from tests.report.sample import ASSETS, TIMESTAMP, write_source

# By what is wrong: a text of the sample, what stands there instead, and what is said of it.
MUTATIONS = {
    "an identifier lost": (
        'fig-alt="Reproduced curve"',
        "fig-alt=Reproduced curve",
        "#fig-ours-en is lost in",
    ),
    "an identifier of a table lost": (
        ": Reproduced. {#tbl-ours-en}",
        ": Reproduced. {#tbl-ours-en",
        "a captioned table needs an identifier",
    ),
    "an identifier twice": ("#fig-ref-en", "#fig-loss-en", "#fig-loss-en is used twice"),
    "a table without one": ("{#tbl-ours-en}", "", "a captioned table needs an identifier"),
    "a figure without one": ("{#fig-ours-en ", "{", "a captioned figure needs an identifier"),
    "a figure's caption empty": ("![Reproduced.]", "![]", "the caption of #fig-ours-en is empty"),
    "a figure's caption blank": (
        "![Reproduced.]",
        "![\u00a0]",
        "the caption of #fig-ours-en is empty",
    ),
    "a table's caption empty": (
        ": Reproduced. {#tbl",
        ": {#tbl",
        "the caption of #tbl-ours-en is empty",
    ),
    "an alternative text empty": ('"Reference curve"', '""', "figure.svg has no fig-alt"),
    "an alternative text blank": ('"Reproduced curve"', '" "', "#fig-ours-en is lost in"),
    "a glyph": ("The base model", "The base \u6f22 model", "no bundled font has U+6F22"),
    "a glyph in a title": (
        "Training and fine",
        "Training \U0001f600 fine",
        "no bundled font has U+1F600",
    ),
    "a glyph in a caption": ("The measures", "The \u0e01", "no bundled font has U+0E01"),
    "a reference to nothing": ("@fig-loss-en falls", "@fig-lost-en falls", "@fig-lost-en"),
    "a section to nothing": ("@sec-lora-en", "@sec-lara-en", "@sec-lara-en"),
    "a link to nothing": ("LoRA [@hu2021lora]", "[LoRA](#nowhere) [@hu2021lora]", "nowhere"),
    "a footnote to nothing": ("model[^note]", "model[^note][^nil]", "[^nil] is no footnote"),
    "a citation to nothing": ("[@hu2021lora]", "[@hu2021lara]", "hu2021lara"),
    "a missing image": ("figures/figure.svg", "figures/absent.svg", "absent.svg"),
}


@pytest.mark.parametrize("renderer", ["embedded", "quarto"])
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_hole_is_an_error(quarto: None, tmp_path: Path, renderer: str, mutation: str) -> None:
    before, after, said = MUTATIONS[mutation]
    source = write_source(tmp_path / "source", "en", (before, after))
    pdf, html = tmp_path / "report.pdf", tmp_path / "report.html"
    pdf.write_text("the last good one")
    with pytest.raises(RejeuError, match=re.escape(said)):
        render(source, ASSETS, pdf, html, renderer=renderer, timestamp=TIMESTAMP)
    assert pdf.read_text() == "the last good one"
    assert not html.exists()


@pytest.mark.parametrize("target", ["HTML", "Typst"])
def test_an_identifier_that_pandoc_loses_fails(tmp_path: Path, target: str) -> None:
    """By a filter of the study's own, which stands for whatever may lose it."""
    assets = shutil.copytree(ASSETS, tmp_path / "assets")
    name, loses = {
        "HTML": ("places.lua", "FORMAT:match 'html'"),
        "Typst": ("halves.lua", "FORMAT:match 'typst'"),
    }[target]
    (assets / name).write_text(
        f"if not {loses} then return {{}} end\n"
        "function Table(el) if el.identifier == 'tbl-ours-en' then el.identifier = '' end\n"
        "return el end\n"
    )
    source = write_source(tmp_path / "source", "en")
    with pytest.raises(RejeuError, match=f"#tbl-ours-en is lost in {target}"):
        render(
            *(source, assets, tmp_path / "report.pdf", tmp_path / "report.html"),
            renderer="embedded",
            timestamp=TIMESTAMP,
        )


def test_what_is_written_literally_of_data_has_a_glyph() -> None:
    """Else data could keep a report from coming out."""
    written = "".join(map(chr, range(0xA1, 0x250))) + escape.SURE
    assert missing_glyphs(written) == set()
