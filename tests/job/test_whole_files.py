import errno
import fcntl
import hashlib
import math
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rejeu.build.build_lock import BuildLock
from rejeu.errors import RejeuError
from rejeu.job.whole_files import (
    exclusive,
    read_json,
    replacing,
    scratch,
    sha256_of,
    write_json,
    write_text,
)


def test_a_new_file_arrives_in_a_new_folder(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.txt"
    write_text(target, "été\n")
    assert target.read_bytes() == "été\n".encode()
    assert list(target.parent.iterdir()) == [target]


def test_the_temporary_file_is_a_neighbour_with_the_same_suffix(tmp_path: Path) -> None:
    target = tmp_path / "figure.fr.svg"
    with replacing(target) as temporary:
        assert temporary != target
        assert (temporary.parent, temporary.suffix) == (target.parent, ".svg")
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, "old"])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException], before: str | None
) -> None:
    target = tmp_path / "result.json"
    if before is not None:
        target.write_text(before)

    def write_half() -> None:
        with replacing(target) as temporary:
            temporary.write_text("half of")
            raise error

    with pytest.raises(error):
        write_half()
    assert [path.read_text() for path in tmp_path.iterdir()] == ([] if before is None else [before])


def test_a_writer_that_wrote_nothing_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(FileNotFoundError), replacing(target):
        pass
    assert target.read_text() == "old"


def test_what_a_killed_job_left_is_gone_after_the_next(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with scratch(target) as folder, replacing(tmp_path / "a.json") as temporary:
        left = [folder.name, temporary.name]
        temporary.write_text("{}")
    (tmp_path / left[0]).mkdir()
    (tmp_path / left[0] / "half").write_text("half of")
    (tmp_path / left[1]).write_text("half of something longer")
    write_json(tmp_path / "a.json", [])
    with scratch(target) as folder:
        assert list(folder.iterdir()) == []
    assert (tmp_path / "a.json").read_text() == "[]\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [1.0, -math.inf]}])
def test_json_has_no_nan(tmp_path: Path, value: Any) -> None:
    target = tmp_path / "result.json"
    target.write_text("{}")
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(target, value)
    assert target.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [target]


def test_json_comes_back(tmp_path: Path) -> None:
    data = {"été": [1, 2.5, None, True], "b": {"c": "d"}}
    write_json(tmp_path / "a.json", data)
    assert read_json(tmp_path / "a.json") == data
    assert "été" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_what_a_killed_job_linked_is_not_written_into(tmp_path: Path) -> None:
    kept, target = tmp_path / "kept.bin", tmp_path / "weights.bin"
    kept.write_text("kept")
    with replacing(target) as temporary:
        temporary.touch()
    os.link(kept, temporary)
    write_text(target, "new")
    assert (kept.read_text(), target.read_text()) == ("kept", "new")


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK])
def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(RejeuError, match=r"a\.lock: .*: its file system locks no files"):
        exclusive(tmp_path / "a.lock", "r8", sys.stderr).__enter__()
    with pytest.raises(RejeuError, match=r"rejeu\.lock: .*: its file system locks no files"):
        BuildLock(tmp_path).hold()
