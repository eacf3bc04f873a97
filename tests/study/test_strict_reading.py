"""Files as people write them: what is read, and with which words the rest is refused."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.study.strict_reading import (
    as_yaml,
    parse_json,
    read_utf8,
    read_yaml,
    shown,
)
from rejeu.study.yaml_reader import yaml_text

ROOT = Path(__file__).parents[2]


def written(folder: Path, content: bytes | str) -> Path:
    path = folder / "étude de cas.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_yaml_comes_back(tmp_path: Path) -> None:
    path = written(tmp_path, "été: [1, 2.5, null, true]\nb: {c: 'd\n\n  e'}\n")
    assert read_yaml(path) == {"été": [1, 2.5, None, True], "b": {"c": "d\ne"}}


def test_merged_keys_may_be_stated_again(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "a: &a {p: 1, q: 1}\nb: &b\n  <<: *a\n  q: 2\nc: {<<: *b, q: 3}\nd: {<<: *b, q: 4}\n",
    )
    assert read_yaml(path) == {
        "a": {"p": 1, "q": 1},
        "b": {"p": 1, "q": 2},
        "c": {"p": 1, "q": 3},
        "d": {"p": 1, "q": 4},
    }


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3: malformed YAML: the key 'a' stands twice in one mapping"),
        ("a: 1\nb: 2\n'a': 3\n", "first in line 1; remove or rename one"),
        ("x:\n  - {r: 1,\n     r: 1}\n", ", line 3: malformed YAML: the key 'r' stands twice"),
        ("a: {<<: {p: 1}, <<: {q: 1}}", "the key '<<' stands twice"),
        (
            "a: [1\nb: 2\n",
            ", line 2: malformed YAML: while parsing a flow sequence of line 1, "
            "expected ',' or ']', but got ':'",
        ),
        ("a:\n\tb: 1\n", ", line 2: malformed YAML: found character '\\t' that cannot start"),
        ("a: 1\n---\nb: 2\n", ", line 2: malformed YAML: expected a single document"),
        ("a: *b\n", ", line 1: malformed YAML: found undefined alias 'b'"),
        ("? [a]\n: 1\n", ", line 1: malformed YAML: a key can't be a sequence"),
        (
            "1: a\n0x1: b\n",
            ", line 2: malformed YAML: while constructing a mapping of line 1, found",
        ),
        ("<<: {p: 1}\nq: 1\nq: 2\n", ", line 3: malformed YAML: the key 'q' stands twice"),
        ("a: {<<: {p: 1, p: 2}}", "the key 'p' stands twice"),
        ("a: !!set {b}", "could not determine a constructor"),
        ('a: 1\nb: "\\U00110000"', ", line 2: malformed YAML: not YAML 1.2: chr() arg"),
        ("%YAML 1.7\n---\na", ", line 2: malformed YAML: not YAML 1.2: version"),
        ("\na: !!python/object:os.system {}\n", ", line 2: malformed YAML: could not determine"),
        ("a: =\n", "could not determine a constructor"),
        ("a: 1\nb: 2026-13-45\n", ", line 2: malformed YAML: '2026-13-45' is no valid timestamp"),
        pytest.param("a: " + "9" * 5000, "999... is no valid int", id="many digits"),
        pytest.param("a: 0x" + "f" * 5000, "fff... is no valid int", id="many hexadecimal digits"),
        ("a: !!bool perhaps", "'perhaps' is no valid bool"),
        ('a: 1\nb: "x\\0"', ", line 2: malformed YAML: 'x\\x00' is no valid str"),
        ('a: "\\ud800"', "'\\ud800' is no valid str"),
        ("a: 1\nb: \x07\n", ", line 2: malformed YAML: character 0x07 is not allowed"),
        pytest.param("[" * 5000, "nested too deeply", id="deep"),
        (b"a: 1\nb: caf\xe9\n", ", line 2, byte 11: not UTF-8 (0xe9)"),
        (b"a: \0\n", ", line 1, byte 3: a NUL byte"),
        ("", ": is empty"),
        (" \n", ": is empty"),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, content: bytes | str, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(RejeuError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(RejeuError, match="No such file or directory; check the path"):
        read_utf8(tmp_path / "absent.yaml")
    with pytest.raises(RejeuError, match="is a folder; expected a file"):
        read_yaml(tmp_path)


def test_json() -> None:
    assert parse_json('{"a": "\\ud83d\\ude00é"}', "a.json") == {"a": "😀é"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": ', "a.json: not JSON: Expecting value: line 1 column 7"),
        ('{"a": "\\ud83d"}', "a.json: '\\ud83d' is half a character"),
        pytest.param("[" * 100_000, "a.json: not readable JSON: nested too deeply", id="deep"),
        pytest.param("9" * 5000, "a.json: not JSON: Exceeds the limit", id="many digits"),
    ],
)
def test_json_that_is_refused(text: str, said: str) -> None:
    with pytest.raises(RejeuError) as caught:
        parse_json(text, "a.json")
    assert str(caught.value).startswith(said)


def test_a_value_is_shown_short() -> None:
    assert shown("a\n") == "'a\\n'"
    assert shown("x" * 10_000_000) == "'" + "x" * 79 + "..."
    assert shown(16**5000) == "a very large int"


def test_numbers_and_truth_values_are_those_of_json(tmp_path: Path) -> None:
    path = written(tmp_path, "a: [2e-5, 1.0e30, -3E4, .5e1, true, no, yes, on, 2.5, 1e, e5]\n")
    found = read_yaml(path)["a"]
    assert found == [2e-5, 1e30, -3e4, 5.0, True, "no", "yes", "on", 2.5, "1e", "e5"]


def test_integers_and_words_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = written(tmp_path, "%YAML 1.1\n---\n[017, 0o17, 0xf, 1_000, 12:30, no, 1e3]\n")
    assert read_yaml(path) == [17, 15, 15, 1000, "12:30", "no", 1000.0]


def test_an_anchor_may_be_used_again(tmp_path: Path) -> None:
    path = written(tmp_path, "a: &x 1\nb: &x 2\nc: *x\n")
    assert read_yaml(path) == {"a": 1, "b": 2, "c": 2}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    time = datetime(2026, 11, 23, 6, 19, 2, tzinfo=UTC)
    value = {
        "z": [{"digest": "12345678e0123456", "time": time}],
        "a": ["no", "é", None, True, 2e-5],
    }
    path = written(tmp_path, yaml_text(value))
    assert read_yaml(path) == value
    assert list(read_yaml(path)) == ["z", "a"]
    text = (ROOT / "report" / "margins.yaml").read_text(encoding="utf-8")
    assert text.endswith(yaml_text(read_yaml(ROOT / "report" / "margins.yaml")))


def test_words_of_a_command_line_become_values() -> None:
    given = {"a": {"b": "0.001", "c": ["1", "x", "null"]}, "day": "2026-01-05", "n": 3}
    found = as_yaml(given)
    assert found == {"a": {"b": 0.001, "c": [1, "x", None]}, "day": date(2026, 1, 5), "n": 3}
    assert as_yaml({"a": "[1", "b": "{x: 1}"}) == {"a": "[1", "b": "{x: 1}"}
