"""The subcommands of conda that Snakemake calls, over py-rattler: it really solves and installs.

No conda can be had from PyPI. Run as a program it answers as conda would, from the channels under
`channel_alias` of the `.condarc` in its own folder. `install` makes such a folder.
"""

import argparse
import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from rattler import install as link
from rattler import solve
from rattler.platform import Subdir
from rattler.virtual_package import VirtualPackage

VERSION = "26.7.0"
# As conda's own: https://github.com/conda/conda/blob/main/conda/shell/bin/activate
ACTIVATE = 'export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n'


def install(folder: Path, channels: Path) -> Path:
    """Make a conda installation in `folder`, which takes channels from `channels`; its bin/."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    settings = {"channel_alias": channels.as_uri(), "channel_priority": "strict"}
    (folder / ".condarc").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (programs / "activate").write_text(ACTIVATE, encoding="utf-8")
    words = [sys.executable, str(Path(__file__)), str(folder)]
    (programs / "conda").write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    (programs / "conda").chmod(0o755)
    return programs


def main(folder: Path, words: list[str]) -> None:
    """Answer one command."""
    settings = yaml.safe_load((folder / ".condarc").read_text(encoding="utf-8"))
    match words:
        case ["--version"]:
            print(f"conda {VERSION}")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(folder), "platform": str(Subdir.current())}))
        case ["config", "--get", key, "--json"]:
            print(json.dumps({"get": {key: settings[key]}}))
        case ["clean", *_]:
            pass
        case ["env", "create", *options]:
            given = parsed(options)
            create(yaml.safe_load(given.file.read_text("utf-8")), given, settings, folder)
        case _:
            sys.exit(f"stand-in conda: unknown command: {shlex.join(words)}")


def parsed(options: list[str]) -> argparse.Namespace:
    """The options of `conda env create`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--prefix", type=Path, required=True)
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--no-default-packages", action="store_true")
    return parser.parse_args(options)


def create(
    environment: dict[str, Any],
    given: argparse.Namespace,
    settings: dict[str, Any],
    folder: Path,
) -> None:
    """Make the environment that a file describes: conda's packages, then pip's."""
    dependencies = environment["dependencies"]
    specs = [entry for entry in dependencies if isinstance(entry, str)]
    pins = [pin for entry in dependencies if isinstance(entry, dict) for pin in entry["pip"]]
    channels = [
        f"{settings['channel_alias']}/{name}"
        for name in environment["channels"]
        if name != "nodefaults"
    ]
    asyncio.run(solve_and_link(channels, specs, given.prefix, folder / "pkgs"))
    if pins:
        pip_install(pins, given.file, given.prefix)


async def solve_and_link(channels: list[str], specs: list[str], prefix: Path, cache: Path) -> None:
    """Install what solves `specs`."""
    found = await solve(channels, specs, virtual_packages=VirtualPackage.detect())
    await link(found, prefix, cache_dir=cache, show_progress=False)


def pip_install(pins: list[str], file: Path, prefix: Path) -> None:
    """Install the `pip:` section, word for word as conda does (conda/env/installers/pip.py)."""
    with tempfile.NamedTemporaryFile(
        mode="w",
        prefix="condaenv.",
        suffix=".requirements.txt",
        dir=file.absolute().parent,
        encoding="utf-8",
    ) as requirements:
        requirements.write("\n".join(pins))
        requirements.flush()
        options = ["-U", "-r", requirements.name, "--exists-action=b"]
        subprocess.run(
            [prefix / "bin" / "python", "-m", "pip", "install", *options],
            cwd=file.absolute().parent,
            env=os.environ | {"CONDA_PREFIX": str(prefix)},
            check=True,
            stdout=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
    sys.stdout.flush()
    os._exit(0)  # py-rattler's threads, ending after Python, now and then abort the process
