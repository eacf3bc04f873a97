"""One real SLURM, and one build without a scheduler, for all tests of this folder that want it."""

from collections.abc import Iterator

import pytest

from tests.clusters import slurm as engine
from tests.clusters.slurm import Slurm
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    if reason := engine.missing():
        pytest.skip(reason)
    with engine.running() as started:
        yield started


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The smoke tier, built on this machine without a scheduler."""
    project = copy_of_the_project(ROOT, tmp_path_factory.mktemp("undisturbed") / "project")
    project.snakemake(*SMOKE, "renderer=embedded")
    return project
