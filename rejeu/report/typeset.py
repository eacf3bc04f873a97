"""Typst source to an accessible PDF."""

import re
from datetime import datetime
from pathlib import Path

import typst

from rejeu.errors import RejeuError

LAST_LATIN = "\u024f"


def typeset(source: Path, output: Path, timestamp: datetime) -> None:
    """Compile to an accessible PDF (PDF/UA-1) with the fonts that Typst brings, and no others.

    Generated text may hold any character. One that these fonts lack is printed as its code,
    ‹U+1F600›, since the standard refuses a blank box.

    Raises:
        RejeuError: Typst refused the source; the message is Typst's own.
    """
    text = source.read_text(encoding="utf-8")
    lacking: set[str] = set()
    while True:
        source.write_text(_codes_for(lacking) + text, encoding="utf-8")
        try:
            compiler = typst.Compiler(source, root=source.parent, ignore_system_fonts=True)
            compiler.compile(
                output=output, format="pdf", pdf_standards=["ua-1"], timestamp=timestamp
            )
        except typst.TypstError as error:
            clusters = re.findall(r'the text `"(.+?)"` could not be displayed', error.diagnostic)
            # The message names whole clusters, whose base letter may be an ordinary one.
            new = {c for c in _literal("".join(clusters)) if c > LAST_LATIN} - lacking
            if not new:
                raise RejeuError(f"{source}: typst failed:\n{error.diagnostic}") from error
            lacking |= new
        else:
            return


def _literal(quoted: str) -> str:
    """The text of a message, where Typst writes what has no picture as `\\u{378}`."""
    return re.sub(r"\\u\{([0-9a-f]+)\}", lambda code: chr(int(code[1], 16)), quoted)


def _codes_for(characters: set[str]) -> str:
    if not characters:
        return ""
    listed = "".join(rf"\u{{{ord(character):x}}}" for character in sorted(characters))
    shown = "‹U+#upper(str(str.to-unicode(it.text), base: 16))›"
    return f'#show regex("[{listed}]"): it => [{shown}]\n'
