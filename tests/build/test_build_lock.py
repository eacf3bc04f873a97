"""Real builds of a small workflow: two at once, and killed in the middle."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
WORKFLOW = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from rejeu.build import snakemake_run
from rejeu.build.build_lock import BuildLock
from rejeu.errors import RejeuError

if workflow.is_main_process and snakemake_run.runs_jobs(snakemake_run.command()):
    lock = BuildLock(Path.cwd())
    try:
        lock.hold()
    except RejeuError as error:
        print(f"error: {{error}}", file=sys.stderr)
        sys.exit(1)
    lock.clear()

rule all:
    input: "slow.txt"

rule slow:
    output: "slow.txt"
    script: "slow.py"
"""
JOB = f"""
import sys, time
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from rejeu.job.run import logged
with logged("job.log"):
    Path("started").touch()
    while not Path("go").exists():
        time.sleep(0.05)
    Path(snakemake.output[0]).touch()
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Snakefile").write_text(WORKFLOW)
    (tmp_path / "slow.py").write_text(JOB)
    return tmp_path


@pytest.fixture
def start(project: Path) -> Iterator[Start]:
    """Starts a build; what still runs at the test's end is killed with all its children."""
    started: list[subprocess.Popen[str]] = []

    def build(*words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [SNAKEMAKE, "--cores", "1", "--rerun-incomplete", *words],
            cwd=project,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield build
    for process in started:
        if process.poll() is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], what: str) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def job_of(process: subprocess.Popen[str], project: Path) -> psutil.Process:
    wait_for((project / "started").exists, "the job starts")
    (job,) = psutil.Process(process.pid).children()
    return job


def test_a_second_build_is_refused_in_one_line(project: Path, start: Start) -> None:
    first = start()
    job_of(first, project)
    said, _ = start().communicate(timeout=60)
    assert said.startswith(f"error: process {first.pid} builds in {project} already; wait")
    assert len(said.splitlines()) == 1
    (project / "go").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_after_sigkill_a_plain_rerun_works_and_no_job_is_left(project: Path, start: Start) -> None:
    first = start()
    job = job_of(first, project)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    wait_for(lambda: not job.is_running(), "the job dies with its Snakemake")
    assert list((project / ".snakemake" / "locks").iterdir())  # left behind
    assert not (project / "slow.txt").exists()
    (project / "go").touch()
    again = start()
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0, said
    assert "The last build was killed; this one goes on from what it finished." in said
    assert (project / "slow.txt").exists()


def test_a_dry_run_beside_a_build_is_answered(project: Path, start: Start) -> None:
    first = start()
    job_of(first, project)
    dry = start("-n")
    said, _ = dry.communicate(timeout=60)
    assert dry.returncode == 0
    assert "slow.txt" in said
    assert first.poll() is None
    (project / "go").touch()
    first.communicate(timeout=60)
    assert first.returncode == 0


def test_a_rerun_at_once_after_a_kill_waits_for_what_is_dying(project: Path, start: Start) -> None:
    first = start()
    job_of(first, project)
    (project / "go").touch()
    first.send_signal(signal.SIGKILL)
    again = start()  # the killed one may hold its lock for a moment yet
    said, _ = again.communicate(timeout=60)
    assert again.returncode == 0, said


def test_a_folder_that_can_t_be_written(project: Path, start: Start) -> None:
    (project / ".snakemake").write_text("a file where a folder should be")
    said, _ = start().communicate(timeout=60)
    assert ".snakemake: File exists; a build keeps its own notes there" in said
    assert "Traceback" not in said
