"""Builds through profiles/slurm on a real SLURM: whole, one GPU at a time, with too little time."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from rejeu.job.whole_files import read_json
from tests.clusters.events import QUICK, SITE, Events, lengthened
from tests.clusters.slurm import PREEMPTIBLE, Job, Slurm
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project
from tests.workflow.soak import compare

pytestmark = pytest.mark.clusters

RUN = "results/smoke/lora/r8/seed42"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's own file, as site.example.yaml says."""
    file = tmp_path_factory.mktemp("site") / "site.yaml"
    file.write_text(SITE)
    return file


@pytest.fixture(scope="session")
def on_slurm(site: Path) -> Callable[..., tuple[str, ...]]:
    """The options of Snakemake that make a build go through SLURM, from the folder of profiles."""

    def options(profiles: str = "profiles") -> tuple[str, ...]:
        return ("--profile", str(site), "--workflow-profile", f"{profiles}/slurm", *QUICK)

    return options


@pytest.fixture
def unbuilt(tmp_path: Path) -> Project:
    return copy_of_the_project(ROOT, tmp_path / "project")


def submitted(said: str) -> int:
    return said.count("has been submitted with SLURM jobid")


def overlapping(jobs: list[Job]) -> list[tuple[Job, Job]]:
    """Pairs of jobs that ran at once. SLURM's times are whole seconds."""
    ordered = sorted(jobs, key=lambda job: job.start)
    return [(one, next_) for one, next_ in pairwise(ordered) if next_.start < one.end]


def test_the_smoke_tier_is_built_through_slurm(
    slurm: Slurm, undisturbed: Project, unbuilt: Project, on_slurm: Callable[..., tuple[str, ...]]
) -> None:
    said = unbuilt.snakemake(*SMOKE, "renderer=embedded", *on_slurm())
    compared, differing = compare(unbuilt.folder, undisturbed.folder)
    assert compared > 20
    assert differing == []
    assert (unbuilt.folder / "report.pdf").exists()
    # Two models; the data of each part at once; five runs of each, and what they predict.
    assert submitted(said) == 2 + 2 + 2 * 5 + 2 * 5
    assert "Nothing to be done" in unbuilt.snakemake(*SMOKE, "renderer=embedded", *on_slurm())


def test_jobs_with_a_gpu_wait_for_one_another(
    slurm: Slurm, tmp_path: Path, on_slurm: Callable[..., tuple[str, ...]]
) -> None:
    project = copy_of_the_project(ROOT, tmp_path / "project")
    study = project.folder / "examples" / "two_classifiers"
    shutil.move(project.folder / ".cache", study / ".cache")
    before = {job.id for job in slurm.jobs()}
    ask = ("--set-resources", "run_reviews:gpu=1")
    Project(study).snakemake(*on_slurm("../../profiles"), *ask)
    jobs = [job for job in slurm.jobs() if job.id not in before]
    gpu = [job for job in jobs if "gpu" in job.gpus]
    assert len(gpu) == 10
    assert overlapping(gpu) == []


def test_jobs_without_a_gpu_do_not(slurm: Slurm) -> None:
    def ran(*options: str) -> list[Job]:
        ids = [slurm.submit("sleep 3", "--ntasks=1", "--mem=100", *options) for _ in range(2)]
        slurm.wait_until_idle()
        return [job for job in slurm.jobs() if job.id in ids]

    assert len(overlapping(ran())) == 1
    assert overlapping(ran("--gpus=1")) == []


@pytest.mark.slow
def test_a_run_with_a_third_of_its_time_ends_by_resubmission(
    slurm: Slurm, unbuilt: Project, tmp_path: Path, on_slurm: Callable[..., tuple[str, ...]]
) -> None:
    lengthened(unbuilt, 24)
    alone = Project(shutil.copytree(unbuilt.folder, tmp_path / "alone"))
    target = (f"{RUN}/run.json", "--config", "tier=smoke")
    alone.snakemake(*target)
    # A minute, SLURM's shortest; each attempt spends a part of it on its start and on its end.
    little = ("--set-resources", "train_lora:runtime=1", "--retries", "30")
    said = unbuilt.snakemake(*target, *on_slurm(), *little)
    attempts = said.count("Trying to restart job") + 1
    assert attempts >= 3
    assert read_json(unbuilt.folder / RUN / "run.json")["resumes"] == attempts - 1
    for name in ("log.jsonl", "adapter/adapter_model.safetensors"):
        assert unbuilt.sha256(f"{RUN}/{name}") == alone.sha256(f"{RUN}/{name}")


@pytest.mark.slow
def test_one_event_of_each_kind(slurm: Slurm, undisturbed: Project, tmp_path: Path) -> None:
    project = Project(shutil.copytree(undisturbed.folder, tmp_path / "disturbed"))
    events = Events(slurm, project, undisturbed.folder, seed=1)
    events.begin_anew()
    events.run(count=9, minutes=30)
    assert len({event.kind for event in events.events}) == 9
    assert events.verdict() == []
    assert events.compared > 20
    assert "left jobs in SLURM's queue" in events.build.log()  # of the Snakemake that was killed


def test_the_partition_is_the_sites(slurm: Slurm) -> None:
    """The tests before this one ran where site.yaml says, and not in SLURM's default partition."""
    ours = [job for job in slurm.jobs() if job.comment.startswith(("rule_", "group_"))]
    assert {job.partition for job in ours} <= {PREEMPTIBLE}
