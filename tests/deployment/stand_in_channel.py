"""A conda channel on disk with the few packages that `envs/*.yaml` name: python and pip.

The python package is no copy: it makes an environment whose python is the one that runs the tests,
as a virtual environment does. Whatever else it holds comes from the environment's own file.
"""

import asyncio
import ensurepip
import hashlib
import io
import json
import os
import platform
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from rattler.index import index_fs
from rattler.platform import Subdir


def make_channel(folder: Path) -> None:
    """Write and index the channel."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    major_minor = python.name.removeprefix("python")
    home = (
        f"home = {python.parent}\ninclude-system-site-packages = false\n"
        f"version = {platform.python_version()}\n"
    )
    write_package(
        folder / str(Subdir.current()),
        {"name": "python", "version": platform.python_version(), "depends": []},
        files={"pyvenv.cfg": home.encode()},
        links={
            "bin/python": str(python),
            "bin/python3": "python",
            f"bin/{python.name}": "python",
        },
    )
    (wheel,) = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        pip = {f"site-packages/{name}": archive.read(name) for name in archive.namelist()}
    write_package(
        folder / "noarch",
        {
            "name": "pip",
            "version": wheel.name.split("-")[1],
            "depends": [f"python >={major_minor}"],
            "noarch": "python",
        },
        files={name: content for name, content in pip.items() if not name.endswith("/")},
    )
    asyncio.run(index_fs(folder))


def write_package(
    subdir: Path,
    about: dict[str, Any],
    files: dict[str, bytes],
    links: dict[str, str] | None = None,
) -> None:
    """Write a package as conda-build does: its files, and under info/ what is said of them."""
    links = links or {}
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        for path, content in files.items()
    ] + [
        {
            "_path": path,
            "path_type": "softlink",
            "sha256": hashlib.sha256(b"").hexdigest(),
            "size_in_bytes": 0,
        }
        for path in links
    ]
    index = about | {"build": "0", "build_number": 0, "subdir": subdir.name}
    said = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}).encode(),
        "info/files": "\n".join([*files, *links]).encode(),
    }
    if "noarch" in about:
        said["info/link.json"] = json.dumps(
            {"noarch": {"type": "python"}, "package_metadata_version": 1}
        ).encode()
    subdir.mkdir(parents=True, exist_ok=True)
    archive = subdir / f"{about['name']}-{about['version']}-0.tar.bz2"
    with tarfile.open(archive, "w:bz2", compresslevel=1) as package:
        for path, content in (said | files).items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            package.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            package.addfile(entry)


if __name__ == "__main__":
    make_channel(Path(sys.argv[1]))
    os._exit(0)  # py-rattler's threads, ending after Python, now and then abort the process
