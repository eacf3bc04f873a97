"""Where files lie, as templates of paths, and which of them a run of each kind leaves."""

from collections.abc import Iterable
from typing import Any

CHECKPOINTS = ".cache/rejeu/checkpoints"
INPUTS = ".cache/rejeu/inputs"
MODELS = ".cache/rejeu/models"
MODEL_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
# A part has one of three kinds; its runs lie in one folder each.
RUN = "results/{tier}/{part}/{experiment}/seed{seed}"
# Each seed draws its own split, the same for all experiments of that seed.
ALL_SEEDS = "results/{tier}/data/{data}"
DATA = f"{ALL_SEEDS}/seed{{seed}}"
CLAIMS = "results/{tier}/claims.json"
OBSERVATIONS = "results/{tier}/observations.json"
CARDS = "results/{tier}/cards.json"
FIGURES = "results/{tier}/figures"
REPORT = "results/{tier}/report"
FIRST = "results/{tier}/first"

# By kind, the files of a run that claims and the report read.
RESULTS = {
    "classifier": ("run.json", "log.jsonl", "metrics.json"),
    "lora": ("run.json", "log.jsonl", "heldout.json", "generation.json", "replies.json"),
    "command": ("run.json", "metrics.json"),
}
# What else a run leaves to other tools.
FURTHER_FILES = {
    "classifier": ("predictions.parquet", "model/model.safetensors", "model/config.json"),
    "lora": ("adapter/adapter_model.safetensors", "adapter/adapter_config.json"),
    "command": (),
}

NO_NAME = "(?!)"  # matches nothing: of a kind of which the study has no part


def one_of(names: Iterable[str]) -> str:
    """A constraint for a wildcard: it is one of these names."""
    return "|".join(names) or NO_NAME


def source(name: str) -> str:
    """The record of a raw input, which stands for all its files."""
    return f"{INPUTS}/{name}/source.json"


def model_files(name: str) -> list[str]:
    """The files of a pretrained model."""
    return [f"{MODELS}/{name}/{file}" for file in MODEL_FILES]


def results_of(part: Any) -> list[str]:
    """The files of a run of a part that claims and the report read."""
    return [*RESULTS[part.kind], *(file for file in written(part) if file == "log.jsonl")]


def further_files(part: Any) -> list[str]:
    """The files of a run of a part that only other tools read."""
    return [*FURTHER_FILES[part.kind], *(file for file in written(part) if file != "log.jsonl")]


def written(part: Any) -> list[str]:
    """The files of its own that a program writes."""
    return getattr(part, "writes", [])
