"""One lock file: what the conda environments pin is what it pins."""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rejeu.build import conda_environments, packages
from rejeu.commands.audit import pins
from rejeu.study.strict_reading import read_yaml

ROOT = Path(__file__).parents[2]
CLUSTERS = (ROOT / "requirements-clusters.lock").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_conda_environments_are_the_lock_s() -> None:
    """Each has what the scripts of its rules import, and what that needs, as the lock pins it."""
    made = conda_environments.made(ROOT)
    assert {path.stem for path in made} == {path.stem for path in (ROOT / "envs").iterdir()}
    for path, text in made.items():
        assert path.read_text("utf-8") == text, "python -m rejeu.build.conda_environments makes it"
        found = next(
            each["pip"] for each in read_yaml(path)["dependencies"] if isinstance(each, dict)
        )
        assert {line.split()[0] for line in found} <= set(pins(LOCK))
        # All or nothing, as pip takes them.
        hashed = {"--hash=sha256:" in line for line in found}
        assert hashed == {"torch" not in packages.pins([path])}


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


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("system", ["Linux", "Darwin"])
def test_the_lock_is_whole_on_every_system(system: str, python: str) -> None:
    """With hashes, pip refuses a package that another one needs and the lock doesn't name."""
    here = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_system": system,
        "sys_platform": system.lower(),
        "extra": "",
    }
    locked = [canonicalize_name(pin.split("==")[0]) for pin in pins(LOCK)]
    needed = {
        canonicalize_name(wanted.name)
        for name in locked
        if name != "torch"  # pip brings what it needs, which is another thing on each system
        for wanted in map(Requirement, requires(name) or [])
        if wanted.marker is None or wanted.marker.evaluate(here)
    }
    assert needed <= set(locked)


def test_the_lock_for_clusters_is_whole_beside_the_other() -> None:
    pytest.importorskip("kubernetes", reason="`make clusters` installs it")
    locked = [canonicalize_name(pin.split("==")[0]) for pin in pins(CLUSTERS)]
    needed = {
        canonicalize_name(wanted.name)
        for name in locked
        for wanted in map(Requirement, requires(name) or [])
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    }
    known = {canonicalize_name(pin.split("==")[0]) for pin in pins(LOCK)}
    assert needed <= known | set(locked)
    assert not known & set(locked)
