import ast
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
from packaging.utils import canonicalize_name

from rejeu.build import packages
from rejeu.build.conda_environments import NAMED

ROOT = Path(__file__).parents[2]


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = packages.versions()
    assert found.keys() == set(packages.NUMERIC)
    assert torch.__version__.startswith(found["torch"])
    monkeypatch.setattr(packages, "NUMERIC", ("torch", "no-such-package"))
    assert packages.versions() == {"torch": found["torch"]}


# What computes with other packages: these store, fetch, check or draw what has been computed.
NO_NUMBERS = {
    "huggingface-hub",
    "protobuf",
    "pydantic",
    "pydantic-core",
    "ruamel-yaml",
    "safetensors",
    "sentencepiece",
    "rich",
}


def imported(path: Path) -> set[str]:
    """The top names of the modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def test_all_packages_that_compute_are_named() -> None:
    computing = [
        path
        for folder in ("scripts", "rejeu/data", "rejeu/training", "rejeu/evaluation")
        for path in (ROOT / folder).rglob("*.py")
    ]
    distributions = {**packages_distributions(), **NAMED}
    used = {
        canonicalize_name(distribution)
        for name in set().union(*map(imported, computing)) - sys.stdlib_module_names
        for distribution in distributions.get(name, [])
    }
    assert used - NO_NUMBERS == set(packages.NUMERIC)


def test_what_quantises_counts_where_weights_are_quantised() -> None:
    pytest.importorskip("bitsandbytes")
    with_it, without = packages.versions(quantised=True), packages.versions()
    assert set(with_it) - set(without) == {"bitsandbytes"}
