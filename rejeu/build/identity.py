"""Which code computes a result: one hash for a script and every project module it can reach.

Snakemake reruns a job when its script changes, even by a reformat, but not when a module does that
the script imports. Rules therefore carry `params: code=code_of(...)` in place of Snakemake's own
code trigger.

Engine and study may lie in two folders. `packages` says in which folder each importable package
lies, such as {"rejeu": ENGINE, "findings": STUDY / "report"}, by absolute paths. Files are named
from there ("rejeu/errors.py", "scripts/train_lora.py", "findings/grids.py"), so that a hash is the
same wherever the folders lie. `equal` holds the changes that someone accepted
(`accepted.equal_to`): by a file's name and fingerprint, the fingerprint that counts instead.
"""

import ast
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_note, write_note

RECORDS = Path(".cache") / "rejeu" / "code"
Packages = Mapping[str, Path]
Equal = Mapping[tuple[str, str], str]
OWN = "findings"  # the package of a study's own Python
NAMED = 3  # files that a refusal names


def packages_of(study: Path, engine: Path) -> Packages:
    """Where the engine's Python lies, and the own one of the study in the folder `study`."""
    return {"rejeu": engine, OWN: study / "report"}


def code_of(script: Path, packages: Packages, equal: Equal | None = None) -> str:
    """Hash the syntax trees of `script` and of all modules of `packages` that it imports.

    Comments, formatting and docstrings don't count; imports inside functions do. A package whose
    folder holds none, as of a study without Python of its own, is not followed; nor is a module of
    such Python that the engine asks for and the study doesn't bring.

    Raises:
        RejeuError: when a file isn't Python, imports a module that its package doesn't have, or
            one that lies beside a package, where its changes would go unseen.
    """
    return hash_of(fingerprints(script, packages, equal))


def fingerprints(script: Path, packages: Packages, equal: Equal | None = None) -> dict[str, str]:
    """The fingerprint of each file that `code_of` covers, by its name; accepted changes undone."""
    marks = {name: fingerprint(path) for name, path in files_behind(script, packages).items()}
    return {name: (equal or {}).get((name, mark), mark) for name, mark in marks.items()}


def files_behind(script: Path, packages: Packages) -> dict[str, Path]:
    """The files of a script's closure by their names, in the names' order."""
    places = packages.items()
    return dict(sorted((name_of(path, places), path) for path in closure(script, packages)))


def hash_of(files: dict[str, str]) -> str:
    """16 hexadecimal digits of the sha256 of files' names and fingerprints, in their order."""
    lines = "".join(f"{name} {mark}\n" for name, mark in files.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def remember(script: Path, packages: Packages, root: Path, equal: Equal | None = None) -> None:
    """Keep the files behind a script's hash, and their texts, so that changes can be named later.

    Args:
        root: the study's folder, under which `.cache` lies.
    """
    marks = fingerprints(script, packages, equal)
    record = root / RECORDS / f"{hash_of(marks)}.json"
    if not record.exists():
        write_note(record, marks)
    for path in closure(script, packages):
        text = text_place(fingerprint(path), root)
        if not text.exists():
            write_note(text, path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Begun:
    """The code that a build began with, as the job of one script knows it."""

    script: Path
    code: str  # of the script, as `code_of` gave it
    packages: Packages
    equal: Equal
    files: Mapping[str, int]  # of all scripts, and when each was modified, in ns


def note_begun(
    scripts: Iterable[Path], packages: Packages, root: Path, equal: Equal | None = None
) -> None:
    """Tell a build's jobs which code it began with, so that they can refuse any other.

    Args:
        root: the study's folder, in which the jobs run.
    """
    codes = {script.name: code_of(script, packages, equal) for script in scripts}
    files = {path for script in scripts for path in closure(script, packages)}
    note = {
        "codes": codes,
        "packages": {name: str(folder) for name, folder in packages.items()},
        "equal": [[*key, mark] for key, mark in (equal or {}).items()],
        "files": {str(path): parsed(path)[1] for path in sorted(files)},
    }
    write_note(begun_place(root), note)


def begun_place(root: Path) -> Path:
    """Where `note_begun` writes; copies of a study that share `.cache` have one each."""
    return root / RECORDS / f"begun-{hashlib.sha256(str(root).encode()).hexdigest()[:16]}.json"


def begun(script: str, root: Path) -> Begun | None:
    """What a build noted for the jobs of a script; None where there is no such note, or no script.

    So it is where a job sees neither the study's folder nor the engine as the build does.
    """
    note: Any = read_note(begun_place(root))
    if note is None or script not in note["codes"]:
        return None
    packages = {name: Path(folder) for name, folder in note["packages"].items()}
    path = packages["rejeu"] / "scripts" / script
    equal = {(name, mark): before for name, mark, before in note["equal"]}
    known = Begun(path, note["codes"][script], packages, equal, note["files"])
    return known if path.is_file() else None


@contextmanager
def as_begun(script: str, root: Path) -> Iterator[None]:
    """Compute with the code that the build began with: none edited since is imported.

    Rules were hashed when the build began, and a job imports hours later. Each module is looked at
    just before it is imported: an edit after that changes nothing here, and costs no training.

    Raises:
        RejeuError: the script's code was edited; at once, or at a later import.
    """
    known = begun(script, root)
    if known is None:
        yield
        return
    refuse_edited(known, known.files)
    finder = Imports(known)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class Imports(MetaPathFinder):
    """Looks at each module of the packages before Python imports it, and leaves that to others."""

    def __init__(self, known: Begun) -> None:
        self.known = known

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """Find nothing.

        Raises:
            RejeuError: as `refuse_edited` does.
        """
        parts = fullname.split(".")
        if parts[0] in self.known.packages:
            place = self.known.packages[parts[0]].joinpath(*parts)
            refuse_edited(self.known, (f"{place}.py", str(place / "__init__.py")))


def refuse_edited(known: Begun, paths: Iterable[str]) -> None:
    """Refuse these files where one was touched since the build began, and the code isn't the same.

    Hashing takes a quarter of a second, so the files' times are asked first.

    Raises:
        RejeuError: it isn't.
    """
    touched = [path for path in paths if modified(path) != known.files.get(path)]
    if not touched:
        return
    for cached in (parsed, fingerprint, imports):
        cached.cache_clear()
    if code_of(known.script, known.packages, known.equal) != known.code:
        more = f" and {len(touched) - NAMED} more" if len(touched) > NAMED else ""
        raise RejeuError(
            f"{', '.join(touched[:NAMED])}{more}: code was edited since this build began; run the "
            "same command again"
        )


def modified(path: str) -> int | None:
    """When a file was modified, in ns; None where it isn't there."""
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116  of some hundred files, in each job
    except OSError:
        return None


def text_place(mark: str, root: Path) -> Path:
    """Where the text of a file with the fingerprint `mark` is kept in the study's folder `root`."""
    return root / RECORDS / "texts" / f"{mark}.json"


def remembered(code: str, root: Path) -> dict[str, str] | None:
    """The files behind a hash, as `fingerprints` gave them; None where no build recorded it."""
    return read_note(root / RECORDS / f"{code}.json")


def remembered_text(mark: str, root: Path) -> str | None:
    """A file's text by its fingerprint; None where no build recorded it, or it was damaged since.

    Texts that differ in comments alone have one fingerprint; it is the first that was recorded.
    """
    text = read_note(text_place(mark, root))
    try:
        return text if text is not None and fingerprint_of(ast.parse(text)) == mark else None
    except (SyntaxError, ValueError, TypeError):
        return None


def closure(script: Path, packages: Packages) -> set[Path]:
    """`script` and every file of the packages that it imports, directly or not."""
    places = tuple(packages.items())
    reached: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(imports(path, places))
    return reached


def name_of(path: Path, places: Iterable[tuple[str, Path]]) -> str:
    """A file's path from the folder that holds its package; one may lie inside the other."""
    folders = [folder for _, folder in places if path.is_relative_to(folder)]
    return path.relative_to(max(folders, key=lambda folder: len(folder.parts))).as_posix()


@cache
def imports(path: Path, places: tuple[tuple[str, Path], ...]) -> tuple[Path, ...]:
    """The files of the packages that a module's import statements load, in the paths' order.

    Args:
        places: the items of `packages`, as a tuple, since the answer is cached by it.

    Raises:
        RejeuError: as `code_of` does.
    """
    packages = dict(places)
    files: set[Path] = set()
    for node in ast.walk(tree(path)):
        for module, attributes in imported(node, path, packages):
            package = module.split(".")[0]
            at = f"{path}, line {getattr(node, 'lineno', '?')}: imports '{module}'"
            if package not in packages:
                refuse_beside(package, packages, at)
                continue
            root = packages[package]
            if not exists(package, root):
                continue
            if not exists(module, root):
                if package == OWN and not path.is_relative_to(root):
                    continue  # a study brings as much of it as it needs: figures, facts, or both
                raise RejeuError(
                    f"{at}, and there is no such module; expected one that exists. Mend the import "
                    "or restore the file."
                )
            for name in (module, *(f"{module}.{name}" for name in attributes)):
                files.update(files_of(name, root))
    return tuple(sorted(files))


def refuse_beside(module: str, packages: Packages, at: str) -> None:
    """Refuse a module that Python would find beside a package: its changes would go unseen."""
    for package, root in packages.items():
        place = root / module
        if place.with_suffix(".py").is_file() or any(place.rglob("*.py")):
            raise RejeuError(
                f"{at}, which lies in {root}; expected project modules inside "
                f"{' or '.join(packages)} only, since changes elsewhere go unseen. "
                f"Move it into {root / package} and import it from there."
            )


def imported(node: ast.AST, path: Path, packages: Packages) -> Iterator[tuple[str, list[str]]]:
    """Modules that an import statement loads, each with the names that it takes from it.

    A name may be a module too. A star takes all modules of a package, since `__all__` may.
    """
    if isinstance(node, ast.Import):
        yield from ((alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = Path(name_of(path, packages.items())).parts[: -node.level]
            base = ".".join((*package, base)).rstrip(".")
        names = [alias.name for alias in node.names]
        if names == ["*"]:
            parts = base.split(".")
            folder = packages[parts[0]].joinpath(*parts) if parts[0] in packages else None
            names = [file.stem for file in sorted(folder.glob("*.py"))] if folder else []
        yield base, names


def exists(module: str, root: Path) -> bool:
    """Whether the folder `root` holds a module or a package of this dotted name."""
    place = root.joinpath(*module.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def files_of(name: str, root: Path) -> Iterator[Path]:
    """The module called `name` and the `__init__` files run on the way to it."""
    parts = name.split(".")
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for candidate in (place.with_suffix(".py"), place / "__init__.py"):
            if candidate.is_file():
                yield candidate


def tree(path: Path) -> ast.Module:
    """A file's syntax tree.

    Raises:
        RejeuError: as `parsed` does.
    """
    return parsed(path)[0]


@cache
def parsed(path: Path) -> tuple[ast.Module, int]:
    """A file's syntax tree, parsed once in a process; and when it was modified before, in ns.

    Raises:
        RejeuError: the file isn't Python, or not UTF-8.
    """
    before = path.stat().st_mtime_ns  # an edit while it is read shall show
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path)), before
    except (SyntaxError, ValueError) as error:  # ValueError: NUL bytes, or not UTF-8
        raise RejeuError(f"{path}: {error}; expected Python. Nothing was run.") from None


@cache
def fingerprint(path: Path) -> str:
    """`fingerprint_of` a file, computed once in a process.

    Raises:
        RejeuError: the file isn't Python, or not UTF-8.
    """
    return fingerprint_of(tree(path))


def fingerprint_of(module: ast.Module) -> str:
    """The sha256, in 64 hexadecimal digits, of a syntax tree as `canonical` writes it."""
    return hashlib.sha256(canonical(module).encode()).hexdigest()


def canonical(node: object) -> str:
    """Write a syntax tree as text that is the same on every supported Python version.

    Absent and empty fields are left out, since later versions add new ones.
    """
    if isinstance(node, ast.AST):
        fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, [])}
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            fields["body"] = without_docstring(node.body)
        fields.pop("kind", None)  # of a string's u prefix
        inside = ",".join(f"{name}={canonical(value)}" for name, value in fields.items())
        return f"{type(node).__name__}({inside})"
    if isinstance(node, list):
        return f"[{','.join(map(canonical, node))}]"
    return repr(node)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a module, a class or a function, without its docstring."""
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body
