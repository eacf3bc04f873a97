"""The repository's study and its claims, and a small study, each as a file has them."""

import copy
from collections.abc import Callable, Collection, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study import claims as claims_file
from rejeu.study import looks
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = read_yaml(ROOT / "config.yaml")
CLAIMS: dict[str, Any] = read_yaml(ROOT / "report" / "claims.yaml")
REFERENCE: dict[str, Any] = read_yaml(ROOT / "report" / "reference.yaml")
# The experiments that the assignment's own text names.
NAMED = {
    "sentiment": ["baseline", "high_learning_rate", "low_weight_decay"],
    "lora": ["r4", "r8", "r16", "unrelated", "related"],
}
EXTRA = {  # what a user may add
    "sentiment": {"long_training": {"epochs": 2}},
    "lora": {"r32": {"rank": 32}, "slow_lora": {"learning_rate": 1e-5}},
}
PROGRAM: dict[str, Any] = {
    "kind": "command",
    "title": "A fit",
    "command": "python fit.py",
    "files": ["fit.py"],
    "inputs": ["points"],
    "metrics": {"accuracy": "share", "slope": "number", "rows": "count", "word": "text"},
    "experiments": {"plain": None, "robust": {"settings": {"loss": "huber"}}},
}


def put(path: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    """Set the value at a dotted path."""

    def change(raw: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        for parent in parents:
            raw = raw[parent]
        raw[last] = value

    return change


def refusal(raw: Any) -> str:
    """The message with which a configuration is refused."""
    with pytest.raises(RejeuError) as caught:
        load(raw, "config.yaml")
    message = str(caught.value)
    assert message.startswith("config.yaml was refused, and nothing was run:\n  ")
    return message


def study_of(extra: bool = False) -> Study:
    """The repository's study; `extra` adds an experiment to one part and two to the other."""
    raw = copy.deepcopy(CONFIG)
    for part, experiments in EXTRA.items() if extra else ():
        raw["parts"][part]["experiments"] |= copy.deepcopy(experiments)
    return load(raw, "config.yaml")


def small(**parts: dict[str, Any]) -> dict[str, Any]:
    """A study in one language whose only tier gives each part its seeds; by default one program."""
    known = copy.deepcopy(parts or {"fit": PROGRAM})
    source = {"kind": "path", "folder": "data"}
    return {
        "tier": "all",
        "languages": ["en"],
        "report": {"title": "A line", "date": date(2026, 1, 2)},
        "parts": known,
        "tiers": {"all": {"parts": {name: {"seeds": [1, 2]} for name in known}}},
        "inputs": {"points": {"licence": "mine", "files": {"a.csv": None}, "sources": [source]}},
    }


def load_claims(
    raw: Any,
    study: Study,
    *,
    seeds: Mapping[str, looks.Seeds] | None = None,
    reference: Mapping[str, Any] = REFERENCE,
    sections: Collection[str] | None = None,
) -> claims_file.Claims:
    """Claims of a study whose looks added no seed, unless `seeds` says otherwise."""
    own = {tier: looks.seeds(study, tier, {}) for tier in study.tiers}
    return claims_file.load(raw, "claims.yaml", study, reference, NAMED, seeds or own, sections)
