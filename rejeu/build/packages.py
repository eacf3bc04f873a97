"""Which versions of the packages that can change a result's numbers are installed."""

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


def versions() -> dict[str, str]:
    """The installed version of each package of NUMERIC; one that isn't installed has no key."""
    found = {name: installed(name) for name in NUMERIC}
    return {name: number for name, number in found.items() if number is not None}


def installed(package: str) -> str | None:
    """The version of a package that is installed here; None where it isn't."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def missing(environments: Iterable[Path]) -> list[str]:
    """The packages of conda environments (envs/NAME.yaml) that aren't installed here."""
    known = [read_yaml(path)["dependencies"] for path in environments]
    pinned = [
        pin for listed in known for each in listed if isinstance(each, dict) for pin in each["pip"]
    ]
    names = dict.fromkeys(pin.partition("==")[0] for pin in pinned)
    return [name for name in names if installed(name) is None]
