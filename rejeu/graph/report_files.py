"""Which figures and reports a study has, and which files each is made from."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rejeu.graph.graph import Graph, Wildcards
from rejeu.graph.paths import CLAIMS, FIGURES, FIRST, OBSERVATIONS, results_of
from rejeu.report import precheck
from rejeu.report.study_settings import figure_settings, report_settings
from rejeu.report.words import FOLDER as ENGINE_WORDS
from rejeu.report.write import template_of
from rejeu.study import margins
from rejeu.study.comparisons import ungrouped

ASSETS = (".lua", ".yml", ".typ", ".css", ".html", ".js", ".bib")
SHOWN = ("svg", "csv")  # what a report shows of a figure


@dataclass(frozen=True)
class ReportFiles:
    """The figures and reports of a graph's study."""

    graph: Graph

    @cached_property
    def own(self) -> dict[str, list[str]]:
        """By part, the experiments that the report shows in every tier: those of no group."""
        study = self.graph.study
        return {part: ungrouped(study, part) for part in study.parts}

    def in_place(self, path: Path) -> str:
        """A file of the engine's or the study's as Snakemake shall know it."""
        folder = self.graph.folder
        return str(path.relative_to(folder) if path.is_relative_to(folder) else path)

    @property
    def reference(self) -> list[str]:
        """The file of the original's values, if any."""
        return [name for name in (self.graph.study.report.reference,) if name]

    @property
    def written_by_hand(self) -> list[str]:
        """The reference and the claims file, if any."""
        return [*self.reference, *(name for name in (self.graph.study.report.claims,) if name)]

    @property
    def templates(self) -> list[str]:
        """The templates of all languages, and the engine's macros."""
        texts = self.graph.folder / "report"
        macros = self.graph.engine / "rejeu" / "report" / "macros.qmd.j2"
        paths = [
            path
            for language in self.graph.study.languages
            for path in (
                *(precheck.templates_of(texts, language) or [template_of(texts, language)]),
                macros,
            )
        ]
        return [self.in_place(path) for path in dict.fromkeys(paths)]

    @property
    def card_templates(self) -> list[str]:
        """The templates of the cards of models and data."""
        folder = self.graph.engine / "rejeu" / "sharing"
        return [self.in_place(path) for path in sorted(folder.glob("*.j2"))]

    @property
    def words(self) -> list[str]:
        """The files of words, for each language the engine's and then the study's."""
        return [
            self.in_place(path)
            for language in self.graph.study.languages
            for path in (
                ENGINE_WORDS / f"{language}.yaml",
                self.graph.folder / "report" / language / "words.yaml",
            )
            if path.is_file()
        ]

    @property
    def assets(self) -> list[str]:
        """The look, filters and bibliography, the engine's and then the study's."""
        look = self.graph.engine / "rejeu" / "report" / "look"
        return [
            self.in_place(path)
            for folder in (look, self.graph.folder / "report")
            for path in sorted(folder.rglob("*"))
            if path.suffix in ASSETS
        ]

    def figure_files(
        self, name: str, suffixes: Iterable[str] = ("svg", "png", "csv"), folder: str = FIGURES
    ) -> list[str]:
        """A figure's files: in each language as SVG, which the report shows, PNG and a table."""
        return [
            f"{folder}/{name}.{language}.{suffix}"
            for language in self.graph.study.languages
            for suffix in suffixes
        ]

    @cached_property
    def drawn(self) -> dict[str, tuple[str, str]]:
        """Part and experiment by what the experiment's figures are called."""
        return self.graph.study.figure_names()

    def engine_figures(self, part: str) -> list[str]:
        """The figures that a part's experiments have whatever the study: those of no group."""
        losses = "log.jsonl" in results_of(self.graph.study.parts[part])
        called = {name: each for each, (owner, name) in self.drawn.items() if owner == part}
        confusion = self.graph.study.parts[part].kind == "classifier"
        return [
            *[f"confusion_{called[name]}" for name in self.own[part] if confusion],
            *([f"loss_{part}"] if losses else []),
            # A template that names an experiment has figures of its own for it.
            *[
                f"loss_of_{called[name]}"
                for name in self.own[part]
                if losses and name not in self.graph.named[part]
            ],
        ]

    def compared(self, ran: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """The experiments of each comparison that can be made of those that were run, by part."""
        return self.graph.comparisons.compared(self.graph.study, ran)

    def figures(
        self, tier: str, ran: Mapping[str, Collection[str]], timings: Iterable[str]
    ) -> list[str]:
        """The names of the figures of a tier's report.

        Args:
            ran: by part, the experiments that were run.
            timings: the files of measured times.
        """
        measured = [Path(path).stem for path in timings]
        return [
            *(["claims"] if self.graph.claims else []),
            *(
                each
                for part in self.graph.study.tiers[tier].parts
                for each in self.engine_figures(part)
            ),
            *self.graph.comparisons.drawn(self.compared(ran), measured),
        ]

    def all_figures(self, tier: str) -> list[str]:
        """The names of the figures of a tier's whole report."""
        return self.figures(tier, self.graph.seeds[tier], self.graph.timings(tier))

    def drawn_run(self, wildcards: Wildcards) -> SimpleNamespace:
        """The {tier, part, experiment} that a figure of one experiment shows."""
        part, name = self.drawn[wildcards.drawn]
        return SimpleNamespace(tier=wildcards.tier, part=part, experiment=name)

    def metrics_drawn(self, wildcards: Wildcards) -> list[str]:
        """The metrics of the experiment whose confusion matrix is drawn."""
        run = self.drawn_run(wildcards)
        return self.graph.runs(run.tier, run.part, [run.experiment], ["metrics.json"])

    def losses_drawn(self, wildcards: Wildcards) -> list[str]:
        """The losses of a part's own experiments."""
        part = wildcards.part
        return self.graph.runs(wildcards.tier, part, self.own[part], ["log.jsonl"])

    def loss_drawn(self, wildcards: Wildcards) -> list[str]:
        """An experiment's losses, beside those of the undosed one or of the part's first."""
        run = self.drawn_run(wildcards)
        undosed = getattr(self.graph.study.parts[run.part], "undosed", None)
        both = dict.fromkeys([undosed or self.own[run.part][0], run.experiment])
        return self.graph.runs(run.tier, run.part, both, ["log.jsonl"])

    def runs_compared(self, wildcards: Wildcards) -> list[str]:
        """What a figure of the study's own reads of the runs that it compares."""
        figure = self.graph.comparisons.figures[wildcards.figure]
        known = self.compared(self.graph.seeds[wildcards.tier])
        files = []
        for name in figure.compares:
            part = self.graph.comparisons.comparisons[name].part
            read = [*results_of(self.graph.study.parts[part]), *figure.files]
            files += self.graph.runs(wildcards.tier, part, known[name], read)
        return files

    def timings_drawn(self, wildcards: Wildcards) -> list[str]:
        """The timings that a figure of the study's own reads."""
        wanted = self.graph.comparisons.figures[wildcards.figure].timing
        return [path for path in self.graph.timings(wildcards.tier) if Path(path).stem in wanted]

    def figure_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """What a figure of the study's own depends on besides results."""
        compares = self.graph.comparisons.figures[wildcards.figure].compares
        parts = [self.graph.comparisons.comparisons[name].part for name in compares]
        return figure_settings(self.settings(wildcards.tier), compares, parts)

    @cached_property
    def late_margins(self) -> list[str]:
        """The claims whose margin was set after runs that it judges; read once for all figures."""
        stated = [claim for claim in self.graph.judged if claim["kind"] == "claim"]
        return margins.late(stated, margins.read(self.graph.study, self.graph.folder))

    def settings(
        self, tier: str, ran: Mapping[str, Collection[str]] | None = None, *, waiting: bool = False
    ) -> dict[str, Any]:
        """The settings that a report prints and that no result file holds.

        Args:
            ran: by part, the experiments that it shows; None: all that the tier runs.
            waiting: whether this is a first report.
        """
        study, claims = self.graph.study, self.graph.claims
        seeds = {
            part: {name: drawn for name, drawn in known.items() if ran is None or name in ran[part]}
            for part, known in self.graph.seeds[tier].items()
        }
        return report_settings(
            study,
            tier,
            seeds,
            compared=self.compared(seeds),
            named=self.graph.named,
            statements={claim.id: claim.statement for claim in claims.claims} if claims else {},
            late_margins=self.late_margins,
            waiting=waiting,
        )

    def shown(self, wildcards: Wildcards) -> list[str]:
        """The figures of a language's report."""
        return self.in_language(wildcards, self.all_figures(wildcards.tier))

    def first_shown(self, wildcards: Wildcards) -> list[str]:
        """The figures of a language's first report, of which the claims' is its own."""
        names = [name for name in self.figures(wildcards.tier, self.own, []) if name != "claims"]
        claims = ["claims"] if self.graph.claims else []
        return [
            *self.in_language(wildcards, claims, f"{FIRST}/figures"),
            *self.in_language(wildcards, names),
        ]

    def in_language(
        self, wildcards: Wildcards, names: Iterable[str], folder: str = FIGURES
    ) -> list[str]:
        """The files of figures that a report in one language shows."""
        place = folder.format(tier=wildcards.tier)
        return [
            f"{place}/{name}.{wildcards.language}.{suffix}" for name in names for suffix in SHOWN
        ]

    def drawn_files(self, tier: str, suffixes: Iterable[str] = ("svg", "png", "csv")) -> list[str]:
        """The files of all of a tier's figures."""
        return [
            path.format(tier=tier)
            for name in self.all_figures(tier)
            for path in self.figure_files(name, suffixes)
        ]

    def whole(self, tier: str) -> list[str]:
        """All files of a tier that other tools read."""
        return [
            *self.graph.every_result(tier),
            *self.graph.splits(tier),
            *self.graph.timings(tier),
            *self.drawn_files(tier),
            *(path.format(tier=tier) for path in (CLAIMS, OBSERVATIONS) if self.graph.claims),
            f"results/{tier}/provenance.json",
            *(
                f"results/{tier}/report/{name}"
                for language in self.graph.study.languages
                for name in (
                    f"report.{language}.pdf",
                    f"report.{language}.html",
                    f"tables.{language}.html",
                )
            ),
        ]

    def first_reports(self, tier: str) -> list[str]:
        """The first report, while runs are missing that only the whole one shows."""
        groups = self.graph.study.tiers[tier].groups
        if not groups or all(path.exists() for path in self.graph.run_records(tier)):
            return []
        return [
            f"{FIRST}/report.{language}.pdf".format(tier=tier)
            for language in self.graph.study.languages
        ]
