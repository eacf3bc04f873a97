"""What an installed Rejeu has beside its package: the engine whole, so that a study can name it.

A rule's code is hashed from its script and the modules beside it, so the package is there too.
"""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
ENGINE = ("envs", "rules", "scripts", "profiles", "rejeu")
files = [
    *(path for folder in ENGINE for path in ROOT.joinpath(folder).rglob("*") if path.is_file()),
    *(ROOT / name for name in ("Snakefile", "requirements.lock")),
]
folders: dict[str, list[str]] = {}
for path in sorted(files):
    if "__pycache__" not in path.parts:
        inside = path.relative_to(ROOT)
        folders.setdefault(f"share/rejeu/{inside.parent}", []).append(str(inside))

setup(data_files=list(folders.items()))
