"""The one exception that a user is meant to read, and how its messages list things."""

from collections.abc import Sequence


class RejeuError(Exception):
    """Something the user can mend: says what, where, the value found and what to do.

    Shown as a message without a traceback.
    """


def listed(things: Sequence[str], most: int) -> str:
    """The first `most` of some things for a message, and how many there are beside these."""
    further = f" and {len(things) - most} more" if len(things) > most else ""
    return ", ".join(things[:most]) + further
