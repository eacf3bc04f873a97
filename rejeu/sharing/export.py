"""A run's model as a folder that `from_pretrained` loads: safetensors, tokenizer and card."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rejeu.build.records import recorded
from rejeu.errors import RejeuError
from rejeu.graph.paths import MODELS, RUN
from rejeu.job.whole_files import read_json, scratch, sha256_of, write_json
from rejeu.sharing.cards import CARD, CHECKPOINTS

TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
WEIGHTS = {"classifier": "model.safetensors", "lora": "adapter_model.safetensors"}
SETTINGS = {"classifier": "config.json", "lora": "adapter_config.json"}
BASE = "base"


def export(
    run: Mapping[str, Any],
    kind: str,
    model: str,
    folder: Path,
    classes: list[str] | None = None,
    hub: tuple[str, str] | None = None,
) -> list[Path]:
    """Write a run's model into `folder`, which must not be there; return the files.

    A classifier's folder is whole. An adapter's names its base model: a repository of the hub where
    that is what it was trained on, else the folder `base` beside it, which is copied.

    Args:
        run: {tier, part, experiment, seed}.
        model: the pretrained model's name, whose tokenizer is taken.
        classes: the names of a classifier's classes, by their numbers.
        hub: the base model's repository and commit, to be named instead of copied.

    Raises:
        RejeuError: the folder is there, or the run's files aren't, or are damaged.
    """
    if folder.exists():
        raise RejeuError(f"{folder}: is there already; name a folder that isn't, or remove it")
    kept = Path(RUN.format(**run), CHECKPOINTS[kind])
    pretrained = Path(MODELS, model)
    copied = {kept / WEIGHTS[kind]: WEIGHTS[kind], kept / CARD: CARD}
    copied |= {pretrained / name: name for name in TOKENIZER}
    if kind == "lora" and hub is None:
        names = ("config.json", "model.safetensors", *TOKENIZER)
        copied |= {pretrained / name: f"{BASE}/{name}" for name in names}
    for path in (*copied, kept / SETTINGS[kind]):
        refuse_other(path, run["tier"])
    settings = read_json(kept / SETTINGS[kind])
    if kind == "classifier":
        settings |= labels(classes or [])
    else:
        name, commit = hub or (BASE, None)
        settings |= {"base_model_name_or_path": name, "revision": commit}
    with scratch(folder.absolute()) as begun:
        for path, name in copied.items():
            (begun / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, begun / name)
        write_json(begun / SETTINGS[kind], settings)
        begun.rename(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def labels(classes: list[str]) -> dict[str, Any]:
    """What a classifier's config.json says of its classes."""
    named = {str(number): name for number, name in enumerate(classes)}
    return {"id2label": named, "label2id": {name: int(number) for number, name in named.items()}}


def refuse_other(path: Path, tier: str) -> None:
    """Refuse a file that isn't there, or isn't what its job made.

    Raises:
        RejeuError: with the file, and what to do.
    """
    again = f"`rejeu report --tier {tier}` makes it"
    if not path.is_file():
        raise RejeuError(f"{path}: no such file; {again}")
    record = recorded(path)
    if record is None or record.sha256 != sha256_of(path):
        raise RejeuError(f"{path}: has another content than its job wrote; {again} again")
