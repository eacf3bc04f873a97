"""Stands in for the program `apptainer`: what Snakemake calls of it, in namespaces of this machine.

The image is what this machine has installed, without the engine's folder and the study's: these a
container sees only where the call says so, as with the real program. `seen` says in a file which
images were asked for.
"""

import os
import sys
from pathlib import Path

from tests.deployment.node import ROOT, Image, Node, installed

SEEN = "APPTAINER_STAND_IN_SEEN"


def execute(words: list[str]) -> int:
    """`apptainer exec --home FOLDER [--bind FROM[:TO]]... IMAGE PROGRAM ...`."""
    bound = {Path(words[1]): Path(words[1])}
    assert words[0] == "--home", words
    words = words[2:]
    while words[0] == "--bind":
        source, _, target = words[1].partition(":")
        bound[Path(target or source)] = Path(source)
        words = words[2:]
    image, *command = words
    assert Path(image).exists(), f"{image} is no image"
    with Path(os.environ[SEEN]).open("a", encoding="utf-8") as stream:
        stream.write(f"{image}\n")
    here = installed()
    folders = tuple(path for path in here.folders if path != ROOT)
    claims = {str(number): source for number, source in enumerate(bound.values())}
    targets = enumerate(map(str, bound))
    own = Path(os.environ[SEEN]).parent / "containers"
    own.mkdir(exist_ok=True)
    node = Node(Image(folders, here.environment, ROOT), claims, own)
    container = node.run(
        {
            "containers": [
                {
                    "command": command,
                    "workingDir": str(Path.cwd()),
                    "volumeMounts": [{"name": str(n), "mountPath": to} for n, to in targets],
                }
            ],
            "volumes": [
                {"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims
            ],
        },
        os.environ | {"PATH": here.environment["PATH"]},
    )
    code = container.process.wait()
    print(container.said(), end="", file=sys.stderr)
    return code


if __name__ == "__main__":
    if sys.argv[1] == "--version":
        print("apptainer version 1.3.6")
    else:
        assert sys.argv[1] == "exec", sys.argv
        sys.exit(execute(sys.argv[2:]))
