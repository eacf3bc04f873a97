"""The conda environments of rules, `envs/*.yaml`, made from requirements.lock.

What is in an environment follows from the scripts of the rules that name it: what they import,
directly or through project modules, and what that needs. `python -m rejeu.build.conda_environments`
writes the `pip:` sections anew, in the environment that requirements.lock makes.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from rejeu.build.engine import engine
from rejeu.build.identity import closure, packages_of

# What is needed without being imported by name: pandas reads and writes Parquet with it.
UNSEEN = {"pandas": ("pyarrow",)}
# The modules whose distribution their first name doesn't tell, and those that no environment needs:
# the project's own, and what is imported where ruamel.yaml isn't there, beside Snakemake alone.
NAMED = {"google": ("protobuf",), "rejeu": (), "findings": (), "yaml": ()}
PIP = "  - pip:\n"
# Whatever Python this runs on: what the environments' own needs, on Linux and on macOS.
SYSTEMS = [
    {"python_version": "3.11", "python_full_version": "3.11.0", "platform_system": name}
    | {"sys_platform": name.lower()}
    for name in ("Linux", "Darwin")
]


def scripts(root: Path) -> dict[str, set[str]]:
    """The names of the scripts that run in each environment, as the rules of `root` say."""
    found: dict[str, set[str]] = {}
    named = re.compile(r'"\.\./(?:envs/(\w+)\.yaml|scripts/(\w+)\.py)"')
    for file in sorted(root.glob("rules/*.smk")):
        environment = ""
        for here, script in named.findall(file.read_text(encoding="utf-8")):
            environment = here or environment
            if script:
                found.setdefault(environment, set()).add(script)
    return found


def imported(script: Path, root: Path) -> set[str]:
    """The distributions that a script imports, by canonical name, itself or in project modules."""
    known = {**packages_distributions(), **NAMED}
    modules = {
        module.partition(".")[0]
        for path in closure(script, packages_of(root, root))
        for module in modules_of(ast.parse(path.read_text(encoding="utf-8")))
    }
    return {
        canonicalize_name(distribution)
        for module in modules - sys.stdlib_module_names
        for named in known.get(module, ())
        for distribution in (named, *UNSEEN.get(named, ()))
    }


def modules_of(tree: ast.Module) -> Iterator[str]:
    """The names of the modules that a file's import statements load."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def with_needs(names: Iterable[str]) -> set[str]:
    """Distributions, and all that they need, by canonical name."""
    reached: set[tuple[str, frozenset[str]]] = set()
    waiting: list[tuple[str, frozenset[str]]] = [(name, frozenset()) for name in names]
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in reached:
            continue
        reached.add((name, extras))
        for wanted in map(Requirement, requires(name) or ()):
            if wanted.marker is None or any(
                wanted.marker.evaluate(system | {"extra": extra})
                for system in SYSTEMS
                for extra in extras | {""}
            ):
                waiting.append((canonicalize_name(wanted.name), frozenset(wanted.extras)))
    return {name for name, _ in reached}


def locked(lock: str) -> dict[str, list[str]]:
    """The lines of each distribution of a lock file, by canonical name: the pin, then hashes."""
    blocks = re.findall(r"^([\w.\-]+==\S+)((?: \\\n +--hash=\S+)*)", lock, re.MULTILINE)
    return {
        canonicalize_name(pin.partition("==")[0]): [pin, *hashes.replace("\\", "").split()]
        for pin, hashes in blocks
    }


def pip_section(direct: set[str], lock: dict[str, list[str]]) -> str:
    """The `pip:` section of an environment whose scripts import the distributions `direct`."""
    needed = {name for name in with_needs(direct) - direct if name in lock}
    # With a hash anywhere pip wants one of everything, and the lock has none of torch.
    hashed = all(len(lock[name]) > 1 for name in direct | needed)
    lines = [PIP, "      # What scripts import:\n", *pins(direct, lock, hashed=hashed)]
    return "".join([*lines, "      # What that needs:\n", *pins(needed, lock, hashed=hashed)])


def pins(names: Iterable[str], lock: dict[str, list[str]], *, hashed: bool) -> Iterator[str]:
    """The lines of an environment file that pin distributions."""
    for name in sorted(names):
        pin, *hashes = lock[name]
        yield f"      - {pin}\n"
        yield from (f"        {line}\n" for line in hashes if hashed)


def made(root: Path) -> dict[Path, str]:
    """What each environment file of the repository in `root` says by the lock and the scripts."""
    lock = locked((root / "requirements.lock").read_text(encoding="utf-8"))
    texts = {}
    for name, here in scripts(root).items():
        path = root / "envs" / f"{name}.yaml"
        direct = set().union(*(imported(root / "scripts" / f"{each}.py", root) for each in here))
        before = path.read_text(encoding="utf-8").partition(PIP)[0]
        texts[path] = before + pip_section(direct, lock)
    return texts


if __name__ == "__main__":
    for place, text in made(engine()).items():
        place.write_text(text, encoding="utf-8")
