"""Where each number of a report comes from, noted as it is written, and where it then stands.

`Numbers` and the templates' environment put two invisible marks around what they write; they pass
through macros, `fill` and escaping like any text. `resolved` takes them out of the finished source
and says of each number at which characters it stands, and in which section, table or figure.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rejeu.report.escape import BEGIN, END
from rejeu.report.traced import Address, Origin, origin_of

_FIRST = 0xF0000  # of plane 15's private characters, between the marks: one for each entry
_MARK = re.compile(f"{BEGIN}([\U000f0000-\U000ffffd])|{END}")
_FILLER = "\U0010fffd"
_LINES = 6  # of addresses that the page shows of a number; addresses.json has all
_STRAY = re.compile(f"[{BEGIN}{END}]")
_ANY = re.compile(f"{BEGIN}.|{END}", re.DOTALL)

_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_FENCE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1 *$", re.MULTILINE | re.DOTALL)
_FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$])\$(?! )[^$\n]+?(?<![\\ ])\$", re.DOTALL)
_CODE = re.compile(r"(?<![\\`])`[^`\n]+`")
_ATTRIBUTES = re.compile(r"(?<!\\)\{[#.=\w][^{}\n]*\}|\]\([^()\n]*\)")
_HEADING = re.compile(r"^#+ .*\{[^{}\n]*#(sec-[\w-]+)[^{}\n]*\} *$", re.MULTILINE)
_FIGURE = re.compile(r"\]\((figures/[^()\s]+)\)\{#(fig-[\w-]+)")
_FLOAT = re.compile(r"\{#((?:tbl|fig)-[\w-]+)")


@dataclass
class Entry:
    """What a template wrote.

    Attributes:
        text: as it reads.
        value: the number before it was rounded; of an interval {mean, low, high}; None for a text.
        origin: the addresses of all that it was computed from.
        template, line: what wrote it.
    """

    text: str
    value: Any
    origin: Origin
    template: str = ""
    line: int = 0


@dataclass(frozen=True)
class Standing:
    """An entry where it stands in the source of a report.

    Attributes:
        begin, end: its characters in the source.
        how: `text`, `formula`, `code`, `attribute` (as an alternative text) or `front`.
        section, float: identifiers of the section, and of the table or figure, or "".
    """

    entry: Entry
    begin: int
    end: int
    line: int
    how: str
    section: str
    float: str


@dataclass
class Ledger:
    """All that was written so far; a mark is a place in it."""

    entries: list[Entry] = field(default_factory=list)

    def noted(self, text: str, value: Any, *sources: Any) -> str:
        """The text with marks around it, in place of those around its parts."""
        bare = unmarked(text)
        self.entries.append(Entry(bare, value, origin_of(*sources)))
        return f"{BEGIN}{chr(_FIRST + len(self.entries) - 1)}{bare}{END}"

    def signed(self, sign: str, text: str) -> str:
        """A noted text with a sign before it that belongs to it."""
        found = _MARK.match(text)
        if not sign or not found or found[1] is None:
            return sign + text
        entry = self.entries[ord(found[1]) - _FIRST]
        return self.noted(sign + text, entry.value, entry)

    def placed(self, text: str, template: str, line: int) -> None:
        """Say which line of a template wrote the numbers in a text, where nothing inside it did."""
        for mark in _MARK.finditer(text):
            if mark[1] is not None and (place := ord(mark[1]) - _FIRST) < len(self.entries):
                entry = self.entries[place]
                if not entry.template:
                    entry.template, entry.line = template, line


def unmarked(text: str) -> str:
    """A text without marks."""
    return _ANY.sub("", text)


def resolved(text: str, ledger: Ledger) -> tuple[str, list[Standing]]:
    """A source without its marks, and what they said, in reading order.

    Marks that don't fit, as data could hold them, are dropped and say nothing.
    """
    parts: list[str] = []
    spans: list[tuple[int, int, int]] = []
    opened: tuple[int, int] | None = None
    length = last = 0
    for mark in _MARK.finditer(text):
        before = _STRAY.sub("", text[last : mark.start()])
        parts.append(before)
        length += len(before)
        last = mark.end()
        if mark[1] is not None:
            opened = (ord(mark[1]) - _FIRST, length)
        elif opened is not None:
            number, begin = opened
            if number < len(ledger.entries) and begin < length:
                spans.append((number, begin, length))
            opened = None
    parts.append(_STRAY.sub("", text[last:]))
    source = "".join(parts)
    return source, list(_standing(source, spans, ledger))


def _standing(source: str, spans: list[tuple[int, int, int]], ledger: Ledger) -> Iterator[Standing]:
    newlines = [found.start() for found in re.finditer("\n", source)]
    ranges = _ranges(source)
    starts = [begin for begin, _, _ in ranges]
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(source)]
    heading_starts = [begin for begin, _ in headings]
    for number, begin, end in spans:
        place = bisect_right(starts, begin) - 1
        how = ranges[place][2] if place >= 0 and begin < ranges[place][1] else "text"
        if how == "text" and (found := next((r for r in ranges if begin <= r[0] < end), None)):
            how = found[2]
        section = bisect_right(heading_starts, begin) - 1
        line = bisect_right(newlines, begin - 1)
        yield Standing(
            entry=ledger.entries[number],
            begin=begin,
            end=end,
            line=line + 1,
            how=how,
            section=headings[section][1] if section >= 0 else "",
            float=_float(source, newlines, line),
        )


def _ranges(source: str) -> list[tuple[int, int, str]]:
    """Stretches of the source that aren't running text: begin, end, what they are."""
    found: list[tuple[int, int, str]] = []
    text = source
    for pattern, how in (
        (_FRONT, "front"),
        (_FENCE, "code"),
        (_ATTRIBUTES, "attribute"),
        (_FORMULA, "formula"),
        (_CODE, "code"),
    ):
        found += [(*match.span(), how) for match in pattern.finditer(text)]
        # What was found hides what is inside it.
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    return sorted(found)


def _float(source: str, newlines: list[int], line: int) -> str:
    """The table or figure that the line of a character belongs to, or ""."""

    def text_of(number: int) -> str:
        first = newlines[number - 1] + 1 if number else 0
        return source[first : newlines[number] if number < len(newlines) else len(source)]

    here = text_of(line)
    if here.startswith(("![", ": ")):
        found = _FLOAT.search(here)
        return found[1] if found else ""
    if not here.startswith("|"):
        return ""
    number = line
    while number < len(newlines) and text_of(number).startswith("|"):
        number += 1
    while number < len(newlines) and not text_of(number).strip():
        number += 1
    found = _FLOAT.search(text_of(number)) if text_of(number).startswith(":") else None
    return found[1] if found else ""


def with_tokens(source: str, known: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """A source for numbers.lua, where private characters stand for its numbers.

    Args:
        known: what `as_json` gave of this source.

    Returns:
        It, and the numbers meant, {text, from}, in the order of their characters.
    """
    parts, told = [], []
    last = 0
    for number in known["numbers"]:
        begin, end = number["begin"], number["end"]
        if number["as"] != "text" or not any(map(str.isdigit, number["text"])):
            continue
        origin = [known["addresses"][place] for place in number["from"]]
        told.append({"text": number["text"], "from": in_words(number, origin)})
        token = chr(_FIRST + len(told) - 1) + _FILLER * (end - begin - 1)
        parts += [source[last:begin], token]
        last = end
    return "".join([*parts, source[last:]]), told


def in_words(number: Mapping[str, Any], origin: Iterable[Mapping[str, Any]]) -> str:
    """A number before it was rounded, and the first of its addresses, on lines of their own."""
    lines = in_lines(origin)
    more = [f"… + {len(lines) - _LINES}"] if len(lines) > _LINES else []
    template = f"{number['template']}, {number['template_line']}"
    return "\n".join([*unrounded(number["value"]), *(lines[:_LINES] + more or [template])])


def unrounded(value: Any) -> list[str]:
    """A value as it was before it was rounded, with its interval if it has one."""
    if isinstance(value, Mapping):
        return [f"{value['mean']!r} [{value['low']!r}, {value['high']!r}]"]
    return [] if value is None else [str(value)]


def as_json(language: str, tier: str, source: str, standing: list[Standing]) -> dict[str, Any]:
    """The content of addresses.json: each number in reading order, and all addresses once.

    Args:
        source: the report's, without marks, in which the numbers stand.
    """
    places: dict[Address, int] = {}
    numbers = []
    for each in standing:
        entry = each.entry
        numbers.append(
            {
                "text": entry.text,
                "value": entry.value,
                "from": [places.setdefault(it, len(places)) for it in entry.origin],
                "section": each.section,
                "in": each.float,
                "as": each.how,
                "line": each.line,
                "template": entry.template,
                "template_line": entry.line,
                "begin": each.begin,
                "end": each.end,
            }
        )
    listed = [{"file": it.file, "key": it.key, "value": it.value} for it in places]
    figures = {found[2]: f"results/{tier}/{found[1]}" for found in _FIGURE.finditer(source)}
    return {"language": language, "numbers": numbers, "figures": figures, "addresses": listed}


_SEED = re.compile(r"(?<=/seed)\d+(?=/)")


def in_lines(addresses: Iterable[Mapping[str, Any]]) -> list[str]:
    """Addresses in short: files that differ in their seed alone on one line, with their values."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in addresses:
        groups.setdefault((_SEED.sub("*", each["file"]), each["key"]), []).append(each)
    lines = []
    for (file, key), same in groups.items():
        seeds = [found[0] for each in same if (found := _SEED.search(each["file"]))]
        named = file.replace("*", seeds[0] if len(seeds) == 1 else f"{{{','.join(seeds)}}}", 1)
        values = [_shown(each["value"]) for each in same if each["value"] is not None]
        lines.append(f"{named}{key and f' {key}'}{(values and ': ' + ', '.join(values)) or ''}")
    return lines


def _shown(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"
