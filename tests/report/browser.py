"""A page as headless Chromium renders it."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)


@dataclass(frozen=True)
class Visit:
    """The document after its scripts, if any, have run, and what the browser refused of it."""

    document: str
    refused: list[str]


def visit(page: Path) -> Visit:
    """Open a file in a browser that has no memory and asks nobody anything."""
    assert PROGRAM
    options = ["--headless", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += ["--enable-logging=stderr", "--dump-dom", "--virtual-time-budget=60000"]
    if os.getuid() == 0:
        options.append("--no-sandbox")  # as root it starts without only
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [PROGRAM, *options, f"--user-data-dir={profile}", page.absolute().as_uri()],
            check=True,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
        )
    refused = [line for line in done.stderr.splitlines() if "Content Security Policy" in line]
    return Visit(done.stdout, refused)
