"""What the report is made from, checked before any job: templates, words, bibliography, look.

A template that names what isn't there would otherwise fail hours later, once all runs are done.
"""

import difflib
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from rejeu.errors import RejeuError
from rejeu.report.vocabulary import NAMES, WORDS
from rejeu.report.write import environment
from rejeu.study.configuration import suggest
from rejeu.study.strict_reading import read_utf8, read_yaml, shown

# [@key], [@key; @other], [see @key, p. 3]; a key that a template computes is the configuration's.
_CITED = re.compile(r"\[[^\[\]{}]*@[^\[\]{}]*\]")
_KEY = re.compile(r"@([A-Za-z0-9_][\w:.#$%&+?<>~/-]*)")
_ENTRY = re.compile(r"^\s*@\w+\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)
_CROSS_REFERENCE = re.compile(r"(fig|tbl|sec|eq)-")

PROBE = """---
title: Probe
author: A
lang: en
bibliography: refs.bib
csl: ieee.csl
---

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


# What templates name of the judged: under which name, each one's arms by its id.
Judged = Mapping[str, Mapping[str, Collection[str]]]


def check_sources(
    folder: Path, languages: Iterable[str], citations: Mapping[str, str], judged: Judged
) -> None:
    """Check templates, words and citations below `folder` (report/).

    Args:
        citations: keys of the bibliography that the configuration names, by where it does.
        judged: under `claims`, `compared` and `seen`, what the claims file has.

    Raises:
        RejeuError: with the file, the line or key, and what was expected.
    """
    known = bibliography(folder / "refs.bib")
    for key, cited in citations.items():
        refuse_unknown("config.yaml: " + key, cited, known, folder)
    for language in languages:
        templates = environment(folder / language)
        main, chapter = "report.qmd.j2", "hidden.qmd.j2"
        given = NAMES | set(templates.globals)
        given |= check_template(templates, folder / language / main, given, judged)
        check_template(templates, folder / language / chapter, given, judged)
        for name in (main, chapter):
            for line, text in enumerate(read_utf8(folder / language / name).split("\n"), 1):
                for cited in cited_in(text):
                    where = f"{folder / language / name}, line {line}"
                    refuse_unknown(where, cited, known, folder)
        check_words(folder / language / "words.yaml")


def check_template(templates: Environment, path: Path, given: set[str], judged: Judged) -> set[str]:
    """Refuse a template that can't be read or that names what nobody gives it.

    Returns:
        The names that it defines for a chapter: macros, and values that it sets.
    """
    source = read_utf8(path)
    try:
        templates.compile(source, path.name)
        tree = templates.parse(source, path.name)
    except TemplateSyntaxError as error:
        raise RejeuError(f"{path}, line {error.lineno}: {error.message}; nothing was run") from None
    set_anywhere = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "store"}
    for name in sorted(meta.find_undeclared_variables(tree) - given - set_anywhere):
        line = next(node.lineno for node in tree.find_all(nodes.Name) if node.name == name)
        near = difflib.get_close_matches(name, given | set_anywhere, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(given))}"
        raise RejeuError(f"{path}, line {line}: no value is called '{name}'; {hint}")
    check_judged(tree, path, judged)
    targets = [name for found in tree.find_all(nodes.Assign) for name in found.find_all(nodes.Name)]
    return {
        *(macro.name for macro in tree.find_all(nodes.Macro)),
        *(node.name for node in targets if node.ctx == "store"),
    }


def check_judged(tree: nodes.Template, path: Path, judged: Judged) -> None:
    """Refuse a template that names a claim, an arm or a comparison that the claims file lacks."""
    for node in tree.find_all(nodes.Getattr):
        match node.node:
            case nodes.Name(name=name) if name in judged:
                known, what = judged[name], name
            case nodes.Getattr(node=nodes.Name(name="compared"), attr=claim) if (
                claim in judged["compared"]
            ):
                known, what = judged["compared"][claim], f"compared.{claim}"
            case _:
                continue
        if node.attr not in known and not hasattr(dict, node.attr):
            raise RejeuError(
                f"{path}, line {node.lineno}: {what}.{node.attr}: the template names it, and the "
                f"claims file doesn't have it; {suggest(node.attr, known)}"
            )


def check_words(path: Path) -> None:
    """Refuse a words file that lacks a figure's word, or has one that no figure knows."""
    words = read_yaml(path)
    if not isinstance(words, dict):
        raise RejeuError(f"{path}: expected words by their names, found {shown(words)}")
    for name in WORDS:
        if name not in words:
            raise RejeuError(f"{path}: the word '{name}' is missing; a figure needs it")
        if not isinstance(words[name], str) or not words[name].strip():
            raise RejeuError(f"{path}: {name}: expected words, found {shown(words[name])}")
    for name in words:
        if name not in WORDS:
            raise RejeuError(f"{path}: unknown word {shown(name)}; {suggest(str(name), WORDS)}")


def bibliography(path: Path) -> list[str]:
    """The keys of a BibTeX file's entries."""
    return _ENTRY.findall(read_utf8(path))


def cited_in(text: str) -> list[str]:
    """The keys that a line of a template cites, without cross-references."""
    keys = [key.rstrip(".:") for group in _CITED.findall(text) for key in _KEY.findall(group)]
    return [key for key in keys if not _CROSS_REFERENCE.match(key)]


def refuse_unknown(where: str, cited: str, known: list[str], folder: Path) -> None:
    if cited not in known:
        hint = suggest(cited, known) if known else "it holds no entry"
        raise RejeuError(f"{where}: cites '{cited}', which {folder / 'refs.bib'} lacks; {hint}")


def check_look(assets: Path) -> None:
    """Render a page by the embedded pandoc and Typst with the study's filters and templates.

    Raises:
        RejeuError: with the program's own message.
    """
    from rejeu.report.render import render  # noqa: PLC0415  it needs pandoc and Typst

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "figures").mkdir()
        (folder / "figures" / "a.svg").write_text(FIGURE, encoding="utf-8")
        source = folder / "probe.qmd"
        cited = "; ".join(f"@{key}" for key in bibliography(assets / "refs.bib"))
        source.write_text(f"{PROBE}[{cited}]\n" if cited else PROBE, encoding="utf-8")
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
