"""The HTML report by axe-core, in a real browser: both themes, on a desk and on a telephone."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.report import firefox
from tests.report.browser import PROGRAM, visit

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# The page lies in a frame: a window is never as narrow as a telephone.
FRAME = """<!DOCTYPE html><html lang="en"><title>Frame</title><body>
<iframe title="page" id="page" width="{width}" height="900" srcdoc="{page}"></iframe>
<script>
addEventListener('message', event => {{
  document.body.innerHTML = '<pre id="found"></pre>'
  document.getElementById('found').textContent = event.data
}})
</script></body></html>"""
ASKED = """<script>{axe}</script><script>
axe.run(document, {{runOnly: {rules}}}).then(found => parent.postMessage(JSON.stringify({{
  violations: found.violations.map(each => [each.id, ...each.nodes.map(node => node.html)]),
  passes: found.passes.length, width: document.documentElement.scrollWidth,
}}), '*'))
</script></body>"""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is on PATH")


def asking(page: Path, axe: str, width: int, *, dark: bool) -> str:
    """A page that holds another in a frame of this width, in pixels, and asks axe-core of it."""
    text = page.read_text(encoding="utf-8")
    # The policy that lets no script run would stop axe-core too.
    text, policies = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    assert policies == 1
    if dark:
        assert "(prefers-color-scheme: dark)" in text
        text = text.replace("(prefers-color-scheme: dark)", "(min-width: 1px)")
    asked = ASKED.format(axe=axe.replace("</script", "<\\/script"), rules=RULES)
    text = text.replace("</body>", asked)
    return FRAME.format(width=width, page=html.escape(text))


def examined(page: Path, axe: str, folder: Path, width: int, *, dark: bool) -> dict[str, Any]:
    """What axe-core says of a page in Chromium, and how wide it became."""
    frame = folder / "frame.html"
    frame.write_text(asking(page, axe, width, dark=dark), encoding="utf-8")
    found = re.search(r'<pre id="found">(.*?)</pre>', visit(frame).document, re.DOTALL)
    assert found, "axe-core didn't answer"
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("language", ["french", "english"])
def test_axe_finds_nothing(
    language: str, width: int, axe: str, tmp_path: Path, request: pytest.FixtureRequest, dark: bool
) -> None:
    page = request.getfixturevalue(language)[1]
    found = examined(page, axe, tmp_path, width, dark=dark)
    assert found["violations"] == []
    assert found["passes"] > 20
    assert found["width"] <= width


def test_axe_would_find_something(axe: str, tmp_path: Path, english: tuple[Path, Path]) -> None:
    text = english[1].read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace('<html lang="en">', "<html>"), encoding="utf-8")
    (violation,) = examined(page, axe, tmp_path, 1280, dark=False)["violations"]
    assert violation[0] == "html-has-lang"


@pytest.mark.skipif(firefox.PROGRAM is None, reason="no Firefox is on PATH")
def test_axe_finds_nothing_in_firefox(
    axe: str, french: tuple[Path, Path], english: tuple[Path, Path]
) -> None:
    asked = [
        (page, width, dark)
        for _, page in (french, english)
        for width in (1280, 390)
        for dark in (False, True)
    ]
    posts = "fetch('/found', {method: 'POST', body: event.data}).then(() => location.reload())"
    pages = [asking(page, axe, width, dark=dark) for page, width, dark in asked]
    pages = [
        text.replace("document.body.innerHTML =", f"{posts}\n  document.body.innerHTML =")
        for text in pages
    ]
    for (page, width, dark), said in zip(asked, firefox.answers(pages), strict=True):
        found = json.loads(said)
        assert found["violations"] == [], (page.name, width, dark)
        assert found["passes"] > 20
        assert found["width"] <= width
