"""A study of one's own data, from configuration alone, taken all the way to report.pdf."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pypdf import PdfReader

from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.workflow.project import ROOT, Project, copy_of_the_project

# Some sixty jobs, of a few seconds each; test_any_study.py has own data too, in less time.
pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY: dict[str, Any] = {
    "sentiment": {
        "encoder": "mine",
        "input": "reviews",
        "text": "texte",
        "label": "avis",
        "labels": {"non": 0, "oui": 1},
        "where": {"source": "B", "année": 2026},
        "cleaning": "html",
        "train_rows": 32,
        "test_rows": 16,
        "max_length": 32,
        "seeds": [1],
    },
    "lora": {
        "causal_lm": "smollm2_135m",
        "input": "talk",
        "words": None,
        "train_rows": 40,
        "heldout_rows": 8,
        "max_length": 48,
        "max_steps": 2,
        "seeds": [1],
    },
}


def reviews() -> pd.DataFrame:
    mood = {"oui": "Un « très bon » film", "non": "A dreadful, {tedious} film"}
    rows = [
        (f"{mood[label]}, the {n}th of its kind.", label, source, 2026 if n % 5 else 2025)
        for n in range(60)
        for label in mood
        for source in "AB"
    ]
    return pd.DataFrame(rows, columns=["texte", "avis", "source", "année"])


def talk() -> pd.DataFrame:
    return pd.DataFrame(
        [(f"How are you, {n}?", f"Fine, thank you, {n} *times*!") for n in range(80)],
        columns=["input", "output"],
    )


def hub(cache: Path, repository: str, kind: str, files: dict[str, bytes]) -> None:
    """A repository at one commit, as the hub's own client keeps it."""
    folder = cache / f"{kind}s--{repository.replace('/', '--')}"
    for name, content in files.items():
        path = folder / "snapshots" / COMMIT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Own reviews in CSV, own chat in JSON lines, and an encoder from a hub's cache."""
    folder = tmp_path_factory.mktemp("own")
    project = copy_of_the_project(ROOT, folder / "étude à moi")
    own, cache = project.folder / "données d’été", folder / "hub"
    own.mkdir()
    reviews().to_csv(own / "critiques (à lire).csv", index=False)
    talk().to_json(own / "talk.jsonl", orient="records", lines=True)
    encoder = ROOT / ".cache/rejeu/inputs/minilm_l6"
    names = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
    hub(cache, "me/encoder", "model", {name: (encoder / name).read_bytes() for name in names})
    raw = read_yaml(project.folder / "config.yaml")
    raw["tier"], raw["tiers"] = "mine", {"mine": {"parts": TINY}}
    raw["models"]["mine"] = raw["models"]["minilm_l6"] | {"input": "encoder", "name": "Mine"}
    path = {"kind": "path", "folder": "données d’été"}
    raw["inputs"] |= {
        "reviews": {
            "licence": "mine",
            "files": {"critiques (à lire).csv": None},
            "sources": [path],
        },
        "talk": {"licence": "mine", "files": {"talk.jsonl": None}, "sources": [path]},
        "encoder": {
            "licence": "Apache-2.0",
            "files": dict.fromkeys(names),
            "sources": [{"kind": "hub", "repository": "me/encoder", "revision": COMMIT}],
        },
    }
    (project.folder / "config.yaml").write_text(yaml_text(raw, short=False))
    claims = read_yaml(project.folder / "report" / "claims.yaml")
    for claim in claims["claims"]:
        claim["tiers"] = ["mine"]
    (project.folder / "report" / "claims.yaml").write_text(yaml_text(claims, short=False))
    done = subprocess.run(
        [sys.executable, "-m", "snakemake"],
        cwd=project.folder,
        env=os.environ | {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return project


def test_both_parts_are_trained_on_own_data(project: Project) -> None:
    results = project.folder / "results/mine"
    stats = json.loads((results / "data/sentiment/seed1/stats.json").read_text())
    assert stats["selected"] == 96  # of source B, in 2026
    assert (stats["train"]["rows"], stats["test"]["rows"]) == (32, 16)
    train = pd.read_parquet(results / "data/sentiment/seed1/train.parquet")
    assert set(train.loc[train["text"].str.startswith("Un"), "label"]) == {1}
    for part, name in (("sentiment", "baseline"), ("lora", "r8")):
        run = json.loads((results / part / name / "seed1/run.json").read_text())
        assert run["rows"] == {"sentiment": 32, "lora": 40}[part]


def test_the_report_says_where_the_data_come_from(project: Project) -> None:
    text = " ".join(
        " ".join(page.extract_text().split())
        for page in PdfReader(project.folder / "report.pdf").pages
    )
    for said in (
        "source: the folder “données d’été” of its user",
        "source : le dossier « données d’été » de l’utilisateur",
        "Hugging Face, me/encoder, commit 0123456789ab",
        "Only rows with source = B and année = 2026 were taken.",
        "où source = B et année = 2026",
        "critiques (à lire).csv",
    ):
        assert said in text.replace("\N{NO-BREAK SPACE}", " "), said
    assert str(project.folder) not in text
    # These aren't IMDB's, so the report doesn't cite that.
    assert "Maas" not in text


def test_nothing_is_left_to_do(project: Project) -> None:
    assert project.planned() == {}
