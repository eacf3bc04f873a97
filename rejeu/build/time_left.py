"""How far a build is and how long the rest takes, said while its jobs run."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rejeu.build.plan import Job, duration, makespan

FIRST, THEN = 10.0, 30.0  # seconds until it is said, and from then on


def watch(jobs: Sequence[Job], ended: Callable[[], Iterable[bool]], cores: int) -> None:
    """Say it on standard error until all jobs have ended, from a thread that dies with the process.

    Args:
        jobs: those that will run.
        ended: of each, in their order, whether it has.
    """
    threading.Thread(target=tell, args=(jobs, ended, cores), daemon=True).start()


def tell(
    jobs: Sequence[Job],
    ended: Callable[[], Iterable[bool]],
    cores: int,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """As `watch`, in this thread."""
    done, idle, pause = [False] * len(jobs), 0.0, FIRST
    while True:
        sleep(pause)
        before, done = done, list(ended())
        if all(done):
            return
        # What runs since then was counted whole.
        idle = idle + pause if done == before else 0.0
        left = max(rest(jobs, done, cores) - idle, 0.0)
        said = f"  {sum(done)} of {len(jobs)} jobs done, {duration(left)} left"
        print(said, file=sys.stderr, flush=True)
        pause = THEN


def rest(jobs: Sequence[Job], done: Iterable[bool], cores: int) -> float:
    """Seconds that the jobs take which aren't done."""
    left = zip(jobs, done, strict=True)
    return makespan([replace(job, seconds=0.0) if over else job for job, over in left], cores)
