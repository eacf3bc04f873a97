# The study as checked, and what several files of rules take from it: `graph` (which files there are, and
# which they are made from), `settings` (what scripts are given), `report_files` (figures and reports).
import sys
from pathlib import Path

# Found by this file's place, which a study that uses these rules by `module:` doesn't change. Of rules
# that come from a repository at a tag, the package must be installed, at the same tag.
PLACE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
if PLACE.is_dir():
    sys.path.insert(0, str(PLACE.parent))
try:
    from rejeu.build.engine import engine
except ModuleNotFoundError as error:
    sys.exit(
        f"error: Python has no module '{error.name}', which these rules need: install Rejeu where "
        "Snakemake runs, at the tag that its rules come from (pip install git+https://...@TAG)"
    )

from rejeu.build import records, snakemake_run
from rejeu.build.conda import prepare_jobs
from rejeu.build.environment import collect_seldom, prepare
from rejeu.data.sources import unpinned
from rejeu.errors import RejeuError
from rejeu.graph.before_jobs import before_jobs
from rejeu.graph.before_planning import before_planning
from rejeu.graph.graph import PREPARATION
from rejeu.graph.load import load_graph
from rejeu.graph.needs import needs
from rejeu.graph.paths import (
    ALL_SEEDS,
    CARDS,
    CHECKPOINTS,
    CLAIMS,
    DATA,
    FIRST,
    INPUTS,
    MODELS,
    OBSERVATIONS,
    REPORT,
    RUN,
    one_of,
    source,
)
from rejeu.graph.report_files import ReportFiles
from rejeu.graph.settings import MACHINE, Settings

ENGINE, STUDY = engine(), Path.cwd()
collect_seldom()
snakemake_run.end_when_asked()
prepare(ENGINE, STUDY / "report")
prepare_jobs(workflow, ENGINE, STUDY / "report")
try:
    graph = load_graph(
        config or snakemake_run.config_of_command(workflow), STUDY, ENGINE
    )
except RejeuError as error:
    snakemake_run.refuse(error)
study = graph.study
settings = Settings(graph)
report_files = ReportFiles(graph)


# With `--sdm apptainer`, and only then, jobs run in this image: docs/containers.md says how to make it.
containerized: snakemake_run.CONTAINER


snakemake_run.show_engine_to_containers(workflow, ENGINE)

# How often a training run saves what it needs to go on after a kill. A profile may say otherwise,
# `set-resources: {train_lora: {checkpoint_steps: 20}}`, and nothing is trained again for that.
SAVE_STATE = {
    "checkpoint_seconds": 45,  # with the step that is under way, less than a minute is ever lost
    "checkpoint_steps": 0,  # by time only
    # 0: what a job leaves in its folder is not there for the next attempt, which the run says.
    "checkpoint_shared": int(snakemake_run.shares_folder(workflow)),
}


wildcard_constraints:
    tier=one_of(study.tiers),
    part=one_of(study.parts),
    input=one_of(study.inputs),
    model=one_of(study.models),
    experiment="[a-z][a-z0-9_]*",
    drawn="[a-z][a-z0-9_]*",
    seed=r"\d+",
    language=one_of(study.languages),
