import pytest
import torch

from rejeu.build import packages


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = packages.versions()
    assert found.keys() == set(packages.NUMERIC)
    assert torch.__version__.startswith(found["torch"])
    monkeypatch.setattr(packages, "NUMERIC", ("torch", "no-such-package"))
    assert packages.versions() == {"torch": found["torch"]}
