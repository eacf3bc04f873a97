"""`make decide` on a real study, small: seeds where an undecided claim needs them, look by look."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.workflow import edits
from tests.workflow.project import ROOT, Project, copy_of_the_project

# On sixteen rows, a model that is trained for two steps is right on half, more or less.
CLAIM = {
    "id": "half",
    "section": "baseline",
    "statement": {"fr": "La moitié.", "en": "Half."},
    "tiers": ["smoke"],
    "corrected": [
        {"of": "sentiment.baseline.metrics.accuracy", "side": "above", "around": 0.5, "margin": 0.0}
    ],
}


def small_study(project: Project) -> None:
    config, claims = project.folder / "config.yaml", project.folder / "report/claims.yaml"
    raw, judged = read_yaml(config), read_yaml(claims)
    edits.shrink(raw)
    raw["tiers"]["smoke"]["parts"]["sentiment"]["seeds"] = [42, 43, 44]
    raw["tiers"]["smoke"]["looks"] = [4, 5]
    judged["claims"].append(CLAIM)
    for path, content in ((config, raw), (claims, judged)):
        path.write_text(yaml_text(content, short=False))


def decide(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rejeu", "decide", "--tier", "smoke", *words],
        cwd=project.folder,
        check=False,
        capture_output=True,
        text=True,
    )


def judged(project: Project) -> dict[str, Any]:
    entries = json.loads((project.folder / "results/smoke/claims.json").read_text())
    return {entry["id"]: entry for entry in entries}["half"]


def seeds_run(project: Project, name: str) -> list[str]:
    runs = (project.folder / "results/smoke/sentiment" / name).glob("seed*/run.json")
    return sorted(path.parent.name for path in runs)


@pytest.mark.slow
def test_seeds_are_added_where_an_undecided_claim_needs_them(tmp_path: Path) -> None:
    project = copy_of_the_project(ROOT, tmp_path / "study")
    small_study(project)
    waited = decide(project, "--claim", "half", "--minutes", "0")
    assert waited.returncode == 0, waited.stderr
    assert "Look 2 would take about" in waited.stdout
    assert not (project.folder / "report/looks.yaml").exists()
    assert judged(project)["look"] == 1

    done = decide(project, "--claim", "half")
    assert done.returncode == 0, done.stderr
    taken = read_yaml(project.folder / "report/looks.yaml")["smoke"]
    assert [look["seeds"] for look in taken] == [
        {"sentiment": {"baseline": count}} for count in (4, 5)[: len(taken)]
    ]
    assert all(look["claims"] == ["half"] for look in taken)
    found = judged(project)
    assert found["look"] == len(taken) + 1
    assert found["seeds"] == 3 + len(taken)
    assert len(seeds_run(project, "baseline")) == 3 + len(taken)
    assert len(seeds_run(project, "low_weight_decay")) == 3
    assert ("still undecided: half" in done.stdout) == (found["why"] == "unclear")
    # The whole report of unequal seeds; and nothing is left to run.
    project.snakemake("all", "--config", "tier=smoke")
    assert project.planned("all", "--config", "tier=smoke") == {}
