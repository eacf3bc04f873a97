"""Every rule of the paper tier, from repositories as the hub has them, without the hub."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.workflow.miniature import make
from tests.workflow.project import ROOT, Project

pytest.importorskip("bitsandbytes")

RUN = "results/paper/lora/r8/seed42"


@pytest.fixture(scope="module")
def miniature(
    tmp_path_factory: pytest.TempPathFactory, input_folder: Callable[[str], Path]
) -> Project:
    """The paper tier, small, built from an empty folder."""
    folders = [input_folder(name) for name in ("minilm_l6", "movie_reviews", "chitchat")]
    inputs = folders[0].parent
    # Of the groups those that have rules or files which no other has.
    project, environment = make(
        ROOT, tmp_path_factory.mktemp("miniature"), inputs, groups=("a1", "a7", "a8")
    )
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "all"],
        cwd=project.folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return project


@pytest.mark.slow
def test_every_kind_of_result_is_there(miniature: Project) -> None:
    for file in (
        "results/paper/sentiment/baseline/seed42/metrics.json",
        *(f"{RUN}/{name}.json" for name in ("heldout", "generation", "replies", "stops")),
        "results/paper/claims.json",
    ):
        assert (miniature.folder / file).is_file()
    run = json.loads((miniature.folder / f"{RUN}/run.json").read_text(encoding="utf-8"))
    assert "bitsandbytes" in run["packages"]
    cleaned = json.loads(
        (miniature.folder / "results/paper/data/sentiment/clean.json").read_text(encoding="utf-8")
    )
    assert cleaned["selected"] == 25_000


@pytest.mark.slow
def test_models_came_from_a_bin_and_a_sentencepiece_model(miniature: Project) -> None:
    folder = miniature.folder / ".cache/rejeu"
    fetched = json.loads((folder / "inputs/open_llama_3b/source.json").read_text(encoding="utf-8"))
    assert {"pytorch_model.bin", "tokenizer.model"} <= fetched["files"].keys()
    made = {path.name for path in (folder / "models/open_llama_3b").iterdir()}
    assert {"model.safetensors", "tokenizer.json"} <= made
    assert not made & {"pytorch_model.bin", "tokenizer.model"}


@pytest.mark.slow
def test_the_report_speaks_of_the_paper_tier(miniature: Project) -> None:
    pages = PdfReader(miniature.folder / "report.pdf").pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert "Les modèles et les données sont ceux du devoir" in text
    assert "Models and data are the assignment’s own" in text
    assert text.count("(NF4)") == 2
    assert "bitsandbytes 0." in text
