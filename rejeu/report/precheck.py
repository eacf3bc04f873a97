"""What the report is made from, checked before any job: templates, words, bibliography, look.

A template that names what isn't there would otherwise fail hours later, once all runs are done.
"""

import ast
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, nodes

from rejeu.build.packages import TYPESETTING
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_note, sha256_of, write_note
from rejeu.report.template_names import Judged, check_template, facts_given, parsed
from rejeu.report.typed import refuse_typed, refuse_typed_words
from rejeu.report.vocabulary import NAMES
from rejeu.report.words import FOLDER, engine_words, known_languages
from rejeu.report.write import environment
from rejeu.study.names import suggest
from rejeu.study.strict_reading import read_utf8, read_yaml, shown

# [@key], [@key; @other], [see @key, p. 3]; a key that a template computes is the configuration's.
_CITED = re.compile(r"\[[^\[\]{}]*@[^\[\]{}]*\]")
_KEY = re.compile(r"@([A-Za-z0-9_][\w:.#$%&+?<>~/-]*)")
_ENTRY = re.compile(r"^\s*@\w+\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)
_CROSS_REFERENCE = re.compile(r"(fig|tbl|sec|eq)-")

PASSED = Path(".cache") / "rejeu" / "look.json"  # what `check_rendering` found whole

PROBE = """---
title: Probe
author: A
lang: en
{bibliography}---

# A heading {#sec-a}

Text with *emphasis*, `code`, a footnote[^1] and a formula $x^2$, as in @fig-a and @tbl-a.

[^1]: Here.

![A figure.](figures/a.svg){#fig-a fig-alt="A line."}

| a | b |
|:--|--:|
| 1 | 2 |

: A table. {#tbl-a}

::: {.verdict}
**A verdict.** Its text.
:::

``` {.text}
code
```

"""
FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0L9 9"/></svg>'


def check_sources(
    folder: Path,
    languages: Collection[str],
    citations: Mapping[str, str],
    judged: Judged,
    parts: Collection[str],
) -> None:
    """Check a study's templates, words, citations and deductions below `folder` (report/).

    Args:
        citations: keys of the bibliography that the configuration names, by where it does.
        judged: under `claims`, `compared` and `seen`, what the claims file has.
        parts: the study's, under whose names templates find results.

    Raises:
        RejeuError: with the file, the line or key, and what was expected.
    """
    for part in parts:
        if part in NAMES:
            raise RejeuError(
                f"config.yaml: parts.{part}: templates call something else '{part}'; choose "
                "another name for the part"
            )
    check_languages(languages)
    words = check_words(folder, languages)
    bibliography_file = folder / "refs.bib"
    bibliography_keys = (
        bibliography(bibliography_file) if citations or bibliography_file.is_file() else []
    )
    for key, cited in citations.items():
        refuse_unknown("config.yaml: " + key, cited, bibliography_keys, folder)
    facts = facts_given(folder)
    for language in languages:
        templates = reading(folder / language)
        known_names = NAMES | set(parts) | set(templates.globals)
        # What a template defines its chapters may name; so it comes first.
        for path in templates_of(folder, language):
            known_names |= check_template(
                templates, path, known_names, judged, facts, words[language]
            )
            refuse_typed(templates, path)
            for line, text in enumerate(read_utf8(path).split("\n"), 1):
                for cited in cited_in(text):
                    refuse_unknown(f"{path}, line {line}", cited, bibliography_keys, folder)


@cache
def reading(folder: Path) -> Environment:
    """How a folder's templates are read, once: checks that read the same text share its tree."""
    return environment(folder)


def templates_of(folder: Path, language: str) -> list[Path]:
    """A language's templates in a study's folder, what all languages share first; none: plain."""
    main = folder / language / "report.qmd.j2"
    chapters = sorted({*(folder / language).glob("*.qmd.j2")} - {main})
    if not main.is_file():
        if chapters:
            raise RejeuError(f"{main}: No such file or directory; {chapters[0].name} is part of it")
        return []
    return [*sorted(folder.glob("*.qmd.j2")), main, *chapters]


def experiments_named(
    folder: Path, languages: Iterable[str], parts: Iterable[str]
) -> dict[str, list[str]]:
    """By part, the experiments that a study's templates name, as `part.experiment`.

    These must exist, and get no section beside what the templates say of them.

    Raises:
        RejeuError: a template can't be read.
    """
    named: dict[str, dict[str, None]] = {part: {} for part in parts}
    for language in languages:
        for path in templates_of(folder, language):
            for node in parsed(reading(folder / language), path).find_all(nodes.Getattr):
                match node.node:
                    case nodes.Name(name=part) if part in named and not hasattr(dict, node.attr):
                        named[part][node.attr] = None
    return {part: list(names) for part, names in named.items()}


def sections_shown(folder: Path, languages: Iterable[str]) -> list[str] | None:
    """Sections and findings of which templates show the verdicts; None: the plain one shows all."""
    sections: dict[str, None] = {}
    for language in languages:
        paths = templates_of(folder, language)
        if not paths:
            return None
        for path in paths:
            for call in parsed(reading(folder / language), path).find_all(nodes.Call):
                match call:
                    case nodes.Call(
                        node=nodes.Name(name="verdicts_at" | "verdicts"),
                        args=[nodes.Const(value=section)],
                    ):
                        sections[section] = None
    return list(sections)


def check_languages(languages: Iterable[str]) -> None:
    """Refuse a language that the engine has no words for."""
    known = known_languages()
    for language in languages:
        if language not in known:
            raise RejeuError(
                f"config.yaml: languages: {language}: no such file "
                f"{FOLDER / language}.yaml, the engine's words; {suggest(language, known)}"
            )


def check_words(folder: Path, languages: Collection[str]) -> dict[str, set[str]]:
    """Refuse words files of which one lacks another's word, or a word that findings take.

    Returns:
        By language, the names of the words that templates may take: the engine's and the study's.
    """
    paths = {language: folder / language / "words.yaml" for language in languages}
    words = {path: words_of(path) for path in paths.values() if path.is_file()}
    engines = {language: set(engine_words(language)) for language in languages}
    engine = set().union(*engines.values())
    taken = [name for name in words_taken(folder / "findings") if name not in engine]
    everywhere = dict.fromkeys([*taken, *(name for own in words.values() for name in own)])
    for path in paths.values():
        own = words.get(path, {})
        if own:
            refuse_typed_words(path, own)
        for name in everywhere:
            if name not in own and name not in engine:
                where = "figures take it" if name in taken else "another language has it"
                raise RejeuError(f"{path}: the word '{name}' is missing; {where}")
    return {language: engines[language] | {*words.get(paths[language], ())} for language in paths}


def words_of(path: Path) -> dict[str, str]:
    """The words in a study's file of one language, by their names.

    Raises:
        RejeuError: with the file, and what isn't words in it.
    """
    words = read_yaml(path) or {}
    if not isinstance(words, dict):
        raise RejeuError(f"{path}: expected words by their names, found {shown(words)}")
    for name, text in words.items():
        if not isinstance(text, str) or not text.strip():
            raise RejeuError(f"{path}: {name}: expected words, found {shown(text)}")
    return words


def words_taken(folder: Path) -> list[str]:
    """The words that a study's Python names, as `words["name"]`."""
    return [
        str(node.slice.value)
        for path in sorted(folder.glob("*.py"))
        for node in ast.walk(ast.parse(read_utf8(path), str(path)))
        if isinstance(node, ast.Subscript)
        and isinstance(node.slice, ast.Constant)
        and ast.unparse(node.value).endswith("words")
    ]


def bibliography(path: Path) -> list[str]:
    """The keys of a BibTeX file's entries."""
    return _ENTRY.findall(read_utf8(path))


def cited_in(text: str) -> list[str]:
    """The keys that a line of a template cites, without cross-references."""
    keys = [key.rstrip(".:") for group in _CITED.findall(text) for key in _KEY.findall(group)]
    return [key for key in keys if not _CROSS_REFERENCE.match(key)]


def refuse_unknown(where: str, cited: str, known: list[str], folder: Path) -> None:
    """Refuse a citation whose key the bibliography lacks; `where` it stands begins the message."""
    if cited not in known:
        hint = suggest(cited, known) if known else "it holds no entry"
        raise RejeuError(f"{where}: cites '{cited}', which {folder / 'refs.bib'} lacks; {hint}")


def check_rendering(assets: Path, files: Iterable[str], code: str) -> None:
    """`check_glyphs` and `check_look`, but where both passed with the same characters and look.

    A sentence that changes so doesn't wait a second for what it can't break.

    Args:
        assets: the study's folder of templates.
        files: of the look, the engine's and the study's.
        code: the identity of the Python that renders.

    Raises:
        ImportError: a program is not installed here.
        RejeuError: as the two raise it.
    """
    what = {
        "characters": "".join(sorted(characters(assets))),
        "files": {name: sha256_of(name) for name in files},
        "code": code,
        "programs": {name: version(name) for name in TYPESETTING},
    }
    if read_note(PASSED) == what:
        return
    check_glyphs(assets)
    check_look(assets)
    write_note(PASSED, what)


def characters(assets: Path) -> dict[str, str]:
    """The characters of all templates and words, and where each stands last."""
    return {
        character: f"{path}, line {number}"
        for path in (*assets.rglob("*.qmd.j2"), *assets.rglob("words.yaml"))
        for number, line in enumerate(read_utf8(path).split("\n"), 1)
        for character in line
    }


def check_glyphs(assets: Path) -> None:
    """Refuse a template or words with a character that the PDF's fonts lack.

    Raises:
        RejeuError: with the file, the line and the character's code.
    """
    from rejeu.report.typeset import missing_glyphs, no_glyph  # noqa: PLC0415  it needs Typst

    written = characters(assets)
    for character in sorted(missing_glyphs("".join(written))):
        raise RejeuError(f"{written[character]}: {no_glyph(character)}. Nothing was run.")


def check_look(assets: Path) -> None:
    """Render a page by the embedded pandoc and Typst with the filters and templates in use.

    Args:
        assets: the study's folder, with its bibliography and what it has of the look.

    Raises:
        RejeuError: with the program's own message.
    """
    from rejeu.report.render import render  # noqa: PLC0415  it needs pandoc and Typst

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "figures").mkdir()
        (folder / "figures" / "a.svg").write_text(FIGURE, encoding="utf-8")
        source = folder / "probe.qmd"
        own = assets / "refs.bib"
        cited = "; ".join(f"@{key}" for key in bibliography(own)) if own.is_file() else ""
        probe = PROBE.replace("{bibliography}", "bibliography: refs.bib\n" if cited else "")
        source.write_text(f"{probe}[{cited}]\n" if cited else probe, encoding="utf-8")
        pdf, html = folder / "out" / "probe.pdf", folder / "out" / "probe.html"
        try:
            render(
                source,
                assets,
                pdf,
                html,
                renderer="embedded",
                timestamp=datetime(2000, 1, 1, tzinfo=UTC),
            )
        except RejeuError as error:
            raise RejeuError(
                f"{assets}: a page with its filters, templates and bibliography doesn't render, so "
                f"nothing was run:\n{error}"
            ) from None
