"""Requests to end, SIGTERM and Ctrl-C, taken instead of obeyed."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def asked_to_stop(told: Callable[[signal.Signals], None]) -> Iterator[None]:
    """Tell of each request to end, but of a signal that was ignored before."""
    before = {
        number: signal.signal(number, lambda caught, _: told(signal.Signals(caught)))
        for number in (signal.SIGTERM, signal.SIGINT)
        if signal.getsignal(number) is not signal.SIG_IGN  # as of a job started with nohup
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
