import re
from pathlib import Path

import pytest

from rejeu.build.plan import Job, describe, downloaded_mb, duration, makespan
from rejeu.study.configuration import Input


def job(name: str, seconds: float, threads: int = 1, **more: object) -> Job:
    return Job(name, seconds, threads, memory_mb=500, disk_mb=1, **more)  # pyright: ignore


def test_a_plan_says_jobs_time_disk_and_memory(tmp_path: Path) -> None:
    train = Job("train_classifier", seconds=300, threads=1, memory_mb=3000, disk_mb=100)
    wide = Job("time_ranks", seconds=600, threads=2, memory_mb=500, disk_mb=1)
    draw = Job("draw_rank", seconds=2, threads=1, memory_mb=400, disk_mb=0.4)
    said = describe([train, train, train, wide, draw], cores=2, folder=tmp_path)
    first, second = said.splitlines()
    assert first == "Will run 5 jobs on 2 cores: 3 train_classifier, 1 time_ranks, 1 draw_rank"
    # Two of the three trainings side by side, the third beside the drawing, then the wide one.
    assert second.startswith("Expected: about 20 min, 301 MB of disk (")
    assert second.endswith(" MB free), 6,000 MB of memory")


def test_a_job_takes_no_more_threads_than_there_are(tmp_path: Path) -> None:
    assert "about 10 min" in describe([job("wide", 600, threads=8)], cores=1, folder=tmp_path)
    assert "about 10 min" in describe([job("wide", 600, threads=8)], cores=8, folder=tmp_path)


def test_the_total_minds_what_each_job_waits_for() -> None:
    chain = [job("a", 10), job("b", 20, after=(0,)), job("c", 30, after=(1,))]
    assert makespan(chain, cores=2) == 60  # though 60 s of work on 2 cores could take 30
    assert makespan([*chain, job("d", 25)], cores=2) == 60
    assert makespan([*chain, job("d", 25)], cores=1) == 85
    assert makespan([], cores=2) == 0


def test_the_total_minds_which_job_comes_first() -> None:
    # Three side by side on two cores: with the long one last, a core waits for it.
    last = [job("short", 10), job("short", 10), job("long", 20)]
    first = [job("short", 10), job("short", 10), job("long", 20, priority=1)]
    assert makespan(last, cores=2) == 30
    assert makespan(first, cores=2) == 20


def test_one_gpu_takes_one_job_at_a_time() -> None:
    jobs = [job("train", 10, gpus=1)] * 3
    assert makespan(jobs, cores=4) == 30
    assert makespan(jobs, cores=4, gpus=3) == 10
    assert makespan([*jobs, job("draw", 30)], cores=2) == 30


def test_a_download_takes_the_disk_of_its_files() -> None:
    files = {"a.csv": "0" * 64}
    package = {"kind": "pypi", "package": "p", "version": "1", "folder": "f"}
    hub = {"kind": "hub", "repository": "o/n", "revision": "unpinned"}
    known = {"licence": "MIT", "files": files, "size_mb": 30}
    assert downloaded_mb(Input.model_validate({**known, "sources": [package]})) == 30
    # The hub's own cache has a copy.
    assert downloaded_mb(Input.model_validate({**known, "sources": [hub]})) == 60
    unknown = {"licence": "MIT", "files": files, "sources": [hub]}
    assert downloaded_mb(Input.model_validate(unknown)) == 0


def test_no_job_is_no_trouble(tmp_path: Path) -> None:
    assert describe([], cores=2, folder=tmp_path).startswith("Will run 0 jobs on 2 cores")
    assert re.search(r"0 MB of disk \([\d,]+ MB free\)", describe([], 2, tmp_path))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "under a minute"),
        (29, "under a minute"),
        (89, "about 1 min"),
        (7100, "about 118 min"),
        (9000, "about 2.5 h"),
    ],
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said
