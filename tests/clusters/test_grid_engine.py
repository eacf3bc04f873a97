"""Builds through profiles/cluster-generic on a real Grid Engine: whole, and disturbed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from rejeu.job.whole_files import read_json
from tests.clusters import grid_engine
from tests.clusters.grid_engine import GridEngine, Row
from tests.workflow.project import ROOT, SMOKE, Project, copy_of_the_project
from tests.workflow.soak import compare

pytestmark = pytest.mark.clusters

PROFILE = Path("profiles") / "cluster-generic"
# A site asks every ten seconds; nobody waits here.
THROUGH_IT = ("--workflow-profile", str(PROFILE), "--seconds-between-status-checks", "1")
RUN = "results/smoke/lora/r8/seed42"
TARGET = (f"{RUN}/run.json", "--config", "tier=smoke")
SAVING = ("--set-resources", "train_lora:checkpoint_steps=2")
SAME = ("log.jsonl", "adapter/adapter_model.safetensors")
PATIENCE = 900.0  # seconds for a busy machine to do anything
NOTICED = 60.0  # seconds within which a deleted job must be seen as failed


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    if reason := grid_engine.missing():
        pytest.skip(reason)
    with (
        GridEngine(tmp_path_factory.mktemp("grid_engine")) as started,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in started.environment.items():
            patch.setenv(name, value)
        yield started


@pytest.fixture(scope="module")
def fetched(tmp_path_factory: pytest.TempPathFactory, engine: GridEngine) -> Project:
    """The project with its inputs, and with what the example says of the site."""
    project = copy_of_the_project(ROOT, tmp_path_factory.mktemp("fetched") / "project")
    shutil.copy(project.folder / PROFILE / "site.example.sh", project.folder / PROFILE / "site.sh")
    return project


@pytest.fixture(scope="module")
def long_run(fetched: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One run, three times as long as the smoke tier's for an event to hit it, undisturbed."""
    project = unbuilt(fetched, tmp_path_factory.mktemp("long") / "project")
    project.replace("config.yaml", "max_steps: 12\n", "max_steps: 36\n")
    project.snakemake(*TARGET)
    return project


def unbuilt(project: Project, folder: Path) -> Project:
    """A copy of a project with its inputs and models, as before its first build."""
    built = shutil.ignore_patterns("results", "logs", ".snakemake", "kept", "code", "report.pdf")
    shutil.copytree(project.folder, folder, ignore=built)
    return Project(folder)


@contextmanager
def building(project: Project) -> Iterator[subprocess.Popen[bytes]]:
    """Build the run through Grid Engine; what is printed is added to build.log."""
    with (project.folder / "build.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *TARGET, *THROUGH_IT, *SAVING],
            cwd=project.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Watch:
    """Counts, in a thread, the processes that train a run in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.most, self.over = folder, 0, threading.Event()
        self.thread = threading.Thread(target=self.look)

    def __enter__(self) -> "Watch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def look(self) -> None:
        while not self.over.wait(0.3):
            self.most = max(self.most, len(trainings(self.folder)))


def trainings(folder: Path) -> list[psutil.Process]:
    found = psutil.process_iter(["cwd", "cmdline"])
    return [
        process
        for process in found
        if process.info["cwd"] == str(folder)
        and (process.info["cmdline"] or [""])[-1].endswith(".train_lora.py")
    ]


def said(project: Project) -> str:
    return (project.folder / "build.log").read_text(encoding="utf-8")


def wait(done: Callable[[], object], project: Project, seconds: float = PATIENCE) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until, said(project)
        time.sleep(0.1)


def states(project: Project) -> list[str]:
    found = (project.folder / ".cache/rejeu/checkpoints" / RUN).rglob("step*.json")
    return sorted(path.name for path in found)


def running(engine: GridEngine) -> list[Row]:
    return [row for row in engine.qstat() if "train_lora" in row.name and row.state == "r"]


def wait_for_a_later_state(project: Project) -> None:
    """Until the run that is under way has saved a state of its own."""
    wait(lambda: trainings(project.folder), project)
    before = states(project)
    wait(lambda: trainings(project.folder) and states(project)[-1:] > before[-1:], project)


def is_the_same(project: Project, other: Project) -> bool:
    return all(project.sha256(f"{RUN}/{name}") == other.sha256(f"{RUN}/{name}") for name in SAME)


def submitted(project: Project, rule: str) -> int:
    """How many jobs of a rule were ever submitted, as the profile noted them."""
    notes = (project.folder / ".snakemake" / "cluster").glob("*.json")
    return sum(read_json(note)["rule"] == rule for note in notes)


def test_what_is_said_of_a_job_without_a_note(engine: GridEngine, tmp_path: Path) -> None:
    shutil.copytree(ROOT / PROFILE, tmp_path / PROFILE)
    shutil.copy(tmp_path / PROFILE / "site.example.sh", tmp_path / PROFILE / "site.sh")

    def status(job: str) -> str:
        return program(tmp_path, "status.sh", job).stdout.strip()

    def job(seconds: int, *options: str) -> str:
        words = ("-b", "y", "-o", "/dev/null", "-j", "y", *options, "sleep", str(seconds))
        return engine.program("qsub", "-terse", *words).strip()

    there = job(60)
    assert status(there) == "running"
    engine.qdel(there)
    began = time.monotonic()
    while status(there) == "running":
        assert time.monotonic() < began + NOTICED
        time.sleep(0.5)
    assert status(there) == "failed"
    lost = job(1, "-wd", str(tmp_path / "nowhere"))  # Grid Engine lets it wait for ever (Eqw)
    while status(lost) == "running":
        assert time.monotonic() < began + 2 * NOTICED
        time.sleep(0.5)
    assert status(lost) == "failed"
    assert engine.qstat() == []
    # Where nobody answers, nothing is known to have failed.
    asked = program(tmp_path, "status.sh", "99", SGE_QMASTER_PORT="1")
    assert (asked.returncode, asked.stdout) == (0, "running\n")


def test_a_site_that_has_not_said_what_is_its_own_is_told(tmp_path: Path) -> None:
    shutil.copytree(ROOT / PROFILE, tmp_path / PROFILE, ignore=shutil.ignore_patterns("site.sh"))
    refused = program(tmp_path, "submit.sh", "1", "100", "10", "0", "job.sh")
    assert refused.returncode == 1
    assert "site.sh: no such file; copy site.example.sh to it" in refused.stderr


def program(
    folder: Path, name: str, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the profile's programs, as Snakemake does."""
    return subprocess.run(
        [PROFILE / name, *words],
        cwd=folder,
        env=os.environ | variables,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.slow  # seven minutes; the others submit, delete, kill and take up single runs
def test_the_smoke_tier_is_built_through_grid_engine(
    undisturbed: Project, fetched: Project, tmp_path: Path
) -> None:
    project = unbuilt(fetched, tmp_path / "project")
    words = (*SMOKE, "renderer=embedded", *THROUGH_IT)
    project.snakemake(*words)
    compared, differing = compare(project.folder, undisturbed.folder)
    assert compared > 20
    assert differing == []
    assert (project.folder / "report.pdf").exists()
    for rule in ("train_classifier", "train_lora"):
        runs = project.folder.glob(f"logs/smoke/{rule}/*.log")
        assert submitted(project, rule) == len(list(runs)) > 0
    assert submitted(project, "render_report") == 0  # light rules run where Snakemake does
    assert "Nothing to be done" in project.snakemake(*words)


def test_a_run_that_was_deleted_or_killed_goes_on_from_its_state(
    engine: GridEngine, long_run: Project, tmp_path: Path
) -> None:
    project = unbuilt(long_run, tmp_path / "project")
    with Watch(project.folder) as watch, building(project) as process:
        wait_for_a_later_state(project)
        (row,) = running(engine)
        engine.qdel(row.id)  # it is asked to end first
        wait(lambda: said(project).count("Trying to restart job") == 1, project, NOTICED)
        assert "stopped by SIGTERM" in said(project)
        wait_for_a_later_state(project)
        (row,) = running(engine)
        kill(engine, row)  # nothing is left of it to say how it ended
        wait(lambda: said(project).count("Trying to restart job") == 2, project, NOTICED)
        assert process.wait(PATIENCE) == 0, said(project)
    assert watch.most == 1
    assert read_json(project.folder / RUN / "run.json")["resumes"] == 2
    assert is_the_same(project, long_run)


def kill(engine: GridEngine, row: Row) -> None:
    """SIGKILL all processes of a job at once."""
    daemon = psutil.Process(engine.daemons[-1].pid)
    trees = [shepherd.children(recursive=True) for shepherd in daemon.children()]
    (tree,) = [tree for tree in trees if tree[0].cmdline()[-1].endswith(f"/job_scripts/{row.id}")]
    for process in tree:
        process.kill()


def test_a_killed_snakemake_finds_its_jobs_again(long_run: Project, tmp_path: Path) -> None:
    project = unbuilt(long_run, tmp_path / "project")
    with Watch(project.folder) as watch:
        with building(project) as process:
            wait_for_a_later_state(project)
            process.kill()
        with building(project) as process:
            assert process.wait(PATIENCE) == 0, said(project)
    assert said(project).count("Resuming incomplete job") == 1
    assert submitted(project, "train_lora") == 1
    assert watch.most == 1
    assert read_json(project.folder / RUN / "run.json")["resumes"] == 0
    assert is_the_same(project, long_run)
    assert project.planned(*TARGET) == {}


def test_ctrl_c_deletes_the_jobs(engine: GridEngine, long_run: Project, tmp_path: Path) -> None:
    project = unbuilt(long_run, tmp_path / "project")
    # So long that it can't end before its job is deleted, however busy the machine is.
    project.replace("config.yaml", "max_steps: 36\n", "max_steps: 900\n")
    with building(project) as process:
        wait_for_a_later_state(project)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE)
    wait(lambda: not running(engine) and not trainings(project.folder), project, NOTICED)
    assert states(project)
