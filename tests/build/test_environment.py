import os
from pathlib import Path

import pytest

from rejeu.build.environment import VARIABLES, prepare


def test_users_settings_of_the_environment_win(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LRU_CACHE_CAPACITY", "7")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    prepare(Path("/project"))
    assert os.environ["LRU_CACHE_CAPACITY"] == "7"
    assert os.environ["MALLOC_MMAP_MAX_"] == "0"
    assert os.environ["PYTHONPATH"] == f"/project{os.pathsep}/elsewhere"
