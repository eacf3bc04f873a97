"""One real SLURM for all tests of this folder that want it."""

from collections.abc import Iterator

import pytest

from tests.clusters import slurm as engine
from tests.clusters.slurm import Slurm


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    if reason := engine.missing():
        pytest.skip(reason)
    with engine.running() as started:
        yield started
