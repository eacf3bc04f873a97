"""The study's page in a browser: what its script adds, and that nothing hangs on it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rejeu.job.whole_files import read_json
from rejeu.report import figures
from rejeu.report.claims_figure import claims, placed
from rejeu.report.render import render
from rejeu.report.words import engine_words
from tests.report.browser import PROGRAM
from tests.report.driven import Page, driven
from tests.report.finished import written
from tests.report.results_folder import write_results
from tests.report.sample import ASSETS, FIXTURE, NAMES, TIMESTAMP

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is on PATH")

LANGUAGES = ["fr", "en"]
DATA = "Série,Valeur\nUne,−0\u202f500\nDeux,\n"
DRAWN = "loss_sentiment"  # as it is; the others are a line
NONE = float("nan")
RUNS = {"One": [[0.7] * 20, [0.5] * 20], "Two": [[0.4] * 2 + [NONE] + [0.4] * 4, [0.2] * 7]}
FOCUSED = """(() => {
  const it = document.activeElement, box = it.getBoundingClientRect(), style = getComputedStyle(it)
  return [it.tagName, it.textContent.trim().slice(0, 40), box.width > 0, style.outlineStyle]
})()"""
WIDER = "[...document.querySelectorAll('main *')].filter(it => it.scrollWidth > it.clientWidth)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The study's page in each language, of results that give every verdict."""
    folder = tmp_path_factory.mktemp("study")
    study = write_results(folder, 5, runs=6)
    rows = placed(read_json(folder / "results" / study["tier"] / "claims.json"))
    made = {}
    for language, addresses in written(folder, study).items():
        source = folder / language / "report.qmd"
        (source.parent / "figures").mkdir(parents=True)
        text = source.read_text(encoding="utf-8")
        for name in set(re.findall(r"\(figures/([^)]+)\)", text)):
            figure = source.parent / "figures" / name
            shutil.copy(FIXTURE / "figure.svg", figure)
            figure.with_suffix(".csv").write_text(DATA, encoding="utf-8")
        words = [Path(figures.__file__).parent / "words" / f"{language}.yaml"]
        drawn = [
            str(source.parent / "figures" / f"{DRAWN}.{language}.{each}") for each in ("svg", "csv")
        ]
        figures.save(
            lambda known: figures.losses(known, RUNS, [0, 1]), figures.languages(words), drawn
        )
        figures.save(
            lambda known: claims(known, rows, study["statements"]),
            figures.languages(words),
            [
                str(source.parent / "figures" / f"claims.{language}.{each}")
                for each in ("svg", "csv")
            ],
        )
        made[language] = folder / f"report.{language}.html"
        render(
            *(source, ASSETS, folder / f"report.{language}.pdf", made[language]),
            renderer="embedded",
            timestamp=TIMESTAMP,
            others={code: name for code, name in NAMES.items() if code != language},
            words=engine_words(language),
            addresses=addresses,
        )
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with driven() as page:
        yield page


def rows_shown(browser: Page, language: str) -> list[str]:
    """The last cell of each row of the claims that is to be seen."""
    return browser.value(
        f"[...document.querySelectorAll('[id=\"tbl-claims-{language}\"] tbody tr')]"
        ".filter(row => !row.hidden).map(row => row.cells[row.cells.length - 1].textContent.trim())"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_claims_are_filtered_by_verdict(
    pages: dict[str, Path], browser: Page, language: str
) -> None:
    browser.open(pages[language])
    every = rows_shown(browser, language)
    buttons = "[...document.querySelectorAll('.filters:not(figure *) button')]"
    labels = browser.value(f"{buttons}.map(each => each.textContent)")
    assert labels[0] == f"{engine_words(language)['page_all']} ({len(every)})"
    assert len(labels) == 6  # all, and each of the five verdicts
    for number, label in enumerate(labels[1:], 1):
        browser.value(f"{buttons}[{number}].click()")
        shown = rows_shown(browser, language)
        word, count = label.removesuffix(")").rsplit(" (", 1)
        assert {each.split(",")[0] for each in shown} == {word}
        assert len(shown) == int(count)
        pressed = browser.value(f"{buttons}.map(each => each.getAttribute('aria-pressed'))")
        assert pressed.index("true") == number
        assert pressed.count("true") == 1
    browser.value(f"{buttons}[0].click()")
    assert rows_shown(browser, language) == every


@pytest.mark.parametrize("language", LANGUAGES)
def test_columns_are_sorted_as_numbers(
    pages: dict[str, Path], browser: Page, language: str
) -> None:
    browser.open(pages[language])
    head = f"document.querySelectorAll('[id=\"tbl-claims-{language}\"] thead th')[1]"
    cells = (
        f"[...document.querySelectorAll('[id=\"tbl-claims-{language}\"] tbody tr')]"
        ".map(row => row.cells[1].textContent.trim())"
    )
    before = browser.value(cells)

    def numbers() -> list[float]:
        told = [text for text in browser.value(cells) if text != "—"]
        plain = [re.sub(r"[^\d,.−]", "", text).replace("−", "-") for text in told]
        return [float(text.replace(",", ".")) for text in plain]

    browser.value(f"{head}.querySelector('button').click()")
    assert browser.value(f"{head}.getAttribute('aria-sort')") == "ascending"
    up = numbers()
    assert up == sorted(up)
    assert browser.value(cells)[-1] == "—"  # what has no value comes last, either way
    browser.value(f"{head}.querySelector('button').click()")
    assert numbers() == sorted(up, reverse=True)
    assert browser.value(cells)[-1] == "—"
    assert sorted(browser.value(cells)) == sorted(before)


def test_the_contents_mark_the_section_that_is_read(pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["fr"])
    current = "document.querySelector('#TOC [aria-current]').getAttribute('href')"
    assert browser.value(current) == "#sec-found-fr"
    browser.value("document.getElementById('sec-part2-fr').scrollIntoView()")
    browser.value("new Promise(done => setTimeout(done, 100))")
    assert browser.value(current) == "#sec-part2-fr"
    assert browser.value("document.querySelectorAll('[aria-current]').length") == 1


def test_a_reference_shows_its_target(pages: dict[str, Path], browser: Page) -> None:
    """To the pointer, which can go there, and to the focus; Escape puts it away."""
    browser.open(pages["en"])
    link = 'document.querySelector(\'main p a[href^="#tbl-"], main p a[href^="#fig-"]\')'
    preview = "document.getElementById('preview')"
    browser.value(f"{link}.scrollIntoView({{block: 'center'}})")
    x, y = browser.value(
        f"(() => {{ const box = {link}.getClientRects()[0]; return [box.x + 4, box.y + 4] }})()"
    )
    browser.point(x, y)
    browser.value("new Promise(done => setTimeout(done, 400))")
    assert browser.value(f"{preview}.hidden") is False
    caption = browser.value(
        f"document.querySelector({link}.hash).querySelector('.caption-label').textContent"
    )
    assert caption in browser.value(f"{preview}.textContent")
    assert browser.value(f"{preview}.querySelectorAll('[id]').length") == 0
    to = browser.value(
        f"(() => {{ const box = {preview}.getBoundingClientRect(); "
        "return [box.x + 5, box.y + 5] })()"
    )
    browser.point(*to)
    assert browser.value(f"{preview}.hidden") is False
    browser.press("Escape", 27)
    assert browser.value(f"{preview}.hidden") is True
    browser.point(1, 1)
    browser.value(f"{link}.focus({{focusVisible: true}})")
    assert browser.value(f"{preview}.hidden") is False
    browser.press("Tab", 9)
    other = browser.value(f"{preview}.textContent")
    assert caption not in other


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_reach_all_that_can_be_used(
    pages: dict[str, Path], browser: Page, language: str
) -> None:
    browser.open(pages[language])
    browser.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    wanted = browser.value(
        "document.querySelectorAll('a[href], button, summary, [tabindex=\"0\"]').length"
    )
    reached = []
    for _ in range(wanted):
        browser.press("Tab", 9)
        reached.append(browser.value(FOCUSED))
    assert browser.value("document.activeElement.closest('main') !== null")
    assert not [each for each in reached if each[0] == "BODY"], "no trap, and nothing is left out"
    assert all(visible and outline != "none" for _, _, visible, outline in reached)
    browser.press("Tab", 9)
    assert browser.value("document.activeElement.tagName") == "BODY"


def words_of(browser: Page) -> str:
    return browser.value("document.querySelector('main').textContent.replace(/\\s+/g, ' ')")


@pytest.mark.parametrize("language", LANGUAGES)
def test_all_is_there_without_scripts(pages: dict[str, Path], browser: Page, language: str) -> None:
    seen = []
    for scripts in (False, True):
        browser.open(pages[language], scripts=scripts)
        browser.value("document.querySelectorAll('.filters, .sources').forEach(it => it.remove())")
        counts = browser.value(
            "['table', 'figure :is(img, svg)', 'h1, h2, h3', 'summary', 'math']"
            ".map(each => document.querySelectorAll(`main :is(${each})`).length)"
        )
        seen.append((words_of(browser), counts))
        assert browser.value("[...document.images].every(each => each.naturalWidth > 0)")
    assert seen[0] == seen[1]
    assert min(seen[0][1]) > 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [1280, 820, 390, 320])
def test_nothing_moves_sideways(
    pages: dict[str, Path], browser: Page, language: str, width: int
) -> None:
    """At 320 pixels it is as at 400 % of 1280."""
    browser.open(pages[language], width)
    browser.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert browser.value("document.documentElement.scrollWidth") <= width
    lost = browser.value(
        f"{WIDER}.filter(each => getComputedStyle(each).overflowX === 'hidden')"
        ".map(each => each.outerHTML.slice(0, 80))"
    )
    assert lost == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_one_file_that_asks_for_nothing(
    pages: dict[str, Path], browser: Page, language: str
) -> None:
    browser.requests.clear()
    browser.refused.clear()
    browser.open(pages[language])
    asked = [url for url in browser.requests if not url.startswith("data:")]
    assert asked == [pages[language].as_uri()]
    assert browser.refused == []
    assert pages[language].stat().st_size < 1_500_000


def test_no_other_script_runs(pages: dict[str, Path], browser: Page, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = pages["en"].read_text(encoding="utf-8")
    page.write_text(text.replace("</main>", "<script>document.title='ran'</script></main>"))
    browser.open(page)
    assert browser.value("document.title") != "ran"
    changed = text.replace("const words =", "document.title = 'ran'; const words =")
    assert changed != text
    page.write_text(changed)
    browser.open(page)
    assert browser.value("document.title") != "ran"


def test_a_figure_opens_its_data(pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["fr"])
    summary = engine_words("fr")["figure_data"]
    found: list[Any] = browser.value(
        "[...document.querySelectorAll('figure + details')].map(each => "
        "[each.querySelector('summary').textContent.trim(), each.querySelector('td').textContent])"
    )
    drawn = browser.value("document.querySelectorAll('figure').length") - 1  # claims: their table
    assert sorted(found) == [[summary, "One"], *[[summary, "Une"]] * (drawn - 1)]
    sides = browser.value(
        "[...document.querySelectorAll('figure + details th')].slice(0, 2)"
        ".map(each => getComputedStyle(each).textAlign)"
    )
    assert sides == ["left", "right"], "numbers stand below one another"


FIGURE = "document.getElementById('fig-loss-sentiment-en')"


def test_a_point_says_its_row(pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["en"])
    browser.value(f"{FIGURE}.scrollIntoView({{block: 'center'}})")
    told = "document.getElementById('told')"
    rows = browser.value(
        f"[...{FIGURE}.nextElementSibling.querySelectorAll('tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    heads = browser.value(
        f"[...{FIGURE}.nextElementSibling.querySelectorAll('th')].map(each => each.textContent)"
    )
    # Of the second line the third point is no number and has no mark.
    for first, mark, shown in ((0, 3, 3), (20, 5, 26), (20, 1, 21)):
        x, y = browser.value(
            f"(() => {{ const line = {FIGURE}.querySelector('[id*=\"points-{first}-\"]'), "
            f"box = line.querySelectorAll('use')[{mark}].getBoundingClientRect(); "
            "return [box.x + 3, box.y + 3] })()"
        )
        browser.point(x, y)
        assert browser.value(f"{told}.hidden") is False
        said = browser.value(f"[...{told}.children].map(each => each.textContent)")
        row = rows[shown]
        assert said == [f"{head} {cell}" for head, cell in zip(heads, row, strict=True) if cell]
    browser.press("Escape", 27)
    assert browser.value(f"{told}.hidden") is True
    browser.point(1, 1)


def test_a_series_is_hidden_with_all_that_is_its(pages: dict[str, Path], browser: Page) -> None:
    browser.open(pages["en"])
    buttons = f"[...{FIGURE}.querySelectorAll('.filters button')]"
    assert browser.value(f"{buttons}.map(each => each.textContent)") == ["One", "Two"]
    seen = (
        f'[...{FIGURE}.querySelectorAll(\'svg [id*="points-"], svg [id*="with-"]\')]'
        ".filter(each => each.getClientRects().length)"
        ".map(each => each.id.replace(/^drawing-\\d+-/, ''))"
    )
    every = browser.value(seen)
    assert {each.split("-")[1] for each in every} == {"0", "20"}
    assert len(every) > 4, "points, range and title of each"
    browser.value(f"{buttons}[0].click()")
    assert browser.value(f"{buttons}[0].getAttribute('aria-pressed')") == "false"
    assert browser.value(seen) == [each for each in every if each.split("-")[1] == "20"]
    browser.value(f"{buttons}[0].click()")
    assert browser.value(seen) == every


def test_a_drawing_keeps_its_words_and_looks(pages: dict[str, Path], browser: Page) -> None:
    """In the page as in its file: the same size, the same alternative text, no lost reference."""
    shapes = []
    for scripts in (False, True):
        browser.open(pages["en"], scripts=scripts)
        shapes.append(
            browser.value(
                f"(() => {{ const it = {FIGURE}.querySelector('img, svg'), "
                "box = it.getBoundingClientRect(); return [it.tagName.toLowerCase(), "
                "it.ariaLabel ?? it.alt, Math.round(box.width), Math.round(box.height)] })()"
            )
        )
    assert [shape[0] for shape in shapes] == ["img", "svg"]
    assert shapes[0][1:] == shapes[1][1:]
    lost = browser.value(
        "[...document.querySelectorAll('svg use')].filter(each => "
        "!document.getElementById(each.getAttribute('xlink:href').slice(1))).length"
    )
    assert lost == 0


SOURCE = """(() => {
  const it = document.querySelector('main .number')
  it.focus({ focusVisible: true })
  const box = getComputedStyle(it, '::after')
  return [document.activeElement === it, box.content, box.position]
})()"""


def test_a_number_says_where_it_comes_from_when_keys_reach_it(
    pages: dict[str, Path], browser: Page
) -> None:
    browser.open(pages["en"])
    assert browser.value(SOURCE)[0] is False, "a thousand stops more, unless they are asked for"
    browser.value("document.querySelector('button.sources').click()")
    focused, content, position = browser.value(SOURCE)
    assert focused
    assert position == "fixed"
    assert "results/smoke/" in content or "reference.yaml" in content
    browser.value("document.querySelector('button.sources').click()")
    assert browser.value("document.querySelector('.number').tabIndex") == -1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_with_all_of_it_open(
    pages: dict[str, Path], browser: Page, axe: str, language: str, dark: bool
) -> None:
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    browser.ask("Emulation.setEmulatedMedia", features=[theme])
    browser.open(pages[language])
    browser.value("document.querySelectorAll('details').forEach(each => each.open = true)")
    browser.value("document.querySelector('main p a[href^=\"#\"]').focus({focusVisible: true})")
    assert browser.value("document.getElementById('preview').hidden") is False
    browser.value("document.querySelector('button.sources').click()")
    browser.value(axe)
    rules = json.dumps(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    violations = browser.value(
        f"axe.run(document, {{runOnly: {rules}}}).then(found => found.violations"
        ".map(each => [each.id, ...each.nodes.slice(0, 3).map(node => node.html)]))"
    )
    assert violations == []


@pytest.mark.parametrize(("language", "mark"), [("fr", ","), ("en", ".")])
def test_words_are_there_in_every_language(language: str, mark: str) -> None:
    words = engine_words(language)
    assert "{count}" in words["page_rows"]
    assert words["page_decimal"] == mark
