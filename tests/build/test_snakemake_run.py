"""What is done to Snakemake while it runs."""

import threading
from types import SimpleNamespace
from typing import Any

from snakemake.scheduling.job_scheduler import JobScheduler

from rejeu.build import snakemake_run


def test_sigterm_that_comes_while_the_lock_is_held() -> None:
    for _ in range(2):  # the second time nothing more is put around it
        snakemake_run.end_when_asked()
    scheduler: Any = SimpleNamespace(
        _lock=threading.Lock(), _open_jobs=threading.Semaphore(0), _user_kill=None
    )
    with scheduler._lock:
        JobScheduler.exit_gracefully(scheduler)  # as the handler is called; it must return
        assert scheduler._user_kill is None
    assert scheduler._open_jobs.acquire(timeout=10)
    assert scheduler._user_kill == "graceful"
