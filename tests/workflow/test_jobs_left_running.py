"""Jobs on a cluster go on when their Snakemake is killed; the next one must not double them.

The cluster is this machine, through profiles/cluster-generic: submitting starts a process.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

from rejeu.build import snakemake_run
from tests.workflow.project import ROOT, Project

SCHEDULER = """\
submit() {
    # It leads a group of its own, and its number is the job's.
    setsid sh -c 'JOB_ID=$$ exec sh "$0"' "$7" > "$notes/out" 2>&1 < /dev/null &
    echo $!
}
state() {
    case $(ps -o stat= -p "$1") in '' | Z*) echo gone ;; *) echo known ;; esac
}
cancel() {
    for job; do kill -s TERM -- "-$job"; done
}
"""
PROGRAM = """\
import json, os, sys, time
from pathlib import Path
asked = json.loads(Path(sys.argv[1]).read_text())
seed = asked["seed"]
process = Path(f"seed{seed}.process")
twin = process.exists() and Path("/proc", process.read_text()).exists()
process.write_text(str(os.getpid()))
with open("work.log", "a") as log:
    print("twin" if twin else "begin", seed, file=log)
while not Path(f"go{seed}").exists():
    time.sleep(0.1)
metrics = {"accuracy": 1.0, "rows": asked["settings"]["neighbours"]}
Path(asked["output"], "metrics.json").write_text(json.dumps(metrics))
"""
TARGETS = [f"results/full/points/nearest/seed{seed}/metrics.json" for seed in (1, 2)]
PATIENCE = 180.0


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A new study of one's own whose runs wait until a file is there."""
    folder = tmp_path / "study"
    done = subprocess.run(
        [sys.executable, "-m", "rejeu", "new", folder], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    project = Project(folder)
    (folder / "fit.py").write_text(PROGRAM)
    profile = folder / "profiles" / "cluster-generic"
    shutil.copytree(ROOT / "profiles" / "cluster-generic", profile)
    (profile / "scheduler.sh").write_text(SCHEDULER)
    shutil.copy(profile / "site.example.sh", profile / "site.sh")
    yield project
    for job in (folder / ".snakemake" / "cluster").glob("*.json"):
        with suppress(ProcessLookupError):
            os.killpg(int(job.stem), signal.SIGKILL)


def start(project: Project) -> subprocess.Popen[bytes]:
    """Begin to build; what is printed goes to build.log."""
    profile = ["--workflow-profile", "profiles/cluster-generic"]
    quick = ["--seconds-between-status-checks", "1"]
    with (project.folder / "build.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *TARGETS, *profile, *quick],
            cwd=project.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait(done: Callable[[], object], project: Project) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < until, said(project)
        time.sleep(0.1)


def said(project: Project) -> str:
    return (project.folder / "build.log").read_text(encoding="utf-8")


def work(project: Project) -> list[str]:
    log = project.folder / "work.log"
    return sorted(log.read_text().splitlines()) if log.exists() else []


def killed_while_both_run(project: Project) -> None:
    first = start(project)
    wait(lambda: len(work(project)) == len(TARGETS), project)
    first.kill()
    first.wait()


def test_they_are_waited_for_and_what_ended_since_is_taken(project: Project) -> None:
    killed_while_both_run(project)
    (project.folder / "go1").touch()
    wait((project.folder / TARGETS[0]).exists, project)
    second = start(project)
    wait(lambda: said(project).count("Resuming incomplete job") == len(TARGETS), project)
    (project.folder / "go2").touch()
    assert second.wait(PATIENCE) == 0, said(project)
    assert work(project) == ["begin 1", "begin 2"]
    # Their settings are known as if nobody had been killed.
    assert project.planned(*TARGETS, "--cores", "1") == {}
    project.replace("config.yaml", "neighbours: 1}", "neighbours: 2}")
    assert project.planned(*TARGETS, "--cores", "1") == {"run_points": len(TARGETS)}


def test_those_of_other_settings_are_deleted_first(project: Project) -> None:
    killed_while_both_run(project)
    project.replace("config.yaml", "neighbours: 1}", "neighbours: 2}")
    second = start(project)
    wait(lambda: len(work(project)) == 2 * len(TARGETS), project)
    for seed in (1, 2):
        (project.folder / f"go{seed}").touch()
    assert second.wait(PATIENCE) == 0, said(project)
    assert said(project).count("of a killed build makes results/full/points") == len(TARGETS)
    assert work(project) == ["begin 1", "begin 1", "begin 2", "begin 2"]
    for target in TARGETS:
        assert '"rows": 2' in (project.folder / target).read_text()


def test_ctrl_c_deletes_them_all_even_while_they_are_asked_about(project: Project) -> None:
    scheduler = project.folder / "profiles" / "cluster-generic" / "scheduler.sh"
    slow = "    touch asking\n    sleep 3\n    rm asking\n"
    scheduler.write_text(SCHEDULER.replace("state() {\n", "state() {\n" + slow))
    build = start(project)
    wait(lambda: len(work(project)) == len(TARGETS), project)
    processes = [Path("/proc", (project.folder / f"seed{n}.process").read_text()) for n in (1, 2)]
    assert all(process.exists() for process in processes)
    wait((project.folder / "asking").exists, project)
    os.killpg(build.pid, signal.SIGINT)
    assert build.wait(PATIENCE) != 0
    wait(lambda: not any(process.exists() for process in processes), project)


def test_a_file_to_be_made_again_keeps_the_number_of_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    from snakemake.io import IOFile  # noqa: PLC0415  slow to import

    monkeypatch.chdir(tmp_path)
    Path(".snakemake").mkdir()
    job = SimpleNamespace(output=[IOFile("a.json")])
    snakemake_run.memory().started(job, "7")
    snakemake_run.mark_incomplete("a.json")
    assert snakemake_run.memory().external_jobids(job) == ["7"]
