"""What Snakemake's own report (`snakemake --report`) shows, and how it calls it in each language."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rejeu.graph.graph import Wildcards
from rejeu.graph.paths import REPORT
from rejeu.graph.report_files import ReportFiles
from rejeu.report.words import engine_words

CAPTIONS = "captions"  # beside the rules
SHOWN_FIGURE = re.compile(r"^!\[(.+)\]\(figures/([^()]+)\)", re.MULTILINE)
Flags = dict[str, Any]


@dataclass(frozen=True)
class SnakemakeReport:
    """Arguments of Snakemake's `report()`: a category for each language, and in it three kinds of files.

    Labels are asked for when that report is made, so that they may be read from what was built.
    """

    report_files: ReportFiles

    def figures(self, mark: Callable[..., str], name: str) -> list[str]:
        """A figure's files, each language's SVG marked for the report; `mark` is `report`."""
        return [
            mark(path, **self.figure(path)) if path.endswith(".svg") else path
            for path in self.report_files.figure_files(name)
        ]

    def figure(self, path: str) -> Flags:
        """How a figure is shown: under what the report's own caption says first."""
        language = path.split(".")[-2]
        words = engine_words(language)

        def labels(wildcards: Wildcards) -> dict[str, str]:
            file = Path(path.format(**dict(wildcards.items()))).name
            title = first_sentences(wildcards.tier, language).get(file, file.split(".")[0])
            return {words["figure"]: title, words["tier"]: wildcards.tier}

        return {
            "caption": f"{CAPTIONS}/figure.{language}.rst",
            "category": words["language"],
            "subcategory": words["figures"],
            "labels": labels,
        }

    def document(self, kind: str, suffix: str) -> Flags:
        """How a file of one language is shown that `{language}` tells from the others'.

        Args:
            kind: a word of the languages', `whole_report` or `tables`.
        """

        def of(word: str) -> Callable[[Wildcards], str]:
            return lambda wildcards: engine_words(wildcards.language)[word]

        def labels(wildcards: Wildcards) -> dict[str, str]:
            words = engine_words(wildcards.language)
            study = self.report_files.graph.study
            title = study.in_each_language(study.report.title)[wildcards.language]
            return {
                words[kind]: title,
                words["format"]: suffix.upper(),
                words["tier"]: wildcards.tier,
            }

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


def plain(caption: str) -> str:
    """The first sentence of a caption, without what only Markdown reads."""
    sentence = re.split(r"(?<=[.?!])\s", caption)[0].rstrip(".")
    return re.sub(r"\\(\W)|\{[^{}]*\}|[*`\[\]]", r"\1", sentence)
