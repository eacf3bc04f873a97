"""One lock file: what the conda environments pin is what it pins."""

from pathlib import Path

import pytest

from rejeu.files import read_yaml

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", ["train", "report"])
def test_conda_pins_are_the_lock_s(name: str) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    environment = read_yaml(ROOT / "envs" / f"{name}.yaml")
    pins = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pins
    assert not [pin for pin in pins if pin not in lock]


def test_makefile_installs_the_lock_s_torch() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    (version,) = [line for line in lock if line.startswith("torch==")]
    assert f"TORCH_VERSION := {version}\n" in makefile
