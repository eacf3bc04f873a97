"""Under which licence each package, input and model stands."""

from collections.abc import Mapping
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

# What packages say that give no SPDX expression.
USUAL = {
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache": "Apache-2.0",
    "bsd": "BSD",
    "bsd license": "BSD",
    "bsd 3-clause": "BSD-3-Clause",
    "bsd 3-clause license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
    "the unlicense (unlicense)": "Unlicense",
}
LONGEST = 60  # characters; longer is a licence's text and not its name
UNKNOWN = "—"


def spdx(text: str) -> str | None:
    """A licence as SPDX writes it; None where SPDX doesn't know it."""
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None


def licence_of(said: PackageMetadata) -> str:
    """The licence that a package says it has: SPDX's name where it can be told."""
    named = [
        value.rpartition("::")[2].strip()
        for value in said.get_all("Classifier") or []
        if value.startswith("License ::")
    ]
    texts = [said.get("License-Expression"), *named, said.get("License")]
    known = [text.strip() for text in texts if text and len(text) <= LONGEST and "\n" not in text]
    found = [spdx(text) or USUAL.get(text.lower()) for text in known]
    exact = [name for name in found if name and name != "BSD"]
    return next(iter([*exact, *(name for name in found if name), *known]), UNKNOWN)


def of_packages(pins: Mapping[str, str]) -> dict[str, str]:
    """The licence of each pinned package that is installed here, by name."""
    licences = {}
    for name in pins:
        try:
            licences[name] = licence_of(metadata(name))
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
