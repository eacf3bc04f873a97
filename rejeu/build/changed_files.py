"""Which files of code differ from those that made the recorded results, and how."""

import ast
import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rejeu.build import accepted
from rejeu.build.identity import (
    Packages,
    files_behind,
    fingerprint,
    remembered,
    remembered_text,
    without_docstring,
)
from rejeu.build.messages import differ_in_messages_only


@dataclass(frozen=True)
class Change:
    """A file that isn't as it was when most of the results were made that depend on it.

    `before` is how it was then, or how it was when some results were made from which it is proved
    to differ in words only.
    """

    file: str
    before: str  # fingerprints
    after: str
    old: str | None  # its text then; None where no build recorded it
    new: str
    results: int  # made with it as it was then
    newer: int  # made with it as it is now, which accepting the change would make again

    @property
    def proved(self) -> bool:
        """Whether it is proved that only words of messages changed; not without the old text."""
        return self.old is not None and differ_in_messages_only(self.old, self.new)

    def diff(self) -> str:
        """What the computer runs otherwise: no comments, formatting or docstrings."""
        if self.old is None:
            return f"{self.file}: its text as it was is not on record"
        old, new = (statements(text) for text in (self.old, self.new))
        lines = difflib.unified_diff(
            old, new, f"{self.file}, then", f"{self.file}, now", "", "", 2, ""
        )
        return "\n".join(lines)


def statements(text: str) -> list[str]:
    """The lines of a file's text as Python itself writes them, without comments and docstrings.

    Raises:
        SyntaxError: the text isn't Python.
    """
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = without_docstring(node.body) or [ast.Pass()]
    return ast.unparse(tree).splitlines()


def changed_files(packages: Packages, made: Mapping[str, int], root: Path) -> dict[str, Change]:
    """The files that differ from those behind the results, by name.

    Args:
        packages: as `identity` takes them.
        made: how many results each recorded code hash made.
        root: the study's folder.
    """
    behind: dict[str, Counter[str]] = {}
    for code, results in made.items():
        for file, mark in (remembered(code, root) or {}).items():
            behind.setdefault(file, Counter())[mark] += results
    present: dict[str, Path] = {}
    for script in sorted((packages["rejeu"] / "scripts").glob("*.py")):
        present |= files_behind(script, packages)
    equal = accepted.equal_to(accepted.read(root))
    found = {}
    for file, path in sorted(present.items()):
        now, new = fingerprint(path), path.read_text(encoding="utf-8")
        counts = behind.get(file, Counter())
        then = [mark for mark, _ in counts.most_common()]
        if not then or then[0] == equal.get((file, now), now):
            continue
        known = []
        for before in then:
            same = [mark for (name, mark), it in equal.items() if (name, it) == (file, before)]
            texts = [remembered_text(mark, root) for mark in (before, *same)]
            old = next((text for text in texts if text is not None), None)
            known.append(Change(file, before, now, old, new, counts[before], counts[now]))
        found[file] = next((each for each in known if each.before != now and each.proved), known[0])
    return found
