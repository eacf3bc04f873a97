"""What jobs made: of each file its size, its sha256 and when it was written.

Every job leaves a record beside the results: begun, then finished with these facts. A later build
compares: a file whose content is not as recorded is damaged and is made again; one that was only
copied or touched gets its time back, so that nothing is made again for that.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rejeu.job.whole_files import read_note, sha256_of, write_note

# Inputs and models lie in .cache, which projects may share, and so do their records.
SHARED = Path(".cache") / "rejeu"
RESULTS = Path("results")
FOLDER = ".made"


@dataclass(frozen=True)
class Record:
    """One file's facts; `sha256` is None from a job's beginning until it has ended well."""

    output: str  # the declared output whose job makes the file
    bytes: int = 0
    sha256: str | None = None
    modified_ns: int | None = None  # None until Snakemake, which sets it too, is done with the file
    identity: str | None = None  # of the job that made it


@dataclass(frozen=True)
class Damage:
    """A file that is not as its job made it."""

    path: str
    output: str
    reason: str


def place(path: str | Path) -> Path:
    """Where the record of the file `path`, relative to the project, lies."""
    path = Path(path)
    root = SHARED if path.is_relative_to(SHARED) else RESULTS
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    return root / FOLDER / inside.with_name(f"{inside.name}.json")


def recorded(path: str | Path) -> Record | None:
    """What is known of a file; None where nothing is, or its record can't be read."""
    try:
        return Record(**read_note(place(path)))
    except TypeError:
        return None


def write(path: str | Path, record: Record) -> None:
    """Write the record of the file `path`, relative to the project, in place of the one before."""
    write_note(place(path), asdict(record))


def begin(outputs: list[str]) -> None:
    """Mark a job's outputs as begun: until `finish`, none of them is to be trusted."""
    for path in outputs:
        write(path, Record(output=outputs[0]))


def finish(
    outputs: list[str], further: Iterable[str | Path] = (), identity: str | None = None
) -> dict[str, Record]:
    """Record a job's files; `further` are those that it made and that no rule declares."""
    facts = {}
    for path in (*outputs, *map(str, further)):
        size = Path(path).stat().st_size
        facts[path] = Record(outputs[0], size, sha256_of(path), identity=identity)
        write(path, facts[path])
    return facts


def stands(outputs: list[str], identity: str) -> bool:
    """Whether a job's files, which Snakemake left in place, are what an equal job made of them."""
    known = [(Path(path), recorded(path)) for path in outputs]
    return all(
        record is not None
        and record.identity == identity
        and path.is_file()
        and sha256_of(path) == record.sha256
        for path, record in known
    )


def every(tiers: Iterable[str]) -> Iterator[tuple[Path, Record]]:
    """Each recorded file of these tiers and of the shared inputs and models, with its record."""
    folders = [(SHARED, SHARED / FOLDER), *((RESULTS, RESULTS / FOLDER / name) for name in tiers)]
    for root, folder in folders:
        for found in sorted(folder.rglob("[!.]*.json")):
            path = root / found.relative_to(root / FOLDER).with_suffix("")
            if (record := recorded(path)) is not None:
                yield path, record
    if (record := recorded("report.pdf")) is not None:
        yield Path("report.pdf"), record


def settle(tiers: Iterable[str]) -> None:
    """Note the times that Snakemake gave to the files of the jobs which have just ended."""
    for path, record in every(tiers):
        if record.sha256 and record.modified_ns is None and path.is_file():
            facts = path.stat()
            if facts.st_size == record.bytes:
                write(path, replace(record, modified_ns=facts.st_mtime_ns))


def compare(tiers: Iterable[str]) -> tuple[list[Damage], list[str]]:
    """Compare files with their records, giving those that were copied or touched their time back.

    Returns:
        What is damaged, and the outputs of jobs that began and didn't end well. Files that are
        missing are Snakemake's business, but for those that no rule declares.
    """
    damaged: list[Damage] = []
    begun: list[str] = []
    for path, record in every(tiers):
        if record.sha256 is None:
            if path.exists():
                begun.append(str(path))
        elif not path.exists():
            if str(path) != record.output and Path(record.output).exists():
                damaged.append(Damage(str(path), record.output, "is missing"))
        elif reason := difference(path, record):
            damaged.append(Damage(str(path), record.output, reason))
    return damaged, begun


def difference(path: Path, record: Record) -> str | None:
    """How a file differs from its record; None where only its time does, which is mended."""
    if not path.is_file():
        return "is no file any more"
    facts = path.stat()
    if facts.st_size != record.bytes:
        return f"has {facts.st_size:,} bytes, {record.bytes:,} were written"
    if facts.st_mtime_ns == record.modified_ns:
        return None
    try:
        if sha256_of(path) != record.sha256:
            return "has another content than was written"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    if record.modified_ns is None:
        write(path, replace(record, modified_ns=facts.st_mtime_ns))
    else:
        os.utime(path, ns=(facts.st_atime_ns, record.modified_ns))
    return None
