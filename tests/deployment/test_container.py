"""The image: what Dockerfile and apptainer.def say alike, and jobs that run in one.

Apptainer is not to be had here: a stand-in (`stand_in_apptainer`) takes Snakemake's calls.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deployment.image import built, missing
from tests.deployment.node import can_contain
from tests.deployment.pod_builds import build_through_losses, example_study
from tests.deployment.stand_in_apptainer import SEEN
from tests.workflow.project import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
DEFINITION = (ROOT / "containers" / "apptainer.def").read_text(encoding="utf-8")


def found(pattern: str, text: str) -> str:
    (one,) = re.findall(pattern, text, re.MULTILINE)
    return one


def test_both_images_begin_with_one_base() -> None:
    base = found(r"^ARG BASE=(.+)$", DOCKERFILE)
    assert found(r"^From: (.+)$", DEFINITION) == base
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)


def test_both_images_take_the_same_files() -> None:
    listed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    files = re.findall(r"^    (\S+) /opt/rejeu/$", DEFINITION, re.MULTILINE)
    assert sorted(files) == sorted(line[1:] for line in listed if line.startswith("!"))
    assert "*" in listed
    assert all((ROOT / name).exists() for name in files)


def test_both_images_are_installed_in_the_same_steps() -> None:
    steps = r"sh /opt/rejeu/containers/install\.sh (\w+)"
    assert re.findall(steps, DOCKERFILE) == re.findall(steps, DEFINITION) == ["packages", "engine"]


def test_the_image_runs_as_no_root() -> None:
    assert found(r"^USER (.+)$", DOCKERFILE) == "1000:1000"


def test_the_installed_torch_is_the_makefile_s() -> None:
    script = (ROOT / "containers" / "install.sh").read_text(encoding="utf-8")
    command = found(r"\$\((sed .+)\)", script)
    said = subprocess.run(["sh", "-c", command], cwd=ROOT, check=True, capture_output=True)
    assert re.fullmatch(rb"torch==[\d.]+\n", said.stdout)


def snakemake(study: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Build the study with a program called `apptainer` on PATH."""
    programs = study.parent / "programs"
    programs.mkdir(exist_ok=True)
    program = programs / "apptainer"
    stand_in = f"{sys.executable} -m tests.deployment.stand_in_apptainer"
    program.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}:$PYTHONPATH" exec {stand_in} "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--cores", "2", "claims", *words),
            *("--workflow-profile", str(ROOT / "profiles" / "default")),
        ],
        cwd=study,
        env=os.environ
        | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            SEEN: str(study.parent / "seen"),
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )


def test_a_missing_image_is_said_before_any_job(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    study = example_study(tmp_path / "study", ROOT, input_folder("movie_reviews"))
    done = snakemake(study, "--sdm", "apptainer")
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "error: .cache/rejeu/image.sif: jobs are to run in this image" in said
    assert "Traceback" not in said
    assert not (study / "results").exists()


@pytest.mark.slow
@pytest.mark.skipif(not can_contain(), reason="containers can't be made here: not root")
def test_jobs_run_in_the_image_and_nothing_runs_again_without_it(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    study = example_study(tmp_path / "study", ROOT, input_folder("movie_reviews"))
    (study / ".cache/rejeu/image.sif").touch()
    done = snakemake(study, "--sdm", "apptainer")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (study / "results/laptop/claims.json").is_file()
    jobs = (tmp_path / "seen").read_text(encoding="utf-8").splitlines()
    assert jobs == [".cache/rejeu/image.sif"] * 3
    again = snakemake(study)
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=f"not here: {', '.join(missing())}")
@pytest.mark.skipif(not can_contain(), reason="containers can't be made here: not root")
def test_a_study_is_built_in_the_real_image(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    with built(tmp_path) as image:
        assert image.user == 1000
        done = build_through_losses(image, tmp_path, input_folder("movie_reviews"))
    assert (done.study / "report.pdf").is_file()
