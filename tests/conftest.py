"""Real inputs and models of config.yaml, fetched and converted once and kept in the cache."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from rejeu.data.sources import fetch
from rejeu.job.whole_files import read_json
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "rejeu"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="K/N", help="run the K-th of N shares of the tests alone")


@pytest.hookimpl(trylast=True)  # of those that `-m` leaves
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests that take long a whole run may have room for a part: every N-th by its hash."""
    if share := config.getoption("--share"):
        number, shares = map(int, share.split("/"))
        shuffled = sorted(items, key=lambda item: crc32(item.nodeid.encode()))
        chosen = shuffled[number % shares :: shares]
        others = [item for item in items if item not in chosen]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item in chosen]


@pytest.fixture(scope="session")
def study() -> Study:
    return load(read_yaml(ROOT / "config.yaml"), "config.yaml")


@pytest.fixture(scope="session")
def input_folder(study: Study) -> Callable[[str], Path]:
    """Give the folder of a raw input, by its name."""

    def get(name: str) -> Path:
        wanted = study.inputs[name]
        folder = CACHE / "inputs" / name
        record = folder / "source.json"
        if record.exists():
            found = read_json(record)["files"]
            if {file: entry["sha256"] for file, entry in found.items()} == wanted.files:
                return folder
        fetch(name, wanted.files, [source.model_dump() for source in wanted.sources], folder)
        return folder

    return get


@pytest.fixture(scope="session")
def model_folder(study: Study, input_folder: Callable[[str], Path]) -> Callable[[str], Path]:
    """Give the folder of a converted model, by its name.

    Converted again whenever the converting code or the inputs change, so a kept one can't hide
    that the code broke.
    """

    def get(name: str) -> Path:
        model = study.models[name]
        weights, tokenizer = model.input, model.tokenizer or model.input
        code = ROOT / "rejeu" / "data"
        converting = ("models.py", "onnx_bert.py", "torch_bin.py", "sentencepiece_model.py")
        identity = [(code / file).read_bytes() for file in converting]
        identity.append(repr((model, study.inputs[weights], study.inputs[tokenizer])).encode())
        key = hashlib.sha256(b"".join(identity)).hexdigest()[:12]
        folder = CACHE / "test_models" / f"{name}-{key}"
        if not (folder / "model.safetensors").exists():
            from rejeu.data.models import prepare_model  # noqa: PLC0415  imports torch

            for old in folder.parent.glob(f"{name}-*"):
                shutil.rmtree(old)
            source, words = input_folder(weights), input_folder(tokenizer)
            prepare_model(model.kind, model.format, source, words, folder)
        return folder

    return get
