"""Finished results kept under their identity: a change that is taken back costs no training.

A job's identity covers its rule, settings, code, packages and the bytes of all that it reads.
Where a job of the same identity has ended well before, its results are put in place and nothing is
computed. Large files are kept as links, so that a project's results take no space twice.
"""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rejeu.build import records
from rejeu.build.packages import TYPESETTING, installed, versions, without_build
from rejeu.build.records import SHARED, Record, recorded, write
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json, replacing, sha256_of, write_json

FOLDER = SHARED / "kept"
PER_JOB = 3  # the present results and the two before
LINKED = 1_000_000  # bytes; a smaller file is copied, so that damage to one leaves the other whole
ANEW = "REJEU_ANEW"  # set where someone forces jobs: these then compute


def identity_of(snakemake: Any) -> str:
    """A hash of all that a job's results depend on, as far as its rule says.

    Raises:
        RejeuError: an input is not as the job before made it.
    """
    used = versions(quantised=is_quantised(snakemake.params))
    facts = {
        "rule": snakemake.rule,
        "outputs": list(map(str, snakemake.output)),
        "inputs": [(str(path), checked(str(path))) for path in snakemake.input],
        "params": dict(snakemake.params.items()),
        "threads": snakemake.threads,
        "packages": {name: without_build(number) for name, number in used.items()},
    }
    if any(str(path).endswith(".pdf") for path in snakemake.output):
        facts["typeset_by"] = {name: installed(name) for name in TYPESETTING}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def is_quantised(params: Any) -> bool:
    """Whether a job computes with a model of fewer bits: what its tier gives says so."""
    tier = params.get("tier")
    return isinstance(tier, dict) and tier.get("quantisation", "none") != "none"


def checked(path: str) -> str:
    """The sha256 of a file that a job reads."""
    sha256, record = sha256_of(path), recorded(path)
    if record is not None and record.sha256 not in (None, sha256):
        write(path, replace(record, modified_ns=0))  # so that the next build looks at it closely
        raise RejeuError(
            f"{path}: its content is not what was written; the same command makes it again"
        )
    return sha256


def of_target(output: str) -> Path:
    """The folder of all that is kept of the jobs which make a first output."""
    return FOLDER / hashlib.sha256(output.encode()).hexdigest()[:16]


def lock(output: str) -> Path:
    """The lock that a job holds which makes a first output, in every copy that shares the cache."""
    return of_target(output) / ".lock"


def entry(outputs: list[str], identity: str) -> Path:
    """The folder that keeps the results of a job: by its first output, then by its identity."""
    return of_target(outputs[0]) / identity[:32]


def still_there(outputs: list[str], identity: str) -> bool:
    """Whether an equal job's outputs are in place, as where Snakemake only updates them.

    They are new to Snakemake then, as if they had been made again.
    """
    if os.environ.get(ANEW) or not records.stands(outputs, identity):
        return False
    for path in outputs:
        os.utime(path)
    records.finish(outputs, (), identity)
    return True


def restore(outputs: list[str], identity: str) -> bool:
    """Put kept results in place; False, with nothing changed, where there are none, or damaged."""
    if os.environ.get(ANEW):
        return False
    folder = entry(outputs, identity)
    kept = dict(whole(folder))
    if any(path not in kept for path in outputs):
        return False
    put_back({path: kept[path] for path in outputs})
    os.utime(folder)
    return True


def made(folder: Path) -> dict[str, str]:
    """The sha256 of each kept file by the path of its result, in their order."""
    try:
        return dict(read_json(folder / "made.json"))
    except (OSError, RejeuError, TypeError, ValueError):
        return {}


def whole(folder: Path) -> Iterator[tuple[str, Path]]:
    """Each kept file that is as it was made: the path of its result, and its own."""
    for number, (path, sha256) in enumerate(made(folder).items()):
        stored = folder / f"{number}{Path(path).suffix}"
        with suppress(OSError):
            if sha256_of(stored) == sha256:
                yield path, stored


def keep(outputs: list[str], identity: str, facts: dict[str, Record]) -> None:
    """Keep a job's results. A disk that is full costs the copy, not the job."""
    folder = entry(outputs, identity)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        for number, path in enumerate(outputs):
            duplicate(Path(path), beside / f"{number}{Path(path).suffix}")
        write_json(beside / "made.json", {path: facts[path].sha256 for path in outputs})
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
    except OSError as error:
        print(f"not kept for later: {error}")
        shutil.rmtree(beside, ignore_errors=True)
    with suppress(OSError):
        entries = sorted(folder.parent.glob("[!.]*"), key=lambda path: -path.stat().st_mtime_ns)
        for old in entries[PER_JOB:]:
            shutil.rmtree(old, ignore_errors=True)


def let_first_stand(outputs: list[str], identity: str, facts: dict[str, Record]) -> bool:
    """Put back what an equal job made first, such as its times, where its results are the same.

    A job runs a second time where one of its kept files is damaged. Returns whether the other
    files were put back.
    """
    folder = entry(outputs, identity)
    kept = dict(whole(folder))
    if not kept or os.environ.get(ANEW):
        return False
    listed = made(folder)
    if any(listed.get(path) != facts[path].sha256 for path in outputs if path not in kept):
        return False
    put_back(kept)
    return True


def put_back(kept: Mapping[str, Path]) -> None:
    """Put kept files in the place of their results.

    A file that another copy of the project has as its result is copied: of a link, Snakemake would
    set the time in both.
    """
    for path, stored in kept.items():
        in_use = stored.stat().st_nlink > 1
        with replacing(path) as temporary:
            (shutil.copyfile if in_use else duplicate)(stored, temporary)


def duplicate(source: Path, target: Path) -> None:
    """Copy a file, or link a large one where the file system can."""
    if source.stat().st_size >= LINKED:
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
        else:
            return
    shutil.copyfile(source, target)
