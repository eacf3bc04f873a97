"""The environment that jobs compute in: set by the workflow and by the benchmarks alike."""

import atexit
import gc
import os
import sys
from pathlib import Path

VARIABLES = {
    # The allocator keeps the large short-lived tensors of training: given back to the kernel at
    # each step they cost page faults.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "100000000",
    # PyTorch and oneDNN keep what they prepared for each shape of a product. Rows have many
    # lengths; with the default of 1024 shapes a training job took half as much memory again.
    "LRU_CACHE_CAPACITY": "64",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64",
    "TOKENIZERS_PARALLELISM": "false",
}

# Where Snakemake's own Python looks for modules, set where jobs run with another one.
SNAKEMAKES = "REJEU_SNAKEMAKES_PATH"


def prepare(root: Path, *further: Path) -> None:
    """Set what the user has not set.

    Jobs import rejeu from `root`, installed or not, and the study's own Python from `further`.
    """
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MPLCONFIGDIR", str(root / ".cache" / "matplotlib"))
    given = os.environ.get("PYTHONPATH")
    places = [str(root), *map(str, further), *([given] if given else [])]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)


def collect_seldom() -> None:
    """In Snakemake's process: look less often for garbage, of which there is little.

    It holds hundreds of thousands of objects until it ends, and looking through them takes a third
    of a second by then.
    """
    gc.set_threshold(50_000, 10, 10)
    end_at_once()


def end_at_once() -> None:
    """Let Python not look for garbage when it ends: half a second of a build, a tenth of a job."""
    atexit.register(gc.freeze)


def leave_out_snakemakes() -> None:
    """In a job with a Python of its own: look for no module where only Snakemake's own Python does.

    A package that the environment lacks would else be Snakemake's, in any version.
    """
    theirs = os.environ.get(SNAKEMAKES, "").split(os.pathsep)
    own = (sys.prefix, sys.base_prefix)
    sys.path[:] = [path for path in sys.path if path not in theirs or path.startswith(own)]
