"""Changes of code that someone accepted as having no effect on any number: `accepted.yaml`.

An entry says that a file with the fingerprint `after` computes what it did with the fingerprint
`before`, under which results are recorded. So its code hash stays, and nothing runs again; any
further edit has another fingerprint, which no entry covers. `rejeu accept` writes them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_text
from rejeu.study.strict_reading import read_yaml, shown

FILE = Path("report") / "accepted.yaml"
HEADING = """\
# Changes of code that `rejeu accept` took for having no effect on any number. Part of the study:
# keep this file with the claims. `proved`: only words of messages changed; else a person vouches.
"""
# What is around the computing. Of all other files only what is proved can be accepted.
PLUMBING = ("rejeu/job/", "rejeu/build/", "rejeu/errors.py")


@dataclass(frozen=True)
class Entry:
    """One accepted change of one file."""

    file: str  # as `identity` names it, such as rejeu/job/run.py
    before: str  # fingerprints
    after: str
    proved: bool
    reason: str
    time: str  # ISO 8601
    commit: str | None  # of the engine, when it was accepted; the change may not be in it yet


def computes(file: str) -> bool:
    """Whether numbers may depend on a file, named as `identity` names it: on all but PLUMBING."""
    return not file.startswith(PLUMBING)


def read(root: Path) -> list[Entry]:
    """The study's accepted changes, in the order written.

    Raises:
        RejeuError: an entry is not as `rejeu accept` writes it, or accepts, on somebody's word
            alone, a change of a file that computes.
    """
    path = root / FILE
    raw: Any = (read_yaml(path) or []) if path.is_file() else []
    if not isinstance(raw, list):
        raise RejeuError(f"{path}: expected a list of accepted changes; found {shown(raw)}")
    return [entry_of(each, f"{path}, entry {number}") for number, each in enumerate(raw, 1)]


def entry_of(raw: Any, where: str) -> Entry:
    """One entry of the file's data; `where` names it in messages.

    Raises:
        RejeuError: as `read` does.
    """
    names = [field.name for field in fields(Entry)]
    if not isinstance(raw, dict) or raw.keys() != set(names):
        raise RejeuError(f"{where}: expected the keys {', '.join(names)}; found {shown(raw)}")
    for name, value in raw.items():
        kind = bool if name == "proved" else str
        if not isinstance(value, kind) and not (name == "commit" and value is None):
            raise RejeuError(f"{where}: {name}: {shown(value)}; expected a {kind.__name__}")
    entry = Entry(**raw)
    if computes(entry.file) and not entry.proved:
        raise RejeuError(
            f"{where}: {entry.file} computes numbers, and it isn't proved that this change alters "
            "none; remove the entry and build again"
        )
    return entry


def equal_to(entries: Iterable[Entry]) -> dict[tuple[str, str], str]:
    """By file and fingerprint, the one that counts instead. Of entries that clash the last holds.

    `before` is one under which results are recorded, so it needs no looking up itself.
    """
    equal: dict[tuple[str, str], str] = {}
    for entry in entries:
        equal.pop((entry.file, entry.before), None)
        equal[entry.file, entry.after] = entry.before
    return equal


def add(entries: Iterable[Entry], root: Path) -> None:
    """Append changes to the study's file, which is made where it isn't there.

    Raises:
        RejeuError: what the file holds already is refused by `read`.
    """
    listed = [asdict(entry) for entry in (*read(root), *entries)]
    from rejeu.study.yaml_reader import yaml_text  # noqa: PLC0415  planning does without it

    text = yaml_text(listed, short=False)
    write_text(root / FILE, HEADING + text)


def accepted(root: Path) -> list[dict[str, Any]]:
    """The accepted changes as plain values, for `provenance.json`."""
    return [asdict(entry) for entry in read(root)]
