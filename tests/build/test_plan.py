import shutil
from pathlib import Path

import pytest

from rejeu.build.plan import Job, describe, duration
from rejeu.errors import RejeuError


def test_a_plan_says_jobs_time_disk_and_memory(tmp_path: Path) -> None:
    train = Job("train_classifier", seconds=300, threads=1, memory_mb=3000, disk_mb=100)
    wide = Job("time_ranks", seconds=600, threads=2, memory_mb=500, disk_mb=1)
    draw = Job("draw_rank", seconds=2, threads=1, memory_mb=400, disk_mb=0.4)
    said = describe([train, train, train, wide, draw], cores=2, folder=tmp_path)
    first, second = said.splitlines()
    assert first == "Will run 5 jobs on 2 cores: 3 train_classifier, 1 time_ranks, 1 draw_rank"
    # (3 * 300 + 2 * 600 + 2) / 2 = 1,051 s; the two largest jobs may run at once.
    assert second.startswith("Expected: about 18 min, 301 MB of disk (")
    assert second.endswith(" MB free), 6,000 MB of memory")


def test_a_job_takes_no_more_threads_than_there_are(tmp_path: Path) -> None:
    wide = Job("time_ranks", seconds=600, threads=8, memory_mb=500, disk_mb=1)
    assert "about 10 min" in describe([wide], cores=1, folder=tmp_path)
    assert "about 10 min" in describe([wide], cores=8, folder=tmp_path)


def test_too_small_a_disk_stops_the_build(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / 1e6
    jobs = [Job("fetch", 1, 1, 1, disk_mb=free)] * 2
    with pytest.raises(
        RejeuError, match=r"will write about [\d,]+ MB to .* MB are free.*smoke"
    ) as caught:
        describe(jobs, cores=2, folder=tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "Nothing was run." in str(caught.value)


def test_no_job_is_no_trouble(tmp_path: Path) -> None:
    assert describe([], cores=2, folder=tmp_path).startswith("Will run 0 jobs on 2 cores")


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "under a minute"), (29, "under a minute"), (89, "about 1 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said
