"""Before the first job: what is seen to fail is refused while everything is still there."""

import os
import sys
from pathlib import Path
from typing import Any

from rejeu.build import plan, snakemake_run, time_left
from rejeu.build.identity import note_begun, remember
from rejeu.build.kept_results import ANEW
from rejeu.build.missing import refuse_missing
from rejeu.build.packages import missing
from rejeu.clusters import generic, slurm
from rejeu.errors import RejeuError, listed
from rejeu.graph.graph import Graph
from rejeu.graph.paths import INPUTS
from rejeu.graph.report_files import ReportFiles
from rejeu.graph.settings import Settings
from rejeu.report import precheck, renderer
from rejeu.report.template_names import refuse_missing_figures
from rejeu.study.configuration import Study

MOST_NAMED = 12  # missing packages; the others are counted
READ_RAW_DATA = ("clean_texts", "split_texts", "pair_messages", "split_pairs")


def before_jobs(workflow: Any, graph: Graph) -> None:
    """Refuse what will run and would fail, and say what it is that will run."""
    try:
        snakemake_run.refuse_missing_image(workflow)
        refuse_missing_packages(workflow, graph.engine)
        own_packages = snakemake_run.deploys_software(workflow)
        here = workflow.local_exec and not own_packages
        refuse_missing(workflow, graph.study, machine=here, packages=not own_packages)
        refuse_raw_data(workflow, graph)
        refuse_report(workflow, graph)
        announce(workflow, graph)
        slurm.end_leftover_jobs(workflow, graph.folder)
    except RejeuError as error:
        snakemake_run.refuse(error)
    snakemake_run.start_jobs_freely(workflow)
    generic.take_up(workflow)


def refuse_missing_packages(workflow: Any, engine: Path) -> None:
    """Name what jobs will import and isn't installed here, where they run with what is.

    Raises:
        RejeuError: packages are missing.
    """
    if snakemake_run.deploys_software(workflow):
        return
    # Fetching needs no more than Snakemake does, but for the hub.
    waiting = [job for job in workflow.dag.needrun_jobs() if job.rule.name != "fetch"]
    names = {Path(str(job.rule.conda_env)).name for job in waiting if job.is_script}
    absent = missing(engine / "envs" / name for name in sorted(names))
    if absent:
        # Those that scripts import come first in environment files.
        first = listed(absent, MOST_NAMED)
        raise RejeuError(
            f"these packages are not installed, and jobs need them: {first}. Install "
            "requirements.lock (`make` does), or let Snakemake do it (--use-conda). "
            "Nothing was run."
        )


def refuse_raw_data(workflow: Any, graph: Graph) -> None:
    """Check the data that jobs will read, before Snakemake deletes anything for them.

    Raises:
        RejeuError: as `raw_data.check` does.
    """
    waiting = {
        (graph.part_of(job.wildcards), job.wildcards.tier)
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in READ_RAW_DATA
    }
    for part, tier in sorted(waiting):
        try:
            # Here, since pandas is slow to load, and with conda only the jobs may have it.
            from rejeu.data import raw_data  # noqa: PLC0415
        except ImportError:
            return
        given: Any = graph.study.tiers[tier].parts[part]
        raw_data.check(
            given.input,
            Settings(graph).of_input(given.input),
            given.kind,
            given.model_dump(),
            sorted({seed for drawn in graph.seeds[tier][part].values() for seed in drawn}),
            Path(INPUTS, given.input),
        )


def refuse_report(workflow: Any, graph: Graph) -> None:
    """Check that the report can be written and rendered, before jobs that take hours.

    Raises:
        RejeuError: as `precheck` and `renderer.refuse_unusable` do.
    """
    if all(job.rule.name != "render_report" for job in workflow.dag.needrun_jobs()):
        return
    study, texts = graph.study, Path("report")
    named = graph.claims.named() if graph.claims else {}
    try:
        precheck.check_sources(texts, study.languages, citations(study), named, study.parts)
        refuse_missing_figures(texts, graph.comparisons.figures)
        renderer.refuse_unusable(renderer.chosen(study.renderer))
        # It imports pandoc and Typst, which with conda only the jobs may have.
        look = ReportFiles(graph).assets
        precheck.check_rendering(texts, look, graph.code("render_report.py"))
    except ImportError:
        return


def citations(study: Study) -> dict[str, str]:
    """The keys of the bibliography that the configuration names, by where it does."""
    models = {f"models.{name}.citation": model.citation for name, model in study.models.items()}
    data = {
        f"tiers.{name}.parts.{part}.citation": getattr(given, "citation", None)
        for name, here in study.tiers.items()
        for part, given in here.parts.items()
    }
    return {where: key for where, key in (models | data).items() if key}


def announce(workflow: Any, graph: Graph) -> None:
    """Say what will run and, later, how far it is; record the code that runs.

    `rejeu why` reads that, and jobs, which refuse code that is edited from now on.
    """
    scripts = sorted((graph.engine / "scripts").glob("*.py"))
    for script in scripts:
        remember(script, graph.packages, graph.folder, graph.equal)
    note_begun(scripts, graph.packages, graph.folder, graph.equal)
    if snakemake_run.is_forced(workflow):
        os.environ[ANEW] = "1"
    jobs = plan.jobs_of(workflow, graph.study)
    asked = workflow.resource_settings
    if workflow.local_exec:
        said = plan.describe(jobs, asked.cores or 1, graph.folder)
        planned = plan.planned_jobs(workflow)
        time_left.watch(jobs, lambda: map(workflow.dag.finished, planned), asked.cores or 1)
    else:
        said = plan.describe_elsewhere(jobs, asked.nodes or 1, graph.folder)
    print(said, file=sys.stderr)
