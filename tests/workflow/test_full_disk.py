"""A real, small file system that fills while a rule writes; then there is space again."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.workflow.project import SMOKE, Project

SIZE = 700  # MB, enough for the smoke tier's results
# A file of each rule that writes below results/, later ones first, so that none makes another anew.
# One of each kind of writer is among the quick ones.
QUICK = [
    "report/report.fr.pdf",
    "figures/hidden_a2.fr.png",
    "sentiment/baseline/seed42/predictions.parquet",
    "sentiment/low_weight_decay/seed42/model/model.safetensors",
    "data/sentiment/seed42/test.arrow",
    "data/chat/seed42/train.parquet",
]
WRITTEN = [
    "report/report.fr.pdf",
    "report/en/report.qmd",
    "figures/hidden_a2.fr.png",
    "figures/rank.en.svg",
    "figures/loss_sentiment.fr.svg",
    "figures/confusion_baseline.en.png",
    "claims.json",
    "sentiment/baseline/seed42/metrics.json",
    "sentiment/baseline/seed42/predictions.parquet",
    "lora/r8/seed42/stops.json",
    "lora/r8/seed42/heldout.json",
    "sentiment/low_weight_decay/seed42/model/model.safetensors",
    "lora/r16/seed42/adapter/adapter_model.safetensors",
    "data/sentiment/seed42/test.arrow",
    "data/sentiment/seed42/train.parquet",
    "data/sentiment/clean.parquet",
    "data/chat/seed42/test.plain.arrow",
    "data/chat/seed42/train.parquet",
    "data/chat/pairs.parquet",
]
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only Linux's root may mount a tmpfs"
)


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(["mount", *options], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, free: int) -> Iterator[None]:
    """Leave `free` bytes, to a page, on the folder's file system."""
    ballast = folder / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(folder).free - free)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture(scope="module")
def small(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The built project, its results on a file system of their own."""
    folder = tmp_path_factory.mktemp("small") / "project"
    outside = shutil.ignore_patterns("results", ".cache")
    shutil.copytree(built.folder, folder, ignore=outside)
    shutil.copytree(built.folder / ".cache", folder / ".cache", copy_function=os.link)
    with mounted(folder / "results", SIZE):
        shutil.copytree(built.folder / "results", folder / "results", dirs_exist_ok=True)
        project = Project(folder)
        project.planned(*SMOKE)  # puts times back
        project.forget_kept()
        yield project


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in WRITTEN],
)
def test_a_disk_that_fills_is_told_and_the_next_run_completes(small: Project, name: str) -> None:
    path = small.folder / "results" / "smoke" / name
    before = path.read_bytes()
    path.unlink()
    with filled(small.folder / "results", len(before) // 2 if len(before) > 8192 else 0):
        said = small.snakemake(str(path.relative_to(small.folder)), check=False)
        assert "the disk is full" in said, said
        assert "Traceback" not in said
        assert not path.exists()
    small.snakemake(str(path.relative_to(small.folder)))
    assert path.read_bytes() == before
    assert not list((small.folder / "results").rglob(".*.new*"))  # no half file is left
    small.forget_kept()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "name"),
    [("models", "minilm_l3/model.safetensors"), ("inputs", "chitchat/source.json")],
)
def test_a_disk_that_fills_while_inputs_are_fetched(
    copy: Callable[[], Project], folder: str, name: str
) -> None:
    project = copy()
    project.forget_kept()
    place = project.folder / ".cache/rejeu" / folder
    target = str((place / name).relative_to(project.folder))
    with mounted(place, 4):
        said = project.snakemake(target, check=False)
        assert "the disk is full" in said, said
        assert "Traceback" not in said
    before = (place / name).read_bytes()
    (place / name).unlink()
    project.snakemake(target)
    assert (place / name).read_bytes() == before
