"""A job minds the end of its time, which its scheduler tells."""

import signal
import time

import pytest

from rejeu.job.allocation import seconds_to_work
from rejeu.job.signals import END_OF_TIME, asked_to_stop


@pytest.mark.parametrize(("left", "to_work"), [(3600, 3555), (180, 135), (60, 45), (-5, 0.1)])
def test_a_job_stops_a_little_before_its_end(
    left: float, to_work: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + left))
    assert seconds_to_work() == pytest.approx(to_work, abs=1)


def test_without_a_scheduler_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert seconds_to_work() is None


def test_where_the_scheduler_says_nothing_nothing_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No SLURM can be asked: its programs are not on PATH."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("SLURM_JOB_END_TIME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    assert seconds_to_work() is None


def test_the_end_is_told_while_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(time.time() + 0.4))
    told: list[signal.Signals] = []
    until = time.monotonic() + 5
    with asked_to_stop(told.append):
        while not told and time.monotonic() < until:
            time.sleep(0.01)
    assert told == [END_OF_TIME]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
