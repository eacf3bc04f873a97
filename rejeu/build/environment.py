"""The environment that jobs compute in: set by the workflow and by the benchmarks alike."""

import os
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
