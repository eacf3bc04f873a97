"""Put data into Markdown so that it reads literally in HTML and in PDF, whatever it holds."""

import re
import string

# Backslash before ASCII punctuation is a literal character in Pandoc's Markdown, outside code.
# It also breaks Quarto's `{{<`, which is looked for before the Markdown is parsed.
_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
# Not the no-break spaces: they are text.
_SPACES = re.compile(r"[ \t\n\r\f\v\x1c-\x1f\x85\u2028\u2029]+")
# What a font may lack is written as an entity: literally it would be the author's own, and refused
# (`typeset.refuse_missing_glyphs`). These all fonts in use have.
SURE = "\u2009\u2011\u202f–—‘’“”•…‹›←→−×≈≠≤≥○◆◐✓✗"
# What notes a number's place in `addresses`, taken out again before anything reads the text:
# Unicode's noncharacters, which no text may hold, and a private character of plane 15 between them.
BEGIN, END = "\ufdd0", "\ufdd1"
_RARE = re.compile(f"{BEGIN}[\U000f0000-\U000ffffd]|{END}|([^\0-\u024f{SURE}])")
# Controls have no picture; bidirectional controls would reorder the text around them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def line(text: str) -> str:
    """Return `text` on one line: runs of white space become one space, controls are dropped."""
    return _INVISIBLE.sub("", _SPACES.sub(" ", text)).strip(" ")


def rare(text: str) -> str:
    """Return `text` with entities for the characters that a font may lack."""
    return _RARE.sub(lambda found: f"&#x{ord(found[1]):X};" if found[1] else found[0], text)


def markdown(text: str) -> str:
    """Return `text` as one line of Markdown that renders as the same characters.

    Runs of white space become one space; control characters are dropped. Right for paragraphs,
    table cells, captions, headings and (inside a quoted YAML string) the front matter; not for
    attributes (see `attribute`) or code.
    """
    return rare(_PUNCTUATION.sub(r"\\\g<0>", line(text)))


def attribute(text: str) -> str:
    """Return `text` for use between the double quotes of an attribute, as in `fig-alt="..."`."""
    # Entities and backslashes are read in attributes; `{{<` would be a Quarto shortcode.
    escaped = line(text).replace("&", "&amp;").replace('"', "&quot;").replace("\\", "&#92;")
    return rare(escaped.replace("{", "&#123;").replace("}", "&#125;"))


def code_block(text: str) -> str:
    """Return a fenced block showing `text` line for line; its fence is longer than any inside.

    `shortcodes="false"` keeps Quarto from reading `{{< >}}` in it.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").expandtabs(4)
    body = _INVISIBLE.sub("", lines)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f'{fence} {{.text shortcodes="false"}}\n{body}\n{fence}\n'
