"""What jobs in conda environments are told, and what they don't see."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import snakemake
from snakemake.settings.types import DeploymentMethod

from rejeu.build import conda, packages
from rejeu.build.environment import SNAKEMAKES
from tests.study.sample import ROOT


def workflow(*methods: DeploymentMethod) -> Any:
    return SimpleNamespace(deployment_settings=SimpleNamespace(deployment_method={*methods}))


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a build's jobs."""
    monkeypatch.setattr(sys, "path", ["/snakemakes/site-packages"])
    monkeypatch.setattr(os, "environ", {"PATH": "/bin"})
    conda.prepare_jobs(workflow(DeploymentMethod.CONDA), ROOT, Path("/study/report"))
    return dict(os.environ)


def test_without_the_flag_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before, variables = [*sys.path], dict(os.environ)
    conda.prepare_jobs(workflow(DeploymentMethod.APPTAINER), ROOT, Path("/study/report"))
    assert (sys.path, dict(os.environ)) == (before, variables)


def test_jobs_know_the_versions_of_all_environments(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a part of them would be another identity of the same results."""
    assert told["PYTHONNOUSERSITE"] == "1"
    assert json.loads(told[packages.PINNED])["snakemake"] == snakemake.__version__
    pinned = json.loads(told[packages.PINNED])
    monkeypatch.setattr(os, "environ", told)
    for builds in ({}, {"torch": f"{pinned['torch']}+cpu"}, {"numpy": "0.1", "pandas": "0.2"}):

        def version(name: str, known: dict[str, str] = builds) -> str:
            if name not in known:
                raise packages.PackageNotFoundError(name)
            return known[name]

        monkeypatch.setattr(packages, "version", version)
        found = packages.versions()
        assert found.keys() == set(packages.NUMERIC)
        assert found["torch"] == builds.get("torch", pinned["torch"])
        assert {name: packages.without_build(number) for name, number in found.items()} == {
            name: pinned[name] for name in packages.NUMERIC
        }
    assert packages.installed("pypandoc-binary") == pinned["pypandoc-binary"]
    assert packages.installed("no-such-package") is None


def test_a_job_imports_the_project_and_nothing_of_snakemakes(tmp_path: Path) -> None:
    """Snakemake appends where its own Python looks to where a job's Python looks."""
    theirs, study = tmp_path / "theirs", tmp_path / "report"
    for place, name in ((theirs, "of_snakemakes"), (study, "of_the_study")):
        place.mkdir()
        (place / f"{name}.py").touch()
    job = (
        f"import sys; sys.path += {[str(theirs), str(ROOT), str(study)]!r}\n"
        "import rejeu.build.environment, json\n"
        "rejeu.build.environment.leave_out_snakemakes()\n"
        "import of_the_study\n"
        "import of_snakemakes\n"
    )
    there = {SNAKEMAKES: os.pathsep.join([*sys.path, str(theirs)])}
    for told, wanted in (({}, ""), (there, "No module named 'of_snakemakes'")):
        done = subprocess.run(
            [sys.executable, "-c", job],
            cwd=tmp_path,
            env=os.environ | told,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.stderr.strip().endswith(wanted), done.stderr
        assert (done.returncode != 0) == bool(wanted)
