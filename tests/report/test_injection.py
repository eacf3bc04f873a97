"""Data that hold markup are read as text: in the report's PDF, its HTML, and in a browser."""

import re
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from rejeu.job.whole_files import read_json, write_json
from rejeu.report.render import LOOK, render
from rejeu.report.write import write
from tests.report.browser import PROGRAM, visit
from tests.report.results_folder import LANGUAGES, ROOT, read_context, write_results
from tests.report.sample import ASSETS, FIXTURE, HOSTILE, TIMESTAMP, printed, squeezed
from tests.report.test_render import Page

# In a code block, lines count.
BLOCK = "\n```\n\n# T\n\n::: {.verdict}\n```{=html}\n<script>x()</script>\n#import x\n"
ATTACK = "<script>document.title='ran'</script><img src=x onerror=document.title='ran'>"
IN_A_BROWSER = pytest.mark.skipif(
    PROGRAM is None, reason="no Chromium on PATH to render the HTML (Debian: apt install chromium)"
)


@dataclass
class Marked:
    """Makes hostile texts that can be told apart: each begins with what it is, and whose."""

    texts: set[str] = field(default_factory=set)

    def __call__(self, what: str, whose: str = "the report", more: str = "") -> str:
        text = f"{what} of {whose}: {HOSTILE}{more}"
        self.texts.add(text)
        return text


def poisoned(folder: Path, study: dict[str, Any], language: str, mark: Marked) -> dict[str, Any]:
    """Put hostile text wherever data reach the report; return the names for the template."""
    for name, part in study["parts"].items():
        part["model"] = mark("model", name)
        for experiment, settings in part["experiments"].items():
            settings["title"] = {language: mark("title", experiment)}
    for key in ("title", "subtitle"):
        study["report"][key] = {language: mark(key)}
    study["parts"]["lora"]["generation"]["prompt"] = mark("prompt")
    study["licences"] = {name: mark("licence", name) for name in study["licences"]}
    study["statements"] = {
        claim: {language: mark("statement", claim)} for claim in study["statements"]
    }
    for path in sorted(folder.rglob("*.json")):
        content = read_json(path)
        poison_file(path, content, mark)
        write_json(path, content)
    names = read_context(folder, study, language)
    source = names["reference"]["source"]
    source["author"], source["course"] = mark("author"), {language: mark("course")}
    names["reference"]["lora"]["generation"]["text"] = mark("text", "the reference", BLOCK)
    return names


def poison_file(path: Path, content: Any, mark: Marked) -> None:
    """Put hostile text into one result file where it may hold any."""
    experiment = path.parents[1].name
    if path.name == "source.json":
        name = path.parent.name
        content["source"]["package"] = mark("package", name)
        content["revision"] = mark("revision", name)
        content["files"] = {
            mark("file", f"{name} {place}"): found
            for place, found in enumerate(content["files"].values())
        }
    elif path.name == "run.json":
        content["machine"] |= {"cpu": mark("processor"), "gpu": mark("graphics")}
        for side in content.get("added_row", {}).keys() & {"input", "output"}:
            content["added_row"][side] = mark(side, experiment, BLOCK)
    elif path.name == "generation.json":
        for row in content[:2]:  # the third state's text is printed nowhere
            row["text"] = mark(f"{row['state']} text", experiment, BLOCK)
    elif path.name == "stops.json":
        for answer in content["answers"]:
            answer["prompt"] = mark("message", experiment)
            answer["text"] = mark("answer", experiment, BLOCK)


@dataclass(frozen=True)
class Report:
    """A rendered report and the hostile texts in what it was made of."""

    pdf: Path
    html: Path
    texts: set[str]


@pytest.fixture(scope="module", params=LANGUAGES)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The real template filled with hostile results and rendered as the rules render it."""
    folder, mark = tmp_path_factory.mktemp(request.param), Marked()
    study = write_results(folder, 5, runs=1, extra=True)
    names = poisoned(folder, study, request.param, mark)
    text = write(ROOT / "report" / request.param / "report.qmd.j2", names)
    source = folder / "source" / "report.qmd"
    (source.parent / "figures").mkdir(parents=True)
    source.write_text(text, encoding="utf-8")
    for figure in re.findall(r"\((figures/\w+\.\w\w\.svg)\)", text):
        shutil.copyfile(FIXTURE / "figure.svg", source.parent / figure)
    # Pages without end, so that no text is parted by a header and a footer, nor a word by a hyphen.
    assets = shutil.copytree(ASSETS, folder / "assets")
    look = assets / "typst" / "typst-template.typ"  # which the study has in place of the engine's
    look.parent.mkdir()
    paged = (LOOK / "typst" / look.name).read_text(encoding="utf-8")
    for whole, change in (
        ('paper: "a4"', "width: 21cm, height: auto"),
        ("set text(lang: lang,", "set text(lang: lang, hyphenate: false,"),
    ):
        assert whole in paged
        paged = paged.replace(whole, change)
    look.write_text(paged, encoding="utf-8")
    pdf, html = folder / "report.pdf", folder / "report.html"
    render(source, assets, pdf, html, renderer="embedded", timestamp=TIMESTAMP)
    return Report(pdf, html, mark.texts)


def told(texts: set[str], shown: str, as_shown: Any = squeezed) -> Counter[str]:
    """How often each kind of text stands in `shown`; one that begins and isn't whole fails."""
    found: Counter[str] = Counter()
    for text in texts:
        begins, whole = as_shown(text[: text.index(":") + 20]), as_shown(text)
        assert shown.count(begins) == shown.count(whole), text
        found[text.split(" of ", maxsplit=1)[0]] += shown.count(whole)
    return found


def test_all_is_text_in_the_pdf(report: Report) -> None:
    shown = "".join(page.extract_text() for page in PdfReader(report.pdf).pages)
    found = told(report.texts, squeezed(shown), printed)
    assert min(found.values()) > 0, found


def test_all_is_text_in_the_html(report: Report) -> None:
    page = Page(report.html)
    found = told(report.texts, squeezed(page.text))
    assert min(found.values()) > 0, found
    assert not page.tags & {"script", "iframe", "object", "link", "base", "form"}
    assert all(link.startswith(("#", "data:", "https://")) for link in page.links)


@IN_A_BROWSER
def test_all_is_text_in_a_browser_and_no_script_ran(report: Report, tmp_path: Path) -> None:
    seen = visit(report.html)
    (tmp_path / "seen.html").write_text(seen.document, encoding="utf-8")
    page = Page(tmp_path / "seen.html")
    assert told(report.texts, squeezed(page.text)) == told(
        report.texts, squeezed(Page(report.html).text)
    )
    assert "script" not in page.tags
    assert "<title>ran</title>" not in seen.document
    assert seen.refused == []  # the page asks for nothing that its own policy forbids


@IN_A_BROWSER
def test_a_script_that_got_in_would_not_run(report: Report, tmp_path: Path) -> None:
    page = report.html.read_text(encoding="utf-8").replace("<main>", f"<main>{ATTACK}")
    (tmp_path / "guarded.html").write_text(page, encoding="utf-8")
    seen = visit(tmp_path / "guarded.html")
    assert "<title>ran</title>" not in seen.document
    assert len(seen.refused) >= 2
    # And without the policy it would: the browser does run scripts.
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    assert bare != page
    (tmp_path / "bare.html").write_text(bare, encoding="utf-8")
    assert "<title>ran</title>" in visit(tmp_path / "bare.html").document
