"""Write files whole or not at all."""

import errno
import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rejeu.errors import RejeuError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is synced and takes `path`'s place.

    After an error `path` is as it was and the temporary file is gone; what a killed job left of it,
    the next one removes first. A folder that stands in its place is renamed to `path`.damaged.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays, since many writers choose their format by it.
    temporary = target.with_name(f".{target.stem}.new{target.suffix}")
    temporary.unlink(missing_ok=True)  # it may be a link to a kept file
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        if target.is_dir():
            aside = target.with_name(f"{target.name}.damaged")
            shutil.rmtree(aside, ignore_errors=True)
            target.rename(aside)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def scratch(beside: Path) -> Iterator[Path]:
    """Yield an empty folder beside `beside`, removed afterwards, or before by the next job."""
    folder = beside.with_name(f".{beside.name}.new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def exclusive(lock: Path, label: str, terminal: TextIO) -> Iterator[None]:
    """Hold a lock file; another process that holds it is named, and waited for.

    Raises:
        RejeuError: as `locked` does.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as stream:
        if not locked(stream.fileno(), lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            stream.seek(0)
            print(f"  {label}: waiting for process {stream.read().strip()}", file=terminal)
            locked(stream.fileno(), lock, fcntl.LOCK_EX)
        stream.truncate(0)
        stream.write(f"{os.getpid()} on {platform.node()}")
        stream.flush()
        yield


def locked(descriptor: int, path: Path, how: int) -> bool:
    """Lock an open file as `flock` does; False where another process holds it.

    Args:
        path: the file's, for the message.

    Raises:
        RejeuError: its file system has no locks.
    """
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
            raise
        raise RejeuError(
            f"{path}: {error.strerror}: its file system locks no files, by which builds and jobs "
            "stay out of each other's way; move the folder to one that does, or mount it so"
        ) from None
    return True


@contextmanager
def state_folder(
    folder: Path, identity: str, label: str, terminal: TextIO
) -> Iterator[tuple[Path, int]]:
    """Lock a run's `folder`; give its place for `identity`, and how many others lie beside that.

    All of it is removed unless an error passes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # Beside the folder, so that it can be removed while others wait for the lock.
    with exclusive(folder.with_suffix(".lock"), label, terminal):
        place = folder / identity[:16]
        place.mkdir(parents=True, exist_ok=True)
        yield place, sum(other != place for other in folder.iterdir())
        shutil.rmtree(folder)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` in UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, data: Any) -> None:
    """Write `data` as JSON; NaN and infinities are refused, since JSON has none."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_note(path: str | Path, data: Any) -> None:
    """Write JSON that several processes may write at once, and that is missed by nobody if lost."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_text(json.dumps(data), encoding="utf-8")
    beside.replace(target)


def read_json(path: str | Path) -> Any:
    """The value in a JSON file that a job wrote.

    Raises:
        RejeuError: the file is damaged.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise RejeuError(
            f"{path}: is damaged, no JSON ({error}); delete it and run the same command again"
        ) from None


def read_note(path: str | Path) -> Any:
    """The value in a JSON file; None where there is no file, or one that is damaged."""
    try:
        return read_json(path)
    except (OSError, RejeuError):
        return None


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file's content, in 64 hexadecimal digits."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
