"""The image, built for real: a Debian base by debootstrap, Dockerfile by buildah."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.deployment.node import Image
from tests.workflow.project import ROOT

PROGRAMS = ("debootstrap", "buildah")
BASE = "localhost/debian-python:3.11"
# How this machine reaches its package registries, shown to the build and kept out of the image.
ACCESS = {Path("/etc/ssl/certs"), Path("/etc/pip.conf"), Path.home() / ".config" / "pip"}


def missing() -> list[str]:
    """The programs that aren't here."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


@contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Build the image in `folder`; it is there as long as the context is."""
    store = ["--root", str(folder / "store"), "--runroot", str(folder / "run")]

    def buildah(*words: str) -> str:
        done = subprocess.run(
            ["buildah", *store, *words], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    root = folder / "base"
    packages = "python3,python3-venv,ca-certificates"
    words = ["--variant=minbase", f"--include={packages}", "bookworm", str(root), *mirror()]
    done = subprocess.run(["debootstrap", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    scratch = buildah("from", "scratch")
    buildah("add", scratch, str(root), "/")
    buildah("commit", "--quiet", "--rm", scratch, BASE)
    shutil.rmtree(root)
    shown = [word for path in access() for word in ("--volume", f"{path}:{path}:ro")]
    options = ["--isolation", "chroot", "--network", "host", "--build-arg", f"BASE={BASE}"]
    buildah("bud", *options, *shown, "--tag", "rejeu", str(ROOT))
    container = buildah("from", "rejeu")
    try:
        said = buildah("run", "--isolation", "chroot", container, "--", "env")
        environment = dict(line.split("=", 1) for line in said.splitlines())
        user = int(buildah("run", "--isolation", "chroot", container, "--", "id", "-u"))
        place = Path(buildah("mount", container))
        yield Image((), environment, Path("/opt/rejeu"), place, user)
    finally:
        buildah("umount", container)
        buildah("rm", container)


def mirror() -> list[str]:
    """Where this machine gets Debian's packages, where it says so in the newer of two forms."""
    for path in sorted(Path("/etc/apt/sources.list.d").glob("debian.sources")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("URIs:"):
                return line.split()[1:2]
    return []


def access() -> Iterator[Path]:
    """What the build must see: certificates, pip's settings, and the folders that these name."""
    said = subprocess.run(["pip", "config", "list"], check=True, capture_output=True, text=True)
    named = {Path(path) for path in re.findall(r"(?<=['/ ])/[\w.-][\w./-]*", said.stdout)}
    # An index is a folder `simple`, whose pages name files beside it.
    places = {path.parent if path.name == "simple" else path for path in named}
    folders = {path for path in places if path.is_dir()}
    yield from sorted(path for path in ACCESS | folders if path.exists())
