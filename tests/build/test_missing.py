import copy
import importlib.util
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from rejeu.build import hub
from rejeu.build.gpu_memory import of_training
from rejeu.build.missing import Waiting, missing
from rejeu.study.configuration import Input, Study, load
from tests.study.sample import CONFIG, put, study_of

REVISION = "0123456789" * 4


HERE = {"machine": True, "packages": True}
ELSEWHERE = {"machine": False, "packages": False}


def waiting(rule: str, part: str | None = None, **more: object) -> Waiting:
    nothing = {"input": None, "memory_mb": 0.0, "disk_mb": 0.0, "gpus": 0}
    return Waiting(rule, "paper", part, **(nothing | more))  # pyright: ignore[reportArgumentType]


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No hub answers; its cache is in the folder that this gives."""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


def changed(path: str, value: object) -> Study:
    """The repository's study, with another value at a dotted path."""
    raw = copy.deepcopy(CONFIG)
    put(path, value)(raw)
    return load(raw, "config.yaml")


def of_hub(**more: object) -> Input:
    source = {"kind": "hub", "repository": "owner/name", "revision": REVISION, "folder": "deep"}
    files = {"a.json": None, "b.json": None}
    return Input.model_validate({"licence": "MIT", "files": files, "sources": [source | more]})


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_is_asked_for_with_the_memory_that_it_needs(tmp_path: Path) -> None:
    jobs = [waiting("train_lora", "lora", gpus=1), waiting("predict_classifier", "sentiment")]
    (said,) = missing(jobs, study_of(), tmp_path, **HERE)
    # 3.43 billion in NF4; a step's two rows of 512 tokens through 26 layers of 3,200.
    assert said.startswith(
        "a GPU, with 6.1 GB (3,426 M parameters x 0.65 bytes = 2.2 GB; 1,024 tokens x 26 layers "
        "x 3200 x 34 bytes = 2.9 GB; 1 GB for CUDA): jobs of train_lora ask for one"
    )
    assert missing(jobs[1:], study_of(), tmp_path, **HERE) == []


def test_jobs_that_run_elsewhere_may_find_there_what_is_not_here(tmp_path: Path) -> None:
    jobs = [waiting("train_lora", "lora", gpus=1, memory_mb=1e9)]
    assert missing(jobs, study_of(), tmp_path, **ELSEWHERE) == []
    (said,) = missing([waiting("fetch", disk_mb=1e12)], study_of(), tmp_path, **ELSEWHERE)
    assert said.startswith(f"disk: the build will write about 1,000,000,000,000 MB to {tmp_path}")


def test_a_cluster_s_jobs_take_packages_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [waiting("train_lora", "lora", gpus=1)]
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else known(name)
    )
    (said,) = missing(jobs, study_of(), tmp_path, machine=False, packages=True)
    assert said.startswith(
        "the package bitsandbytes: tiers.paper.parts.lora has `quantisation: nf4`"
    )
    assert missing(jobs, study_of(), tmp_path, **ELSEWHERE) == []


def test_a_job_larger_than_the_machine_is_named(tmp_path: Path) -> None:
    (said,) = missing([waiting("fit", memory_mb=1e9)], study_of(), tmp_path, **HERE)
    assert said.startswith("memory: fit needs about 1,000,000,000 MB, and this machine has ")


def test_what_an_input_can_come_from_decides_whether_the_hub_is_needed(offline: Path) -> None:
    assert hub.needed_for(of_hub())
    snapshot = offline / "models--owner--name" / "snapshots" / REVISION / "deep"
    snapshot.mkdir(parents=True)
    (snapshot / "a.json").touch()
    assert hub.needed_for(of_hub())  # a file is still missing
    (snapshot / "b.json").touch()
    assert not hub.needed_for(of_hub())
    latest = of_hub(revision="unpinned")
    assert hub.needed_for(latest)
    (offline / "models--owner--name" / "refs").mkdir()
    (offline / "models--owner--name" / "refs" / "main").write_text(REVISION)
    assert not hub.needed_for(latest)
    assert hub.needed_for(of_hub(repository_type="dataset"))


def test_a_file_of_one_s_own_serves_in_place_of_the_hub(offline: Path) -> None:
    own = {"kind": "path", "folder": str(offline / "own")}
    given = of_hub().model_dump()
    both = Input.model_validate(given | {"sources": [*given["sources"], own]})
    assert hub.needed_for(both)
    assert not hub.is_own(both)
    (offline / "own").mkdir()
    for name in given["files"]:
        (offline / "own" / name).touch()
    assert not hub.needed_for(both)
    assert hub.is_own(both)
    assert hub.is_own(Input.model_validate(given | {"sources": [own | {"folder": "elsewhere"}]}))
    assert not hub.is_own(of_hub())


def test_an_unreachable_hub_is_named_with_all_that_needs_it(offline: Path, tmp_path: Path) -> None:
    assert offline
    jobs = [waiting("fetch", input=name) for name in ("distilbert", "imdb", "chitchat")]
    (said,) = missing(jobs, study_of(), tmp_path, **ELSEWHERE)
    assert said.startswith(
        "the hub: distilbert, imdb must be fetched (distilbert-base-uncased, stanfordnlp/imdb), "
        "and http://127.0.0.1:9 can't be reached ("
    )
    assert missing(jobs[2:], study_of(), tmp_path, **ELSEWHERE) == []


def test_a_snakemake_alone_asks_no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its packages none can; a job's environment has what fetches."""
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert missing([waiting("fetch", input="imdb")], study_of(), tmp_path, **ELSEWHERE) == []


def test_a_hub_that_may_not_be_asked_is_not(
    offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offline
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (said,) = missing([waiting("fetch", input="imdb")], study_of(), tmp_path, **ELSEWHERE)
    assert "HF_HUB_OFFLINE forbids to ask it" in said


def test_memory_of_a_gpu_follows_from_the_model_s_size() -> None:
    study: Study = study_of()
    encoder = of_training(study, "laptop", "sentiment")
    assert encoder is not None
    # 22.7 million trained in 32 bits; 4,096 tokens at most at once, of batches of 32 x 256.
    kept = 4096 * 6 * 384 * 34 / 1e9
    assert encoder.gigabytes == pytest.approx(22713216 * 16 / 1e9 + kept + 1)
    whole = changed("tiers.paper.parts.lora.quantisation", "none")
    quantised, full = (of_training(each, "paper", "lora") for each in (study, whole))
    assert quantised is not None
    assert full is not None
    saved = full.gigabytes - quantised.gigabytes
    parameters = CONFIG["models"]["open_llama_3b"]["size"]["parameters"]
    assert saved == pytest.approx(parameters * (2 - 0.65) / 1e9)
    unknown = changed("models.distilbert.size", None)
    assert of_training(unknown, "paper", "sentiment") is None
