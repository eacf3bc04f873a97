"""What changed since a job last ran, in words: which files of its code, which of its settings."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rejeu.build.identity import remembered

SHOWN = 3  # of a list of files or settings; the rest is counted


def listed(what: Iterable[str]) -> str:
    """The first few, and how many more."""
    names = sorted(what)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def code_change(old: dict[str, str] | None, new: dict[str, str]) -> str:
    """Which files differ between two records of `identity.fingerprints`."""
    if old is None:
        return "code changed (in which file, no build on record says)"
    files = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    files += [f"{name} (new)" for name in new.keys() - old.keys()]
    files += [f"{name} (no longer used)" for name in old.keys() - new.keys()]
    return f"code changed: {listed(files)}"


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Plain values of a setting by their path, in which members of a list go by their id if any."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple) and any(isinstance(item, dict) for item in value):
        for place, item in enumerate(value):
            name = item.get("id", place) if isinstance(item, dict) else place
            yield from leaves(item, f"{path}[{name}]")
    else:
        yield path, value


def setting_changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Each plain value that differs, as `path: old -> new`."""
    changed = [path for path in before | now if shown(before, path) != shown(now, path)]
    return [f"{path}: {shown(before, path)} -> {shown(now, path)}" for path in changed]


def shown(values: dict[str, Any], path: str) -> str:
    """The value that a setting has at a path, cut by `brief`, or `absent`."""
    return brief(values[path]) if path in values else "absent"


def brief(value: Any) -> str:
    """A value as Python writes it, in 40 characters at most."""
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def params_change(
    recorded: list[str], params: dict[str, Any], code: dict[str, str], root: Path
) -> list[str]:
    """The reasons that lie in a job's `params`; `code` is what `fingerprints` gives for its script.

    Snakemake records values, as text, without their names: so each changed one is compared with
    the recorded one that it has most in common with.
    """
    known = {repr(value) for value in params.values()}
    gone = [plain(text) for text in recorded if text not in known]
    reasons, settings = [], []
    for name, value in params.items():
        if repr(value) in recorded:
            continue
        old = [max(fit, key=lambda old: alike(old, value))] if (fit := fitting(gone, value)) else []
        gone = [other for other in gone if other not in old]
        if name == "code":
            reasons.append(code_change(remembered(old[0], root) if old else None, code))
        else:
            before = dict(leaves(old[0], name)) if old else {}
            settings += setting_changes(before, dict(leaves(value, name)))
    settings += [f"{brief(old)} no longer used" for old in gone]
    return reasons + ([f"setting changed: {listed(settings)}"] if settings else [])


def fitting(values: list[Any], new: Any) -> list[Any]:
    """The values that may have been `new` before: a hash of code, a plain value, a list, a dict."""
    return [old for old in values if kind(old) == kind(new)]


def kind(value: Any) -> str:
    """`code` for a hash of code, the name of its type for a list, tuple or dict, else `plain`."""
    if is_code(value):
        return "code"
    return type(value).__name__ if isinstance(value, dict | list | tuple) else "plain"


def alike(old: Any, new: Any) -> tuple[int, bool]:
    """How many plain values two settings share, then whether they are of one type."""
    shared = set(map(repr, leaves(old, ""))) & set(map(repr, leaves(new, "")))
    return len(shared), type(old) is type(new)


def is_code(value: Any) -> bool:
    """Whether a value looks like a hash of `identity.code_of`: 16 hexadecimal digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{16}", value) is not None


def plain(text: str) -> Any:
    """The value that `repr` wrote, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
