"""Small models of the kinds that Rejeu computes itself; see `small_models` for others."""

from pathlib import Path

import pytest

from rejeu.training.hardware import Hardware, choose
from tests.training.small_models import bert, llama, saved


@pytest.fixture(scope="session")
def fp32() -> Hardware:
    return choose("fp32", "eager", 1)


@pytest.fixture(scope="session")
def bf16() -> Hardware:
    return choose("bf16", "eager", 1)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(bert, tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(llama, tmp_path_factory.mktemp("causal"))
