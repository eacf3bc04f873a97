"""Which commit of its repository a folder is at."""

import subprocess
from pathlib import Path
from typing import Any


def git(root: Path) -> dict[str, Any]:
    """{commit, modified}: the code's commit and whether files differ from it; None outside git.

    Of an engine that is installed inside a study's repository, that one's commit says nothing.
    """
    engine = "rejeu/__init__.py"
    if (root / engine).is_file() and ask_git(root, "ls-files", "--error-unmatch", engine) is None:
        return {"commit": None, "modified": None}
    commit = ask_git(root, "rev-parse", "HEAD")
    changes = ask_git(root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def ask_git(root: Path, *words: str) -> str | None:
    """What git answers to `words` in the folder `root`; None where it fails or isn't installed."""
    try:
        command = ["git", *words]
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
