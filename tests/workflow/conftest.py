"""One real build of the smoke tier, through the Snakefile, shared by the tests of this folder."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The smoke tier, built. Tests must leave it as it is: `copy` gives one to change."""
    project = copy_of_the_project(ROOT, tmp_path_factory.mktemp("built") / "a project's copy")
    # The one finding that a quick look at the smoke tier can do without.
    project.replace("config.yaml", "    groups: [a1]\n", "    groups: [a1, a8]\n")
    log = project.snakemake(*SMOKE)
    (project.folder / "build.log").write_text(log, encoding="utf-8")
    return project


def link_or_copy(source: str, target: str) -> None:
    """Link what is large; it is only ever replaced, never written in place."""
    if "/.cache/" in source or source.endswith((".safetensors", ".parquet")):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture
def copy(built: Project, tmp_path: Path) -> Callable[[], Project]:
    """Copy the built project, its results and Snakemake's memory of them included."""

    def make() -> Project:
        shutil.copytree(built.folder, tmp_path / "copy", copy_function=link_or_copy)
        return Project(tmp_path / "copy")

    return make
