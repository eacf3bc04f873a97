"""Under which licence each package, input and model stands."""

from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# What packages say that give no SPDX expression.
USUAL = {
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache": "Apache-2.0",
    "3-clause bsd license": "BSD-3-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
FILE = "License-File"
LONGEST = 60  # characters; longer is a licence's text and not its name
UNKNOWN = "—"


def spdx(text: str) -> str | None:
    """A licence as SPDX writes it; None where SPDX doesn't know it."""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def licence_of(name: str) -> str:
    """The licence that an installed package says it has, as SPDX names it where that can be told.

    Raises:
        PackageNotFoundError: it isn't installed here.
    """
    package = distribution(name)
    said: Any = package.metadata
    named = [
        value.rpartition("::")[2].strip()
        for value in said.get_all("Classifier") or []
        if value.startswith("License ::")
    ]
    texts = [said.get("License-Expression"), *named, said.get("License")]
    known = [text.strip() for text in texts if text and len(text) <= LONGEST and "\n" not in text]
    exact = [found for text in known if (found := spdx(text) or USUAL.get(text.lower()))]
    whole = [said.get("License"), *(file_of(package, file) for file in said.get_all(FILE) or [])]
    read = [found for text in whole if text and (found := recognised(text))]
    return next(iter([*exact, *read, *known]), UNKNOWN)


def file_of(package: Distribution, name: str) -> str | None:
    """The text of a package's licence file."""
    return package.read_text(f"licenses/{name}") or package.read_text(name)


def recognised(text: str) -> str | None:
    """The licence whose words a text has; None of another than the three most common."""
    words = " ".join(text.split()).lower()
    if "permission is hereby granted, free of charge" in words:
        return "MIT"
    if "redistribution and use in source and binary forms" in words:
        return "BSD-3-Clause" if "neither the name" in words else "BSD-2-Clause"
    return "Apache-2.0" if "apache license version 2.0" in words else None


def of_packages(names: Iterable[str]) -> dict[str, str]:
    """The licence of each of these packages that is installed here, by name."""
    licences = {}
    for name in names:
        try:
            licences[name] = licence_of(name)
        except PackageNotFoundError:
            continue
    return licences


def table(packages: Mapping[str, str], inputs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Licences with what stands under each: {licence, inputs, packages}, the most common first."""
    names = dict.fromkeys([*inputs.values(), *packages.values()])
    rows = [
        {
            "licence": licence,
            "inputs": [name for name, text in inputs.items() if text == licence],
            "packages": sorted(
                (name for name, text in packages.items() if text == licence), key=str.lower
            ),
        }
        for licence in names
    ]
    return sorted(
        rows, key=lambda row: (-len(row["inputs"]) - len(row["packages"]), row["licence"])
    )
