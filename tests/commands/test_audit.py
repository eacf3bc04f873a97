"""What is said of pip-audit's reports; the forms are those that pip-audit 2.10.1 gives."""

import venv
from pathlib import Path

import pytest

from rejeu.commands.audit import PIP_AUDIT, UNCHECKED, audit, pins, run, told

ROOT = Path(__file__).parents[2]
CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
ABSENT = {"name": "torch", "skip_reason": "Dependency not found on PyPI and could not be audited"}
FAULTY = {
    "name": "pyyaml",
    "version": "5.3",
    "vulns": [{"id": "PYSEC-2020-96", "fix_versions": ["5.3.1"], "aliases": []}],
}


def test_every_package_of_the_lock_is_asked_about() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    asked = pins(lock)
    assert len(asked) == len(set(asked)) == lock.count("==") > 100
    assert any(pin.startswith("numpy==") for pin in asked)


@pytest.mark.parametrize(
    ("packages", "code", "expected"),
    [
        ([CLEAN], 0, "1 of 1 packages checked. No vulnerability is known."),
        ([CLEAN, ABSENT], 0, "1 of 2 packages checked; not in the database: torch. No"),
        ([CLEAN, FAULTY], 1, "pyyaml 5.3: PYSEC-2020-96, mended in 5.3.1"),
        ([ABSENT], 0, UNCHECKED),
    ],
)
def test_told(packages: list[dict[str, object]], code: int, expected: str) -> None:
    said, found = told({"dependencies": packages, "fixes": []})
    assert expected in said
    assert found == code


def test_without_a_network_it_says_that_nothing_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    said, code = audit(ROOT / "requirements.lock", tmp_path / "environment")
    assert said.startswith(f"{UNCHECKED}{PIP_AUDIT} can't be installed: ")
    assert "\n" not in said
    assert code == 0


def test_an_environment_whose_making_was_interrupted_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    said, _ = audit(ROOT / "requirements.lock", environment)
    assert "No module named pip" not in said
    assert run(str(environment / "bin" / "python"), "-m", "pip", "--version").returncode == 0
