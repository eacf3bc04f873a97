"""The sample reports, rendered once for all tests: (PDF, HTML)."""

from pathlib import Path

import pytest

from rejeu.data.sources import fetch
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
