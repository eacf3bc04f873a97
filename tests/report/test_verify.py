"""Whatever is altered in a finished report is found, and nothing is in one that wasn't altered."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, ByteStringObject, ContentStream, NameObject

from rejeu.commands.verify import compared
from rejeu.errors import RejeuError
from rejeu.report.compare import compare_html, compare_pdf
from rejeu.report.typeset import typeset
from rejeu.report.words import engine_words
from tests.report.finished import TIMESTAMP, finished, rendered
from tests.report.results_folder import LANGUAGES

DIGITS, SIGNS, SYMBOLS = "0123456789", "+−×", "✓◆✗◐○"
HTML_EACH, PDF_EACH = 84, 16  # alterations of each language's file: 200 in all


@cache
def report(name: str = "expected", seed: int = 1) -> dict[str, list[Path]]:
    folder, known = finished(seed)
    return rendered(folder, known, name)


def verdict_words(language: str) -> list[str]:
    """Each verdict's words without its symbol."""
    words = engine_words(language)
    return [text[2:] for name, text in words.items() if re.match(r"verdict_[a-z]+$", name)]


def another(chance: random.Random, of: str, than: str) -> str:
    return chance.choice([each for each in of if each != than])


# --- HTML


def places(page: str, language: str) -> dict[str, list[tuple[int, int]]]:
    """By kind, the characters of a page that can be altered: what is shown, and what is said."""
    body = page.index("<body")
    shown = [
        found.span(1)
        for found in re.finditer(r">([^<>]+)<(?!/(?:script|style|annotation))", page[body:])
    ]
    said = [found.span(1) for found in re.finditer(r'(?:alt|data-from)="([^"]+)"', page[body:])]
    found: dict[str, list[tuple[int, int]]] = {}
    words = "|".join(verdict_words(language))
    for kind, spans, pattern in (
        ("number", shown, f"[{DIGITS}]"),
        ("sign", shown, f"[{SIGNS}]"),
        ("symbol", shown, f"[{SYMBOLS}]"),
        ("verdict", shown, rf"\b(?:{words})\b"),
        ("said", said, f"[{DIGITS}]"),
    ):
        found[kind] = [
            (body + begin + each.start(), body + begin + each.end())
            for begin, end in spans
            for each in re.finditer(pattern, page[body + begin : body + end])
            if "&" not in page[body + begin : body + end]  # no half of an entity
        ]
    return found


def altered(
    page: str, kind: str, span: tuple[int, int], language: str, chance: random.Random
) -> str:
    here = page[span[0] : span[1]]
    match kind:
        case "sign":
            instead = chance.choice(["", another(chance, SIGNS, here)])
        case "symbol":
            instead = another(chance, SYMBOLS, here)
        case "verdict":
            instead = chance.choice([each for each in verdict_words(language) if each != here])
        case _:
            instead = another(chance, DIGITS, here)
    return page[: span[0]] + instead + page[span[1] :]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alteration_of_a_page_is_found(language: str) -> None:
    page = report()[language][1].read_text(encoding="utf-8")
    chance, kinds = random.Random(language), places(page, language)
    assert all(len(each) >= 5 for each in kinds.values()), {k: len(v) for k, v in kinds.items()}
    counts: Counter[str] = Counter()
    for number in range(HTML_EACH):
        kind = [*kinds][number % len(kinds)]
        span = chance.choice(kinds[kind])
        told = compare_html(altered(page, kind, span, language, chance), page)
        assert len(told) == 1, (kind, page[span[0] - 40 : span[1] + 40], told)
        counts[kind] += 1
    assert counts.total() == HTML_EACH


def test_what_is_hidden_or_painted_over_is_found() -> None:
    page = report()["en"][1].read_text(encoding="utf-8")
    for change in (
        ("</style>", ".number { display: none; }</style>"),
        ('<span class="number"', '<span hidden class="number"'),
        ("<body", '<body style="color: #fff"'),
    ):
        assert change[0] in page
        assert len(compare_html(page.replace(*change, 1), page)) == 1
        # Of another version's page style and elements tell nothing.
        assert compare_html(page.replace(*change, 1), page, look=False) == []


# --- PDF


@cache
def glyphs(page: int, path: Path) -> dict[str, dict[str, bytes]]:
    """By font of a page, the codes of each character, as its ToUnicode says."""
    fonts: Any = PdfReader(path).pages[page]["/Resources"].get("/Font", {})  # pyright: ignore
    codes: dict[str, dict[str, bytes]] = {}
    for name, font in fonts.items():
        cmap = font.get_object()["/ToUnicode"].get_data().decode("latin-1")
        known = codes.setdefault(name, {})
        for code, text in re.findall(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*\n", cmap):
            known[bytes.fromhex(text).decode("utf-16-be")] = bytes.fromhex(code)
    return codes


def strings(content: ContentStream) -> Iterator[tuple[str, Any, int | None, bytes]]:
    """Each string that a page shows: its font, where it is held, at which place, its codes."""
    font = ""
    for operands, operator in content.operations:
        if operator == b"Tf":
            font = str(operands[0])
        elif operator in (b"Tj", b"TJ"):
            held = operands[0] if isinstance(operands[0], ArrayObject) else operands
            for place, each in enumerate(held):
                if hasattr(each, "original_bytes"):
                    yield font, held, place, each.original_bytes
                elif isinstance(each, bytes):
                    yield font, held, place, bytes(each)


def altered_pdf(path: Path, out: Path, kind: str, chance: random.Random) -> tuple[int, str] | None:
    """Put another glyph of the same font in place of one, in the content of some page."""
    wanted = {"number": DIGITS, "sign": SIGNS, "symbol": SYMBOLS}[kind]
    writer = PdfWriter(clone_from=path)
    pages = chance.sample(range(len(writer.pages)), len(writer.pages))
    for number in pages:
        page: Any = writer.pages[number]
        content = ContentStream(page["/Contents"], writer)
        codes = glyphs(number, path)
        here = [
            (held, place, string, offset, text, font)
            for font, held, place, string in strings(content)
            for text, code in codes.get(font, {}).items()
            if text in wanted and text
            for offset in range(0, len(string) - 1, 2)
            if string[offset : offset + 2] == code
        ]
        chance.shuffle(here)
        for held, place, string, offset, text, font in here:
            others = [each for each in codes[font] if each in wanted and each != text]
            if others:
                instead = chance.choice(others)
                new = string[:offset] + codes[font][instead] + string[offset + 2 :]
                held[place] = ByteStringObject(new)
                content.operations = content.operations  # so that it is written anew
                page[NameObject("/Contents")] = writer._add_object(content)
                with out.open("wb") as stream:
                    writer.write(stream)
                return number + 1, f"{text} to {instead}"
    return None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_alteration_of_a_pdf_is_found(language: str, tmp_path: Path) -> None:
    expected = report()[language][0]
    chance, done = random.Random(language), Counter[str]()
    out = tmp_path / "altered.pdf"
    for number in range(PDF_EACH):
        kind = ("number", "sign", "symbol")[number % 3]
        change = altered_pdf(expected, out, kind, chance)
        assert change is not None, kind
        told = compare_pdf(out, expected)
        assert [it.place for it in told] == [f"page {change[0]}"], (change, told)
        assert told[0].found != told[0].expected
        done[kind] += 1
    assert done.total() == PDF_EACH


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_altered_source_gives_a_pdf_in_which_it_is_found(language: str, tmp_path: Path) -> None:
    """Verdict words, symbols, digits and alternative texts, altered before typesetting."""
    expected = report()[language][0]
    source = expected.with_name("report.typ")
    text = source.read_text(encoding="utf-8")
    word, other = verdict_words(language)[:2]
    shown, spoken = "0.05" if language == "en" else "0,05", 'alt: "'
    for old, new in ((word, other), ("✓", "✗"), (shown, "0.04"), (spoken, f"{spoken}7 ")):
        assert old in text, old
        altered_source = source.with_name("altered.typ")
        altered_source.write_text(text.replace(old, new, 1), encoding="utf-8")
        typeset(altered_source, tmp_path / "altered.pdf", TIMESTAMP)
        assert compare_pdf(tmp_path / "altered.pdf", expected), old


# --- untouched


def check_untouched(seed: int, tmp_path: Path) -> None:
    first, second = report("expected", seed), report("again", seed)
    for language in LANGUAGES:
        for found, expected in zip(second[language], first[language], strict=True):
            told = compare_pdf(found, expected) if found.suffix == ".pdf" else None
            if told is None:
                told = compare_html(found.read_text("utf-8"), expected.read_text("utf-8"))
            assert told == []
        # Another program has written the same pages anew.
        saved = tmp_path / f"{language}.pdf"
        writer = PdfWriter(clone_from=second[language][0])
        with saved.open("wb") as stream:
            writer.write(stream)
        assert compare_pdf(saved, first[language][0]) == []


def test_untouched_reports_are_as_expected(tmp_path: Path) -> None:
    check_untouched(1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 21))
def test_untouched_reports_of_other_results(seed: int, tmp_path: Path) -> None:
    check_untouched(seed, tmp_path)


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_pdf_that_is_not_whole_is_said_to_be_none(tmp_path: Path, share: float) -> None:
    whole = report()["en"][0]
    content = whole.read_bytes()
    cut = tmp_path / "report.en.pdf"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(RejeuError, match=r"report\.en\.pdf: no whole PDF \(.+\); expected a"):
        compared(cut, {("en", ".pdf"): whole}, look=True)
