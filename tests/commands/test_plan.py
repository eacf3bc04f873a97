"""`rejeu plan`, and what a build refuses, by the real Snakefile in a copy of the project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rejeu.job.machine import machine
from tests.workflow.project import ROOT, Project, copy_of_the_project

HEADINGS = 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copy_of_the_project(ROOT, tmp_path_factory.mktemp("plan") / "project", inputs=False)


def run(project: Project, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rejeu", *words],
        cwd=project.folder,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def row(said: str, rule: str) -> list[str]:
    """Number of jobs, seconds each and in all, and where these are from, as the table has them."""
    (line,) = (line for line in said.splitlines() if line.startswith(f"{rule} "))
    _, jobs, each, total, *_, origin = line.split()
    return [jobs, each, total, origin]


def write(project: Project, path: str, text: str) -> None:
    (project.folder / path).parent.mkdir(parents=True, exist_ok=True)
    (project.folder / path).write_text(text, encoding="utf-8")


def benchmark(project: Project, experiment: str, seconds: float) -> None:
    write(
        project,
        f"results/smoke/benchmark/train_lora/lora.{experiment}.seed42.tsv",
        f"s\th:m:s\n{seconds}\t0:00:01\n",
    )


def test_times_are_measured_or_scaled_or_stated_in_this_order(project: Project) -> None:
    stated = "{start: 6, small_encoder: 1800, small_decoder: 230}"
    project.replace("config.yaml", stated, "{start: 4, small_decoder: 100}")
    said = run(project, "plan", "--tier", "smoke").stdout
    assert row(said, "train_lora") == ["5", "16.0", "80", "expected"]
    assert row(said, "draw_losses") == ["2", "2.0", "4", "usual"]
    assert "To fetch: chitchat, 40 MB, from pypi chitchat-dataset 0.9.0" in said
    # A machine that starts in 6 s instead of 4, and trains half as fast: 6 + (16 - 4) * 2.
    probe = {"machine": machine(), "speed": {"start": 6, "small_decoder": 50}}
    write(project, ".cache/rejeu/probe.json", json.dumps(probe))
    said = run(project, "plan", "--tier", "smoke").stdout
    assert row(said, "train_lora") == ["5", "30.0", "150", "scaled"]
    assert row(said, "train_classifier") == ["5", "14.0", "70", "expected"]
    assert "(start 4, here 6, small_decoder 100, here 50; start in seconds" in said
    probe["machine"] = machine() | {"cpu": "another"}
    write(project, ".cache/rejeu/probe.json", json.dumps(probe))
    found = json.loads(run(project, "plan", "--tier", "smoke", "--json").stdout)
    trained = found["by_rule"]["train_lora"]
    assert trained == {"jobs": 5, "seconds": 80, "origins": ["expected"]}
    assert found["jobs"] == sum(rule["jobs"] for rule in found["by_rule"].values())


def test_what_was_measured_counts_by_experiment(project: Project) -> None:
    logs = "logs/smoke/train_lora/lora"
    # r4 and r8 computed; r16 was put back; `related` ran elsewhere; `unrelated` went on.
    for experiment, seconds in (("r4", 10), ("r8", 20), ("r16", 99), ("related", 99)):
        benchmark(project, experiment, seconds)
    benchmark(project, "unrelated", 99)
    write(project, f"{logs}.r8.seed42.log", "loading\n")
    write(project, f"{logs}.r16.seed42.log", "as kept of an equal job: a, b\n")
    elsewhere = {"machine": machine() | {"cpu": "another"}, "resumed": False}
    write(project, "results/smoke/lora/related/seed42/run.json", json.dumps(elsewhere))
    went_on = {"machine": machine(), "resumed": True}
    write(project, "results/smoke/lora/unrelated/seed42/run.json", json.dumps(went_on))
    said = run(project, "plan", "--tier", "smoke").stdout
    # 10 + 20, and their mean for the other three.
    assert row(said, "train_lora") == ["5", "15.0", "75", "measured"]
    assert "measured: the mean of results/smoke/benchmark, made on this machine" in said


def test_a_build_that_lacks_something_stops_with_all_of_it_at_once(
    project: Project, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['bitsandbytes'] = None\n")
    project.replace("config.yaml", "disk_mb: 400", "disk_mb: 100000000")
    environment = {
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{project.folder}",
    }
    planned = run(project, "plan", "--tier", "paper", **environment)
    built = run(project, "report", "--tier", "paper", **environment)
    for done in (planned, built):
        assert done.returncode == 1
        assert "error: this build can't be made here:\n" in done.stderr
        wanted = ("hub", "disk", "a GPU, with 6.1 GB", "the package bitsandbytes")
        lines = [line for line in done.stderr.splitlines() if line.startswith("  - ")]
        assert [line for line, name in zip(lines, wanted, strict=True) if name not in line] == []
        assert "\nNothing was run." in done.stderr
    assert row(planned.stdout, "train_lora")[0] == "63"
    assert not (project.folder / ".cache/rejeu/inputs").exists()
    assert not list(project.folder.glob("logs/fetch/*"))
