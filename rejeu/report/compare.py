"""Whether a finished report, PDF or HTML, reads as the one that its results give.

Both are cut into tokens: words, numbers, signs and symbols of the text, alternative texts, sources
of numbers, pictures. What differs is said with its place. Beside that, pages that draw something
else under the same text are named.
"""

import difflib
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

# What a page says without showing it as text.
SPOKEN = ("alt", "aria-label", "title", "data-from", "href", "src", "lang")
SILENT = ("style", "script", "template")
_HASH = re.compile(r"^data:\S{200,}$")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060]")
_UPWARDS = (
    *("/P", "/Parent", "/Pg", "/StructParents", "/StructParent", "/ParentTree"),
    *("/Length", "/Filter"),  # how a stream is packed
)


@dataclass(frozen=True)
class Token:
    """A word of a report, or what it says without showing it, with its place."""

    text: str
    place: str


@dataclass(frozen=True)
class Difference:
    """What stands at a place, and what the results give instead."""

    place: str
    found: str
    expected: str

    def __str__(self) -> str:
        return (
            f"{self.place}: found {self.found or 'nothing'}; expected {self.expected or 'nothing'}"
        )


def differences(found: Sequence[Token], expected: Sequence[Token]) -> list[Difference]:
    """Where two sequences of tokens differ, each stretch once."""
    ours, theirs = [each.text for each in expected], [each.text for each in found]
    if ours == theirs:
        return []
    # What is alike at both ends needs no search.
    begin = next(
        (n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
        min(len(ours), len(theirs)),
    )
    most = min(len(ours), len(theirs)) - begin
    end = next(
        (n for n in range(most) if ours[len(ours) - 1 - n] != theirs[len(theirs) - 1 - n]), most
    )
    last_ours, last_theirs = len(ours) - end, len(theirs) - end
    matcher = difflib.SequenceMatcher(
        None, ours[begin:last_ours], theirs[begin:last_theirs], autojunk=False
    )
    told = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        here = found[begin + c : begin + d] or expected[begin + a : begin + b]
        told.append(
            Difference(
                here[0].place,
                shown(theirs[begin + c : begin + d]),
                shown(ours[begin + a : begin + b]),
            )
        )
    return told


def shown(texts: Sequence[str]) -> str:
    """Words as a message has them."""
    text = " ".join(texts)
    return f"“{text if len(text) <= 120 else text[:119] + '…'}”" if texts else ""


# --- HTML


class Reader(HTMLParser):
    """Reads the tokens of a page in reading order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tokens: list[Token] = []
        self.place = "title page"
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where headings, tables and figures begin, and what elements say."""
        named = dict(attrs)
        identifier = named.get("id") or ""
        if re.match(r"(sec|tbl|fig)-", identifier):
            self.place = f"#{identifier}"
        self.silent += tag in SILENT
        for name in SPOKEN:
            if (value := named.get(name)) is not None:
                self.say(f"{name}=", value)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """As of an element that has an end of its own."""
        self.handle_starttag(tag, attrs)
        self.silent -= tag in SILENT

    def handle_endtag(self, tag: str) -> None:
        """Go on listening after what isn't shown."""
        self.silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        """Note the words of a text."""
        if not self.silent:
            self.say("", data)

    def say(self, before: str, text: str) -> None:
        """Note each word; of a picture that stands in the page its hash."""
        if _HASH.match(text):
            text = hashlib.sha256(text.encode()).hexdigest()
        words = _INVISIBLE.sub("", text).split()
        self.tokens += [Token(before + word, self.place) for word in words]


@lru_cache(maxsize=8)
def tokens_of_html(text: str) -> list[Token]:
    """What a page says."""
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader.tokens


def compare_html(found: str, expected: str, *, look: bool = True) -> list[Difference]:
    """Where a page differs from the one expected.

    Args:
        look: whether style, scripts and elements count too; those of another version differ.
    """
    if found == expected:
        return []
    told = differences(tokens_of_html(found), tokens_of_html(expected))
    if told or not look or found.split() == expected.split():
        return told
    lines = zip(found.split("\n"), expected.split("\n"), strict=False)
    line = next((n for n, (a, b) in enumerate(lines, 1) if a != b), 0)
    return [Difference(f"line {line}", "another element, style or script", "the same text's own")]


# --- PDF


class Pages:
    """A PDF that is read page by page, as far as it is asked for."""

    def __init__(self, path: Path) -> None:
        self.bytes = path.read_bytes()
        self.reader = PdfReader(path)

    @cached_property
    def prints(self) -> list[bytes]:
        """Of each page a hash of all that is drawn: its content, fonts and pictures."""
        fingerprints = Fingerprints()
        return [
            b"".join(
                fingerprints.of(page.raw_get(key))
                for key in ("/Contents", "/Resources")
                if key in page
            )
            for page in self.reader.pages
        ]

    @property
    def program(self) -> tuple[Any, ...]:
        """What made it."""
        said = self.reader.metadata or {}
        return said.get("/Creator"), said.get("/Producer")

    def tokens(self, page: int) -> list[Token]:
        """The words of a page, from 0."""
        text = self.reader.pages[page].extract_text()
        return [Token(word, f"page {page + 1}") for word in _INVISIBLE.sub("", text).split()]

    @cached_property
    def spoken(self) -> list[Token]:
        """Alternative texts, languages and the outline's titles, in their order."""
        root: Any = self.reader.trailer["/Root"]
        said = [
            Token(str(it), "alternative texts") for it in spoken_in(root.get("/StructTreeRoot"))
        ]
        titles = flat(self.reader.outline)
        return [*said, *(Token(str(it.title), "bookmarks") for it in titles)]


def flat(outline: Any) -> Iterator[Any]:
    """The entries of an outline of lists."""
    for each in outline:
        yield from flat(each) if isinstance(each, list) else (each,)


def spoken_in(root: Any) -> Iterator[str]:
    """What structure elements say, in their order."""
    waiting = [root]
    while waiting:
        node = resolved(waiting.pop())
        if isinstance(node, ArrayObject):
            waiting += reversed(node)
        elif isinstance(node, DictionaryObject):
            for key in ("/Alt", "/ActualText", "/E", "/Lang"):
                if key in node:
                    yield f"{key[1:]}={node[key]}"
            if "/K" in node:
                waiting.append(node.raw_get("/K"))


def resolved(node: Any) -> Any:
    """An object, where a reference to it is given."""
    return node.get_object() if isinstance(node, IndirectObject) else node


class Fingerprints:
    """Hashes of objects with all that they refer to downwards, whatever their numbers."""

    def __init__(self) -> None:
        self.known: dict[int, bytes] = {}

    def of(self, node: Any) -> bytes:
        """The hash of one object."""
        if isinstance(node, IndirectObject):
            if node.idnum not in self.known:
                self.known[node.idnum] = b"itself"  # should it lead back to where it began
                self.known[node.idnum] = self.of(node.get_object())
            return self.known[node.idnum]
        digest = hashlib.sha256()
        if isinstance(node, DictionaryObject):
            for key in sorted(node):
                if key not in _UPWARDS:
                    digest.update(key.encode() + self.of(node.raw_get(key)))
            if isinstance(node, StreamObject):
                digest.update(node.get_data())
        elif isinstance(node, ArrayObject):
            digest.update(b"".join([b"%d" % len(node), *map(self.of, node)]))
        else:
            digest.update(repr(node).encode())
        return digest.digest()


@lru_cache(maxsize=8)
def read_pages(path: Path, _: int) -> Pages:
    """A PDF, read once; `_` is its time."""
    return Pages(path)


def compare_pdf(found: Path, expected: Path, *, look: bool = True) -> list[Difference]:
    """Where a PDF differs from the one expected.

    Args:
        look: whether what is drawn counts too, not the text alone; other versions draw otherwise.
    """
    ours, theirs = read_pages(expected, expected.stat().st_mtime_ns), Pages(found)
    if ours.bytes == theirs.bytes:
        return []
    alike = look and ours.program == theirs.program
    pages = [len(each.reader.pages) for each in (ours, theirs)]
    told = differences(theirs.spoken, ours.spoken)
    if alike and pages[0] == pages[1]:
        # Only pages that differ are read: that takes a second each.
        for page in range(pages[0]):
            if ours.prints[page] != theirs.prints[page]:
                drawn = Difference(f"page {page + 1}", "another drawing", "the same text's own")
                told += differences(theirs.tokens(page), ours.tokens(page)) or [drawn]
        return told
    words = [
        [token for page in range(count) for token in each.tokens(page)]
        for each, count in zip((theirs, ours), reversed(pages), strict=True)
    ]
    return [*told, *differences(*words)]
