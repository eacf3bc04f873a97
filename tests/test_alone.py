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

ROOT = Path(__file__).parents[1]
SNAKEMAKE = str(Path(sys.executable).with_name("snakemake"))
WORKFLOW = """
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
from rejeu.job import logged
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

    def build(*command: str) -> subprocess.Popen[str]:
        alone = [sys.executable, "-m", "rejeu.alone"]
        process = subprocess.Popen(
            [*(command or (*alone, SNAKEMAKE, "--cores", "1", "--rerun-incomplete"))],
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


def test_a_snakemake_started_by_hand_is_named(project: Path, start: Start) -> None:
    by_hand = start(SNAKEMAKE, "--cores", "1")
    job_of(by_hand, project)
    said, _ = start().communicate(timeout=60)
    assert f"Snakemake runs in {project} already, as process {by_hand.pid}" in said
    assert by_hand.poll() is None
    (project / "go").touch()
    by_hand.communicate(timeout=60)
    assert by_hand.returncode == 0
