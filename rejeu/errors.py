"""The one exception that a user is meant to read."""


class RejeuError(Exception):
    """Something the user can mend: says what, where, the value found and what to do.

    Shown as a message without a traceback.
    """
