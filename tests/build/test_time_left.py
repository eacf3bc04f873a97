"""How far a build is, and how long the rest takes."""

from collections.abc import Iterator

import pytest

from rejeu.build.plan import Job
from rejeu.build.time_left import rest, tell


def job(seconds: float, *after: int) -> Job:
    return Job("train", seconds, threads=1, memory_mb=1, disk_mb=1, after=after)


def test_what_is_done_takes_no_time_and_the_rest_waits_for_it() -> None:
    jobs = [job(100), job(100), job(300, 0, 1), job(60, 2)]
    assert rest(jobs, [False] * 4, cores=2) == 460
    assert rest(jobs, [True, True, False, False], cores=2) == 360
    assert rest(jobs, [True] * 4, cores=2) == 0


def test_it_is_told_until_all_are_done(capsys: pytest.CaptureFixture[str]) -> None:
    states: Iterator[list[bool]] = iter(
        [[False, False], [False, False], [True, False], [True, False], [True, True]]
    )
    slept: list[float] = []
    tell([job(600), job(120, 0)], lambda: next(states), 2, slept.append)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "  0 of 2 jobs done, about 12 min left",
        "  0 of 2 jobs done, about 11 min left",  # half a minute later
        "  1 of 2 jobs done, about 2 min left",
        "  1 of 2 jobs done, about 2 min left",
    ]
    assert slept == [10, 30, 30, 30, 30]
