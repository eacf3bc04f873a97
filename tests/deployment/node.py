"""A node of a cluster: runs containers in namespaces of this machine, as their manifests say.

A container sees its image, an empty folder for each `emptyDir`, the folder of each claim that it
mounts, and nothing else of this machine. The image is a folder that was unpacked or, where there is
none, what this machine has installed.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from tests.deployment.cluster_api import NAMESPACE, Pod

ROOT = Path(__file__).parents[2]
TEMPORARY = "/tmp"  # noqa: S108  the container's own
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/opt")


@dataclass(frozen=True)
class Image:
    """What a container finds at its beginning."""

    folders: tuple[Path, ...]  # of this machine, each at its own place
    environment: Mapping[str, str]
    engine: Path
    root: Path | None = None  # the image, unpacked; `folders` are then seen beside it
    user: int = 0


def installed() -> Image:
    """An image of what this machine has installed: its programs, this Python and this engine."""
    python = {Path(sys.prefix), Path(sys.base_prefix), ROOT}
    folders = [path for name in SYSTEM if (path := Path(name)).is_dir()]
    outside = [path for path in python if not any(map(path.is_relative_to, folders))]
    path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    home = {"HOME": TEMPORARY, "LANG": "C.UTF-8"}
    return Image((*folders, *sorted(outside)), {"PATH": path, **home}, ROOT)


@dataclass(frozen=True)
class Container:
    """A container that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """All that it has printed so far."""
        return self.log.read_text(encoding="utf-8")

    def end(self) -> None:
        """End it as a node that is lost does: all its processes at once."""
        if self.process.poll() is None:
            pid = self.process.pid
            # The first process in the container's namespace; with it go all others.
            with suppress(OSError):
                for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                    os.kill(int(child), signal.SIGKILL)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@dataclass
class Node:
    """Runs pods."""

    image: Image
    claims: Mapping[str, Path]  # the folder of each volume
    folder: Path  # of its own
    running: list[Container] = field(default_factory=list)

    def start(self, pod: Pod) -> None:
        """Start a pod of the cluster; its code and log are known once it has ended."""
        container = self.run(pod.job["spec"]["template"]["spec"])
        pod.end = container.end

        def wait() -> None:
            code = container.process.wait()
            pod.log = container.said()
            pod.code = 128 - code if code < 0 else code

        Thread(target=wait).start()

    def run(
        self,
        spec: dict[str, Any],
        environment: Mapping[str, str] | None = None,
        seen: tuple[Path, ...] = (),
    ) -> Container:
        """Run the container of a pod; it sees the folders `seen` as well."""
        (container,) = spec["containers"]
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        root, empty = folder / "root", folder / "empty"
        for path in (root, empty):
            path.mkdir()
            path.chmod(0o777)
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        bound = {path: path for path in (*self.image.folders, *seen)}
        for mount in container["volumeMounts"]:
            claim = volumes[mount["name"]].get("persistentVolumeClaim")
            source = self.claims[claim["claimName"]] if claim else empty
            bound[Path(mount["mountPath"])] = source
        if self.image.root is None:
            lines = [f"mount -t tmpfs tmpfs {root}", f"mkdir -m 1777 {root}{TEMPORARY}"]
        else:
            for name in ("written", "work"):
                (folder / name).mkdir()
            layers = f"lowerdir={self.image.root},upperdir={folder}/written,workdir={folder}/work"
            lines = [f"mount -t overlay overlay -o {layers} {root}"]
        for target, source in bound.items():
            inside = shlex.quote(f"{root}{target}")
            lines += [
                f"mkdir -p {inside}",
                f"mount --rbind {shlex.quote(str(source))} {inside}",
            ]
        lines += [
            f"mkdir -p {root}/proc {root}/dev",
            f"mount -t proc proc {root}/proc",
            f"mount --rbind /dev {root}/dev",
            f"exec /usr/sbin/chroot --userspec={self.image.user}:{self.image.user} {root} "
            f'/bin/sh -c \'cd "$0" && exec "$@"\' "$@"',
        ]
        given = dict(environment_of(container))
        words = [
            re.sub(r"\$\((\w+)\)", lambda name: given.get(name[1], name[0]), word)
            for word in (*container.get("command", []), *container.get("args", []))
        ]
        log = folder / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
                    *("sh", "-ec", "\n".join(lines), "sh", container["workingDir"], *words),
                ],
                env={**self.image.environment, **given, **(environment or {})},
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        self.running.append(Container(process, log))
        return self.running[-1]

    def close(self) -> None:
        """End what still runs."""
        for container in self.running:
            container.end()


def environment_of(container: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a manifest puts into a container's environment; secrets are none here."""
    for entry in container.get("env", []):
        source = entry.get("valueFrom", {})
        if "value" in entry:
            yield entry["name"], entry["value"]
        elif source.get("fieldRef") == {"fieldPath": "metadata.namespace"}:
            yield entry["name"], NAMESPACE
        else:
            assert source["secretKeyRef"]["optional"], entry


def can_contain() -> bool:
    """Whether this machine lets us make what containers are made of."""
    words = ["unshare", "--mount", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    try:
        return subprocess.run(words, check=False, capture_output=True).returncode == 0
    except OSError:
        return False
