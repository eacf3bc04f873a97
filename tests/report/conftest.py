"""The sample reports, rendered once for all tests: (PDF, HTML); a program in place of Quarto."""

import sys
from pathlib import Path

import pytest

from rejeu.data.sources import fetch
from rejeu.report import renderer
from tests.report.sample import rendered

AXE = {
    "files": {"axe.min.js": "84494fec757e4710dc751c8d7a636e457f4532f08f85c86dc9070133fbff53bc"},
    "sources": [
        {
            "kind": "pypi",
            "package": "axe-playwright-python",
            "version": "0.1.8",
            "folder": "axe_playwright_python",
        }
    ],
}
CACHE = Path(__file__).parents[2] / ".cache" / "rejeu" / "inputs" / "axe"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def french(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return rendered(tmp_path_factory.mktemp("fr"), "fr")


@pytest.fixture(scope="session")
def english(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return rendered(tmp_path_factory.mktemp("en"), "en")


@pytest.fixture(scope="session")
def axe() -> str:
    fetch("axe", AXE["files"], AXE["sources"], CACHE)  # pyright: ignore
    return (CACHE / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def quarto(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in on PATH, and nothing remembered of another."""
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "quarto"
    answer = f'PYTHONPATH="{ROOT}" exec "{sys.executable}" -m tests.report.stand_in_quarto "$@"'
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    renderer.quarto_version.cache_clear()
