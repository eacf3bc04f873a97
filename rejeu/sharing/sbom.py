"""The software bill of materials: every pin of the lock, as CycloneDX has it.

Licences and needs are those of the packages as they are installed here; one that isn't has none.
"""

import re
import uuid
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rejeu.build.conda_environments import SYSTEMS, locked
from rejeu.sharing.licences import UNKNOWN, licence_of, spdx

VERSION = "1.6"  # of CycloneDX
SCHEMA = f"http://cyclonedx.org/schema/bom-{VERSION}.schema.json"
INDEX = "https://pypi.org/project/{name}/{version}/"


def purl(name: str, version: str) -> str:
    """A package's address, which is its name in a bill too."""
    return f"pkg:pypi/{canonicalize_name(name)}@{version}"


def sbom(lock: str, name: str, version: str) -> dict[str, Any]:
    """The bill of a project whose packages are pinned in the text of a lock file.

    The same lock gives the same bill where the same packages are installed.
    """
    pins = {
        canonical: (*pin.split("==", 1), hashes)
        for canonical, (pin, *hashes) in locked(lock).items()
    }
    here = purl(name, version)
    components = [component(each, number, hashes) for each, number, hashes in pins.values()]
    known = {canonical: purl(each, number) for canonical, (each, number, _) in pins.items()}
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, here + lock)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": here,
                "name": name,
                "version": version,
                "purl": here,
            }
        },
        "components": components,
        "dependencies": [
            {"ref": here, "dependsOn": sorted(known.values())},
            *(
                {"ref": ref, "dependsOn": sorted({known[n] for n in needs(name) if n in known})}
                for name, ref in known.items()
            ),
        ],
    }


def component(name: str, version: str, hashes: list[str]) -> dict[str, Any]:
    """One package: where it comes from, the sha256 of each of its files, its licence."""
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl(name, version),
        "name": name,
        "version": version,
        "purl": purl(name, version),
        "externalReferences": [
            {
                "type": "distribution",
                "url": INDEX.format(name=name, version=version),
                # Its files for every platform, of which one is installed.
                **(
                    {
                        "hashes": [
                            {"alg": "SHA-256", "content": each}
                            for each in re.findall(r"sha256:([0-9a-f]{64})", " ".join(hashes))
                        ]
                    }
                    if hashes
                    else {}
                ),
            }
        ],
    }
    try:
        said = licence_of(name)
    except PackageNotFoundError:
        return found
    if said != UNKNOWN:
        expression = spdx(said)
        found["licenses"] = [
            {"expression": expression} if expression else {"license": {"name": said}}
        ]
    return found


def needs(name: str) -> Iterator[str]:
    """The packages that an installed one needs, on Linux and on macOS, by canonical name."""
    try:
        said = requires(name) or ()
    except PackageNotFoundError:
        return
    for wanted in map(Requirement, said):
        if wanted.marker is None or any(
            wanted.marker.evaluate(system | {"extra": ""}) for system in SYSTEMS
        ):
            yield canonicalize_name(wanted.name)


def pins_of(bill: dict[str, Any]) -> list[str]:
    """The `name==version` of each package in a bill."""
    return [f"{each['name']}=={each['version']}" for each in bill["components"]]
