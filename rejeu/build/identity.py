"""Which code computes a result: one hash for a script and every project module it can reach.

Snakemake reruns a job when its script changes, even by a reformat, but not when a module does that
the script imports. Rules therefore carry `params: code=code_of(...)` in place of Snakemake's own
code trigger.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json, write_note

PACKAGE = "rejeu"
RECORDS = Path(".cache") / "rejeu" / "code"


def code_of(script: Path, root: Path) -> str:
    """Hash the syntax trees of `script` and of all modules of the project that it imports.

    Comments, formatting and docstrings don't count; imports inside functions do.

    Raises:
        RejeuError: when a file isn't Python, or imports a module that the project doesn't have.
    """
    return hash_of(fingerprints(script, root))


def fingerprints(script: Path, root: Path) -> dict[str, str]:
    """The hash of each file that `code_of` covers, by its path in the project."""
    return {
        path.relative_to(root).as_posix(): fingerprint(path)
        for path in sorted(closure(script, root))
    }


def hash_of(files: dict[str, str]) -> str:
    lines = "".join(f"{name} {mark}\n" for name, mark in files.items())
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def remember(files: dict[str, str], root: Path) -> None:
    """Keep the files behind a hash, so that `make why` can name those that differ from it later."""
    record = root / RECORDS / f"{hash_of(files)}.json"
    if not record.exists():
        write_note(record, files)


def remembered(code: str, root: Path) -> dict[str, str] | None:
    """The files behind a hash, as `fingerprints` gave them; None where no build recorded it."""
    record = root / RECORDS / f"{code}.json"
    try:
        return read_json(record) if record.is_file() else None
    except RejeuError:
        return None


def closure(script: Path, root: Path) -> set[Path]:
    """`script` and every file of the project that it imports, directly or not."""
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(imports(path, root))
    return found


@cache
def imports(path: Path, root: Path) -> tuple[Path, ...]:
    files: set[Path] = set()
    for node in ast.walk(tree(path)):
        for module, attributes in imported(node, path, root):
            if module.split(".")[0] != PACKAGE:
                continue
            if not exists(module, root):
                raise RejeuError(
                    f"{path}, line {getattr(node, 'lineno', '?')}: imports '{module}', and there "
                    "is no such module; expected one that exists. Mend the import or restore the "
                    "file."
                )
            files.update(files_of(module, root))
            for name in attributes:
                files.update(files_of(f"{module}.{name}", root))
    return tuple(sorted(files))


def imported(node: ast.AST, path: Path, root: Path) -> Iterator[tuple[str, list[str]]]:
    """Modules that an import statement loads, each with the names that it takes from it.

    A name may be a module too. A star takes all modules of a package, since `__all__` may.
    """
    if isinstance(node, ast.Import):
        yield from ((alias.name, []) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = path.relative_to(root).parts[: -node.level]
            base = ".".join((*package, base)).rstrip(".")
        names = [alias.name for alias in node.names]
        if names == ["*"]:
            names = [file.stem for file in sorted(root.joinpath(*base.split(".")).glob("*.py"))]
        yield base, names


def exists(module: str, root: Path) -> bool:
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


@cache
def tree(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (SyntaxError, ValueError) as error:  # ValueError: NUL bytes, or not UTF-8
        raise RejeuError(f"{path}: {error}; expected Python. Nothing was run.") from None


@cache
def fingerprint(path: Path) -> str:
    return hashlib.sha256(canonical(tree(path)).encode()).hexdigest()


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
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body
