"""What a run took, and what computed it where that needs no torch, for its run.json."""

import os
import platform
import re
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path


def machine() -> dict[str, str | int | None]:
    """The machine, as provenance names it: {cpu, cores, gpu}; whether it has a GPU isn't asked."""
    return {"cpu": cpu_name(), "cores": os.cpu_count(), "gpu": None}


def cpu_name() -> str:
    """The processor's name by its maker, or else its architecture."""
    with suppress(OSError, subprocess.CalledProcessError):
        if sys.platform == "darwin":
            asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
            return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if named := re.search(r"^model name\s*:\s*(.+)$", facts, re.MULTILINE):
            return named[1].strip()
    return platform.machine() or "unknown"


def peak_memory_mb(who: int = resource.RUSAGE_SELF) -> float:
    """Largest resident memory so far, in MB (1e6 bytes).

    Args:
        who: RUSAGE_SELF of `resource`, this process; or RUSAGE_CHILDREN, of those it waited for.
    """
    peak = resource.getrusage(who).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
