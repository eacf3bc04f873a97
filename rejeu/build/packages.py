"""Which versions of the packages that can change a result's numbers are installed."""

from importlib.metadata import PackageNotFoundError, version

NUMERIC = ("torch", "transformers", "peft", "datasets", "tokenizers", "scikit-learn")


def versions() -> dict[str, str]:
    """The installed version of each package of NUMERIC; one that isn't installed has no key."""
    found = {name: installed(name) for name in NUMERIC}
    return {name: number for name, number in found.items() if number is not None}


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
