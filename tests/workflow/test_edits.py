"""Random edits of a finished study, taken back: nothing is lost and nothing trains again."""

from pathlib import Path

import pytest

from tests.workflow import edits
from tests.workflow.project import ROOT, copy_of_the_project


@pytest.mark.slow
def test_random_edits_that_are_taken_back(tmp_path: Path) -> None:
    came = edits.run(copy_of_the_project(ROOT, tmp_path / "edited"), edits=15, seed=11)
    assert any(line.startswith("refused") for line in came)
    assert any(line.startswith("built") for line in came)
