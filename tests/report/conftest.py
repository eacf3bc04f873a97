"""The sample reports, rendered once for all tests: (PDF, HTML)."""

from pathlib import Path

import pytest

from tests.report.sample import rendered


@pytest.fixture(scope="session")
def french(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return rendered(tmp_path_factory.mktemp("fr"), "fr")


@pytest.fixture(scope="session")
def english(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return rendered(tmp_path_factory.mktemp("en"), "en")
