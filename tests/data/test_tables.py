from pathlib import Path

import pandas as pd
import pytest

from rejeu.data.tables import read_table, require_columns
from rejeu.errors import RejeuError

FRAME = pd.DataFrame({"text": ["a", "b\n“c”"], "label": [1, 0]})


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".jsonl"])
def test_each_format_gives_the_same_table(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"table{suffix}"
    if suffix == ".csv":
        FRAME.to_csv(path, index=False)
    elif suffix == ".parquet":
        FRAME.to_parquet(path, index=False)
    else:
        FRAME.to_json(path, orient="records", lines=True)
    pd.testing.assert_frame_equal(read_table([path]), FRAME)
    assert read_table([path, path]).index.tolist() == [0, 1, 2, 3]


def test_words_that_look_missing_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text,label\nNA,0\nnull,1\n")
    assert read_table([path])["text"].tolist() == ["NA", "null"]


def test_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"\xef\xbb\xbftext,label\r\na,1\r\n")
    assert list(read_table([path]).columns) == ["text", "label"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b" \n", "is empty"),
        ("t.csv", b"text,label\n", "has no rows"),
        ("t.csv", b"text,label\na,1\nb\n", r"Row #3: Expected 2 columns, got 1"),
        ("t.csv", b"text,label\na,1\nb,1,2\n", r"Row #3: Expected 2 columns, got 3"),
        ("t.csv", b"text,text\na,1\n", "'text' occurs twice"),
        ("t.csv", b"text,label\ncaf\xe9,1\n", r"line 2, byte 14: not UTF-8 \(0xe9\)"),
        ("t.csv", b"text,label\na,1\nb\0,1\n", "line 3, byte 16: a NUL byte"),
        ("t.jsonl", b'{"a": 1}\n\n{"a":\n', "line 3: not JSON"),
        ("t.jsonl", b'{"a": 1}\n[1]\n', "line 2: expected an object"),
        ("t.csv", b"\xef\xbb\xbf", "Empty CSV file"),
        ("t.jsonl", b'{"a": "\\ud800"}', r"line 1: '\\ud800' is half a character"),
        ("t.jsonl", b'{"a": 1}\n{"a":' + b"[" * 100_000, "line 2: not readable JSON: nested"),
        ("t.jsonl", b'{"a": ' + b"9" * 5000 + b"}", "line 1: not JSON: Exceeds the limit"),
        ("t.jsonl", b"{}\n{}\n", "has no rows"),
        ("t.parquet", b"PAR1", "not a readable Parquet file"),
        ("t.txt", b"a", r"can't read a '\.txt' file"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_bad_file(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RejeuError, match=message) as error:
        read_table([tmp_path / name])
    assert str(error.value).startswith(str(tmp_path / name))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(RejeuError, match="No such file"):
        read_table([tmp_path / "absent.csv"])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(RejeuError, match="is a folder"):
        read_table([tmp_path / "folder.csv"])


def test_files_of_one_table_need_the_same_columns(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "a.csv", index=False)
    FRAME.rename(columns={"label": "class"}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(RejeuError, match=r"b\.csv: has the columns \['text', 'class'\]"):
        read_table([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_required_column_names_a_near_match() -> None:
    require_columns(FRAME, ["text", "label"], "reviews")
    with pytest.raises(RejeuError, match=r"reviews: no column 'lable'.*Did you mean 'label'"):
        require_columns(FRAME, ["text", "lable"], "reviews")
