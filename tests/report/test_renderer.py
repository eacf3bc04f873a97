"""Quarto in place of pandoc: what is done around it, tried with a program that answers alike."""

import subprocess
from pathlib import Path

import pypandoc
import pytest
from pypdf import PdfReader

from rejeu.errors import RejeuError
from rejeu.report import renderer
from rejeu.report.provenance import turned_by
from rejeu.report.render import LOOK, render
from tests.report.sample import ASSETS, TIMESTAMP, squeezed, write_source
from tests.report.test_typeset import elements


def by_quarto(folder: Path) -> str:
    source = write_source(folder / "source", "fr")
    return render(
        *(source, ASSETS, folder / "report.pdf", folder / "report.html"),
        renderer="quarto",
        timestamp=TIMESTAMP,
    )


def test_auto_is_the_same_on_every_machine(quarto: None) -> None:
    assert renderer.chosen("auto") == renderer.chosen("embedded") == "embedded"
    assert renderer.chosen("quarto") == "quarto 1.10.18"
    renderer.refuse_unusable("embedded")
    renderer.refuse_unusable("quarto 1.10.18")


def test_no_quarto_and_an_old_one_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    renderer.quarto_version.cache_clear()
    with pytest.raises(RejeuError, match="no `quarto` is on PATH"):
        renderer.refuse_unusable(renderer.chosen("quarto"))
    with pytest.raises(RejeuError, match=r"the one on PATH is 1\.8\.27; expected 1\.9 or newer"):
        renderer.refuse_unusable("quarto 1.8.27")


def test_its_source_is_typeset_as_pandoc_s_is(
    quarto: None, tmp_path: Path, french: tuple[Path, Path]
) -> None:
    assert "Output created: report.html" in by_quarto(tmp_path)
    pdf = PdfReader(tmp_path / "report.pdf")
    ours = PdfReader(french[0])

    def text(reader: PdfReader) -> str:
        return squeezed("".join(page.extract_text() for page in reader.pages))

    assert text(pdf) == text(ours)
    assert [each.kind for each in elements(pdf)] == [each.kind for each in elements(ours)]
    typst = (tmp_path / "source" / "report.typ").read_text(encoding="utf-8")
    assert "<fr-refs>" in typst
    assert "<fr-ref-hu2021lora>" in typst


@pytest.mark.parametrize("lost", ["tbl-metrics-fr", "fig-loss-fr", "sec-lora-fr"])
def test_an_identifier_that_it_loses_fails(
    quarto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    monkeypatch.setenv("LOSES", lost)
    with pytest.raises(RejeuError, match=rf"#{lost} is lost in|typst failed"):
        by_quarto(tmp_path)
    assert not (tmp_path / "report.pdf").exists()


def test_what_it_says_of_a_hole_fails(
    quarto: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAYS", "WARN: Unable to resolve crossref @fig-x")
    with pytest.raises(RejeuError, match="left something unresolved:\nWARN: Unable"):
        by_quarto(tmp_path)


def test_provenance_names_the_program_that_turned_the_text() -> None:
    assert turned_by("quarto 1.10.18") == {"quarto": "1.10.18"}
    assert list(turned_by("embedded")) == ["pypandoc-binary"]


def test_formulas_are_spoken_by_quarto_too() -> None:
    """By the filter that both renderers use."""
    text = 'A $x^2$ and\n\n$$"a" \\le b$$ {#eq-a}\n'
    typst = subprocess.run(
        [pypandoc.get_pandoc_path(), "--to=typst", f"--lua-filter={LOOK / 'portable.lua'}"],
        input=text,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert '#[#set math.equation(alt: "x^2");$x^2$]' in typst
    opened = typst.index(r'alt: "\"a\" \\le b");')
    assert "{\\#eq-a}]" in typst[opened:]  # which Quarto takes for the formula's identifier
