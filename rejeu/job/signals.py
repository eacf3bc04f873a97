"""Requests to end, SIGTERM and Ctrl-C, taken instead of obeyed; the end of an allocation is one."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rejeu.job.allocation import seconds_to_work

END_OF_TIME = signal.SIGALRM


@contextmanager
def asked_to_stop(told: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Tell of each request to end, but of a signal that was ignored before.

    Shortly before a scheduler's allocation ends, END_OF_TIME is told.
    """
    before = {
        number: signal.signal(number, lambda caught, _: told(signal.Signals(caught)))
        for number in (signal.SIGTERM, signal.SIGINT, END_OF_TIME)
        if signal.getsignal(number) is not signal.SIG_IGN  # as of a job started with nohup
    }
    signal.setitimer(signal.ITIMER_REAL, seconds_to_work() or 0)  # 0: never
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def reason(number: signal.Signals) -> str:
    """What asked a job to stop, for a message."""
    return "the end of its allocation" if number == END_OF_TIME else number.name
