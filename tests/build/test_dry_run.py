"""Which changes a plan takes for a reason to run a job again, as a profile says."""

from pathlib import Path

import pytest

from rejeu.build.dry_run import triggers_of
from rejeu.errors import RejeuError


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("cores: 1", {"MTIME", "PARAMS", "INPUT", "SOFTWARE_ENV", "CODE"}),
        ("rerun-triggers: [mtime, software-env]", {"MTIME", "SOFTWARE_ENV"}),
        ("rerun-triggers: params", {"PARAMS"}),
    ],
)
def test_triggers_of_a_profile(tmp_path: Path, said: str, expected: set[str]) -> None:
    (tmp_path / "config.yaml").write_text(said)
    assert set(triggers_of(tmp_path / "config.yaml")) == expected


def test_a_trigger_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("rerun-triggers: [mtimes]")
    with pytest.raises(RejeuError, match="rerun-triggers: 'mtimes'; did you mean 'mtime'"):
        triggers_of(tmp_path / "config.yaml")
