"""What Snakemake's own report (`snakemake --report`) shows, and what that is called there."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import shorten
from typing import Any

from rejeu.graph.graph import Wildcards
from rejeu.graph.paths import REPORT
from rejeu.graph.report_files import ReportFiles
from rejeu.report.words import engine_words

CAPTIONS = "captions"  # beside the rules
WIDTH = 70  # letters of a label; that report doesn't break lines, and pushes its figures aside
SHOWN_FIGURE = re.compile(r"^!\[(.+)\]\(figures/([^()]+)\)", re.MULTILINE)
Flags = dict[str, Any]


@dataclass(frozen=True)
class SnakemakeReport:
    """Arguments of Snakemake's `report()`: a category for each language, with three kinds of files.

    Labels are asked for when that report is made, so that they may be read from what was built.
    """

    report_files: ReportFiles

    def figures(self, mark: Callable[..., str], name: str, word: str | None = None) -> list[str]:
        """A figure's files, each language's SVG marked for the report.

        Args:
            mark: Snakemake's `report`.
            word: the languages' word for a figure that the text doesn't show; None: its name.
        """
        return [
            mark(path, **self.figure(path, word)) if path.endswith(".svg") else path
            for path in self.report_files.figure_files(name)
        ]

    def figure(self, path: str, word: str | None) -> Flags:
        """How a figure is shown: under what the report's own caption says first."""
        language = path.split(".")[-2]
        words = engine_words(language)

        def labels(wildcards: Wildcards) -> dict[str, str]:
            file = Path(path.format(**dict(wildcards.items()))).name
            name = file.split(".")[0]
            title = first_sentences(wildcards.tier, language).get(
                file, words[word] if word else name
            )
            shown = (shorten(title, WIDTH, placeholder="…"), self.subject(wildcards, language))
            # Of results that have the same labels Snakemake's report shows one.
            return {words["figure"]: " · ".join(filter(None, shown)), words["file"]: name}

        return {
            "caption": f"{CAPTIONS}/figure.{language}.rst",
            "category": words["language"],
            "subcategory": words["figures"],
            "labels": labels,
        }

    def subject(self, wildcards: Wildcards, language: str) -> str:
        """The title of the experiment or the part that a figure of the engine's shows, if any."""
        study, given = self.report_files.graph.study, dict(wildcards.items())
        if "drawn" in given:
            run = self.report_files.drawn_run(wildcards)
            title = study.parts[run.part].experiments[run.experiment].title
        elif "part" in given:
            title = study.parts[wildcards.part].title
        else:
            return ""
        return unbraced(study.in_each_language(title)[language])

    def document(self, kind: str, suffix: str = "") -> Flags:
        """How a file of one language is shown that `{language}` tells from the others'.

        Args:
            kind: a word of the languages', `whole_report` or `tables`.
            suffix: where there are several files of that kind.
        """

        def of(word: str) -> Callable[[Wildcards], str]:
            return lambda wildcards: engine_words(wildcards.language)[word]

        def labels(wildcards: Wildcards) -> dict[str, str]:
            words = engine_words(wildcards.language)
            study = self.report_files.graph.study
            title = unbraced(study.in_each_language(study.report.title)[wildcards.language])
            form = {words["format"]: suffix.upper()} if suffix else {}
            return {words[kind]: title, **form, words["tier"]: wildcards.tier}

        return {
            "caption": f"{CAPTIONS}/{kind}.rst",
            "category": of("language"),
            "subcategory": of(kind),
            "labels": labels,
        }


@cache
def first_sentences(tier: str, language: str) -> dict[str, str]:
    """By its file, the first sentence of each figure's caption in a report that was written."""
    source = Path(REPORT.format(tier=tier), language, "report.qmd")
    text = source.read_text(encoding="utf-8") if source.is_file() else ""
    return {file: plain(caption) for caption, file in SHOWN_FIGURE.findall(text)}


def unbraced(text: str) -> str:
    """A title in which Snakemake finds no wildcard."""
    return text.translate({ord("{"): "(", ord("}"): ")"})


def plain(caption: str) -> str:
    """The first sentence of a caption, without what only Markdown reads."""
    sentence = re.split(r"(?<=[.?!])\s", caption)[0].rstrip(".")
    text = re.sub(r"\\(\W)|\{[^{}]*\}|[*`\[\]]", r"\1", sentence)
    return unbraced(html.unescape(text))
