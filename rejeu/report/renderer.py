"""Which program turns a report's Markdown into Typst and HTML, and in which version."""

import re
import shutil
import subprocess
from functools import cache

from rejeu.errors import RejeuError

OLDEST = (1, 9)  # of Quarto; older ones highlight code, and write Typst, in other ways
INSTEAD = "or set renderer to embedded, which needs nothing more"


@cache
def quarto_version() -> str | None:
    """The version of the Quarto on PATH; None where there is none that runs."""
    program = shutil.which("quarto")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603
        [program, "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return found[0] if found else None


def chosen(wanted: str) -> str:
    """`embedded`, or `quarto` with its version, for the renderer that a study asks for.

    `auto` is embedded, so that every machine makes the same bytes.
    """
    if wanted != "quarto":
        return "embedded"
    return f"quarto {quarto_version() or 'missing'}"


def refuse_unusable(renderer: str) -> None:
    """Refuse a Quarto that isn't there, or is too old.

    Raises:
        RejeuError: it is one of both.
    """
    name, _, version = renderer.partition(" ")
    if name != "quarto":
        return
    if version == "missing":
        raise RejeuError(
            "renderer: quarto is set, but no `quarto` is on PATH. Install Quarto "
            f"(https://quarto.org), {INSTEAD}."
        )
    if tuple(map(int, version.split(".")[:2])) < OLDEST:
        raise RejeuError(
            f"renderer: quarto is set, and the one on PATH is {version}; expected "
            f"{'.'.join(map(str, OLDEST))} or newer: install that, {INSTEAD}."
        )
