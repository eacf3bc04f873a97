"""How wide the terminal is that a command prints to."""

import sys

from rich.console import Console

PIPED = 80  # columns, where a file or another program reads


def console() -> Console:
    """As wide as the terminal; rich itself would ask the keyboard's where the output is piped."""
    return Console(width=None if sys.stdout.isatty() else PIPED, highlight=False)
