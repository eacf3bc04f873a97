"""No caption costs a table its identifier, though Quarto cuts that off by rules of its own."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pypandoc
import pytest

from rejeu.report.escape import markdown
from rejeu.report.write import write
from tests.report.sample import HOSTILE

ABBREVIATIONS = ("n.", "p.", "cf.", "vs.", "M.", "etc.", "e.g.", "Fig.", "No.", "av. J.-C.")


def tables(text: str, reader: str) -> list[Any]:
    """The tables that pandoc finds."""
    done = subprocess.run(
        [pypandoc.get_pandoc_path(), f"--from={reader}", "--to=json"],
        input=text,
        capture_output=True,
        check=True,
        text=True,
    )
    return [block["c"] for block in json.loads(done.stdout)["blocks"] if block["t"] == "Table"]


def quarto_identifier(text: str) -> str:
    """What Quarto takes for a table's attributes: from the first word that begins with a brace.

    pandoc cuts none off where it is told not to, as Quarto tells it.
    """
    ((_, (_, (caption,)), *_),) = tables(text, "markdown-table_attributes")
    words = [each.get("c") for each in caption["c"]]
    begins = [isinstance(word, str) and word.startswith("{") for word in words]
    return "".join(word if isinstance(word, str) else " " for word in words[begins.index(True) :])


def written(folder: Path, caption: str) -> str:
    template = folder / "report.qmd.j2"
    template.write_text("| a | b |\n|---|---|\n| 1 | 2 |\n\n: {{ caption }} {#tbl-x}\n")
    return write(template, {"caption": caption})


@pytest.mark.parametrize(
    "caption",
    [
        *(f"Pertes moyennes, {word}" for word in ABBREVIATIONS),
        "Un mot {qui commence} par une accolade",
        "Tout {#tbl-y} à la fois, p.",
        "Une fin}",
        HOSTILE,
    ],
)
def test_a_caption_keeps_its_identifier(tmp_path: Path, caption: str) -> None:
    text = written(tmp_path, caption)
    assert quarto_identifier(text) == "{#tbl-x}"
    ((identifier, *_), (_, (shown,)), *_) = tables(text, "markdown")[0]
    assert identifier == "tbl-x"
    plain = subprocess.run(
        [pypandoc.get_pandoc_path(), "--from=json", "--to=plain", "--wrap=none"],
        input=json.dumps({"pandoc-api-version": [1, 23], "meta": {}, "blocks": [shown]}),
        capture_output=True,
        check=True,
        text=True,
    )
    assert plain.stdout.split() == caption.split()


def test_without_the_guard_it_would_be_lost() -> None:
    with pytest.raises(ValueError, match="not in list"):
        quarto_identifier("| a | b |\n|---|---|\n| 1 | 2 |\n\n: sur n. {#tbl-x}\n")


def test_what_a_template_says_itself_is_guarded_too(tmp_path: Path) -> None:
    template = tmp_path / "report.qmd.j2"
    template.write_text(
        f"| a | b |\n|---|---|\n| 1 | 2 |\n\n: Sur {markdown('{n')} n. {{#tbl-x}}\n"
    )
    assert quarto_identifier(write(template, {})) == "{#tbl-x}"
