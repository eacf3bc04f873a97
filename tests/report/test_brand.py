"""One set of colours and fonts: `_brand.yml` beside a report's source, for Quarto and for us."""

import re
from typing import Any

import pytest

from rejeu.report.figures import COLOURS
from rejeu.report.render import LOOK
from rejeu.study.strict_reading import read_yaml
from tests.report.sample import FIXTURE

CSS = (LOOK / "html" / "style.css").read_text(encoding="utf-8")
TYPST = (LOOK / "typst" / "typst-template.typ").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def brand() -> dict[str, Any]:
    return read_yaml(LOOK / "_brand.yml")


def test_figures_pages_and_html_have_its_colours(brand: dict[str, Any]) -> None:
    palette = brand["color"]["palette"]
    series = [colour for name, colour in palette.items() if name.startswith("series-")]
    assert series == COLOURS
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", CSS.split("@media")[0]))
    own = {name: colour for name, colour in palette.items() if not name.startswith("series-")}
    assert {name: light[name] for name in own} == own
    assert set(re.findall(r"#[0-9a-f]{6}\b", TYPST)) <= set(palette.values())
    assert brand["color"]["primary"] in palette


def test_pages_and_html_have_its_fonts(brand: dict[str, Any]) -> None:
    fonts = brand["typography"]
    assert set(re.findall(r'font: "([^"]+)"', TYPST)) == {fonts["base"], fonts["monospace"]}
    assert f'"{fonts["base"]}"' in CSS
    assert f'"{fonts["monospace"]}"' in CSS


def test_it_lies_beside_the_source_and_says_nothing_twice(french: Any) -> None:
    source = french[0].parent / "source"
    project = read_yaml(source / "_quarto.yml")
    assert (source / project["brand"]).read_bytes() == (LOOK / "_brand.yml").read_bytes()
    front = (FIXTURE / "report.fr.qmd").read_text(encoding="utf-8").split("---\n")[1]
    said = set(re.findall(r"^([\w-]+):", front, re.MULTILINE))
    assert len(said) > 10
    assert not said & set(project)
