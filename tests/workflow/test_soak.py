"""Builds that are killed three times end like one that was not."""

from collections.abc import Callable

import pytest

from tests.workflow.project import Project
from tests.workflow.soak import KINDS, Soak


@pytest.mark.slow
def test_killed_builds_end_with_the_same_results(
    built: Project, copy: Callable[[], Project]
) -> None:
    soak = Soak(copy(), built.folder, seed=1, minutes=20)
    soak.run(kills=3)
    assert sorted(soak.kills) == sorted(KINDS)
    assert soak.resumes > 0  # the first kill comes once a state is there
