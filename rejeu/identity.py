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

PACKAGE = "rejeu"


def code_of(script: Path, root: Path) -> str:
    """Hash the syntax trees of `script` and of all modules of the project that it imports.

    Comments, formatting and docstrings don't count; imports inside functions do.
    """
    digest = hashlib.sha256()
    for path in sorted(closure(script, root)):
        digest.update(f"{path.relative_to(root).as_posix()} {fingerprint(path)}\n".encode())
    return digest.hexdigest()[:16]


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
    names = {name for node in ast.walk(tree(path)) for name in imported(node, path, root)}
    files = {file for name in names for file in files_of(name, root)}
    return tuple(sorted(files))


def imported(node: ast.AST, path: Path, root: Path) -> Iterator[str]:
    """Dotted names that an import statement may load, modules and attributes alike."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = path.relative_to(root).parts[: -node.level]
            base = ".".join((*package, base)).rstrip(".")
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def files_of(name: str, root: Path) -> Iterator[Path]:
    """The module called `name` and the `__init__` files run on the way to it, if in the project."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return
    for depth in range(1, len(parts) + 1):
        place = root.joinpath(*parts[:depth])
        for candidate in (place.with_suffix(".py"), place / "__init__.py"):
            if candidate.is_file():
                yield candidate


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


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
