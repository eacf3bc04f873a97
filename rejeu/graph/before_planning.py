"""Before Snakemake looks at any file: one build at a time, and what is damaged is made again."""

import sys
from pathlib import Path
from typing import Any

from rejeu.build import conda, records, snakemake_run, stale
from rejeu.build.build_lock import BuildLock, is_free
from rejeu.build.packages import versions
from rejeu.data.positions import refuse_longer
from rejeu.data.sources import files_of
from rejeu.errors import RejeuError
from rejeu.graph.graph import Graph
from rejeu.graph.paths import MODELS, source
from rejeu.graph.report_files import ReportFiles
from rejeu.study import margins
from rejeu.study.names import suggest
from rejeu.study.parts import Command

MOST_NAMED = 12  # damaged files; the others are counted


def before_planning(workflow: Any, report_files: ReportFiles) -> None:
    """Refuse what no job could do, take the build's lock, and see to what is damaged or stale."""
    graph = report_files.graph
    options = snakemake_run.command()
    try:
        if snakemake_run.deploys(options) and conda.is_used(workflow):
            conda.refuse_unusable()
        snakemake_run.refuse_unknown_targets(options, workflow)
        refuse_study([rule.name for rule in workflow.rules], report_files)
        if snakemake_run.runs_jobs(options):
            lock = BuildLock(graph.folder)
            lock.hold()
            lock.clear()
            margins.declare(graph.study, graph.judged, graph.folder)
    except RejeuError as error:
        snakemake_run.refuse(error)
    # What a running build has begun isn't damaged, and what it waits for is its own to record.
    if snakemake_run.runs_jobs(options) or is_free(graph.folder):
        adopt_inputs(graph)
        mend(report_files)
    mark_stale(graph)


def refuse_study(rules: list[str], report_files: ReportFiles) -> None:
    """Refuse what the study says and no job could do, as far as that can be seen from here.

    Raises:
        RejeuError: a rule, a file, or positions of a model that aren't there.
    """
    graph = report_files.graph
    for tier, here in graph.study.tiers.items():
        for key in ("expected_seconds", "resources"):
            for rule in getattr(here, key):
                if rule not in rules:
                    raise RejeuError(
                        f"config.yaml: tiers.{tier}.{key}: no rule is called '{rule}'; "
                        f"{suggest(rule, rules)}"
                    )
        for part, given in here.parts.items():
            if given.kind != "command":
                refuse_longer(
                    f"config.yaml: tiers.{tier}.parts.{part}.max_length",
                    given.max_length,
                    Path(MODELS, str(graph.model_of(tier, part)), "config.json"),
                )
    for name, part in graph.study.parts.items():
        for file in part.files if isinstance(part, Command) else ():
            if not Path(file).is_file():
                raise RejeuError(
                    f"config.yaml: parts.{name}.files: {file}: no such file; expected a file of "
                    "the study's folder"
                )
    for file in report_files.written_by_hand:
        if not Path(file).is_file():
            raise RejeuError(
                f"{file}: no such file; the report is made from it. Put it back, or undo the "
                "change that removed it"
            )


def adopt_inputs(graph: Graph) -> None:
    """Record raw inputs that came without their record; what isn't whole is fetched again."""
    for name in graph.study.inputs:
        output = source(name)
        if Path(output).exists() and records.recorded(output) is None:
            try:
                records.finish([output], files_of(output))
            except (RejeuError, OSError, ValueError, KeyError, TypeError):
                snakemake_run.mark_incomplete(output)


def mend(report_files: ReportFiles) -> None:
    """Name what is damaged, and let Snakemake make it again."""
    tier = report_files.graph.study.tier
    damaged, begun = records.compare([tier])
    for damage in damaged[:MOST_NAMED]:
        print(f"damaged: {damage.path} {damage.reason}; it will be made again", file=sys.stderr)
    if len(damaged) > MOST_NAMED:
        print(f"and {len(damaged) - MOST_NAMED} files more", file=sys.stderr)
    for damage in damaged:
        for path in {damage.path, damage.output}:
            snakemake_run.mark_incomplete(path)
    for path in begun:
        snakemake_run.mark_incomplete(path)
    # Of what is missing Snakemake looks no further than the target's own inputs.
    lost = not all(Path(path).exists() for path in report_files.whole(tier))
    made_for = snakemake_run.recorded_params("report.pdf") if lost else []
    if lost and repr(tier) in made_for:
        snakemake_run.mark_incomplete("report.pdf")


def mark_stale(graph: Graph) -> None:
    """Say which of the tier's results other versions of packages made; that reruns nothing."""
    tier = graph.study.tier
    made = [stale.read_run(path) for path in graph.run_records(tier)]
    found = stale.stale([run for run in made if run is not None], versions(quantised=True))
    if found:
        print(stale.describe(found, tier), file=sys.stderr)
