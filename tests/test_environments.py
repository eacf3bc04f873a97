"""One lock file: what the conda environments pin is what it pins."""

import re
from pathlib import Path

import pytest

from rejeu.audit import pins
from rejeu.files import read_yaml

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["train", "report"])
def test_conda_pins_are_the_lock_s(name: str) -> None:
    environment = read_yaml(ROOT / "envs" / f"{name}.yaml")
    found = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert found
    assert set(found) <= set(pins(LOCK))


def test_makefile_installs_the_lock_s_torch() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = [pin for pin in pins(LOCK) if pin.startswith("torch==")]
    assert f"TORCH_VERSION := {version}\n" in makefile


def test_all_but_torch_are_pinned_with_hashes() -> None:
    # The hashes that follow a pin stand on lines of their own, each but the last with a backslash.
    hashed = re.findall(r"^(\S+==\S+)(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", LOCK, re.MULTILINE)
    assert [pin for pin in pins(LOCK) if pin not in hashed] == [
        pin for pin in pins(LOCK) if pin.startswith("torch==")
    ]
    assert "--require-hashes -r requirements.lock" in (ROOT / "Makefile").read_text("utf-8")
