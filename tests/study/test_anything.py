"""Whatever a file holds, it is read or refused with a message: no other error ever."""

import copy
import csv
import io
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rejeu.data import labelled_texts, message_pairs
from rejeu.data.tables import read_table
from rejeu.errors import RejeuError
from rejeu.study import comparisons
from rejeu.study import configuration as config
from rejeu.study.strict_reading import read_yaml
from tests.study.sample import CLAIMS, CONFIG, PROGRAM, ROOT, load_claims, small, study_of

CONFIG_TEXT = (ROOT / "config.yaml").read_text(encoding="utf-8")
CLAIMS_TEXT = (ROOT / "report" / "claims.yaml").read_text(encoding="utf-8")
SMALL = small(fit=PROGRAM | {"writes": ["log.jsonl"]})
COMPARISONS = {
    "comparisons": {"chain": {"part": "sentiment", "experiments": ["baseline"]}},
    "figures": {"links": {"compares": ["chain"], "files": ["predictions.parquet"]}},
}
STUDY = study_of()

quick = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,  # a red build must be red again
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each writes its file anew
)

# Halves of characters too, which JSON can escape.
texts = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["", " ", "\0", "NaN", "neg", "0", "1", "a b", '"', "a,b", "\r\n", "<b>", "2020-01-01", "1e999"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, -1, 10**30, 10**400])
    | st.floats()
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
columns = st.lists(
    st.sampled_from(["text", "label", "input", "output", "conversation", "source"]) | texts,
    max_size=5,
)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    """Tables with whatever in the cells, some well quoted, some with cells too many or too few."""
    names = draw(columns)
    rows = draw(
        st.lists(
            st.lists(texts, min_size=len(names), max_size=len(names)) | st.lists(texts, max_size=4),
            max_size=8,
        )
    )
    stream = io.StringIO()
    if draw(st.booleans()):
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([names, *rows])
    else:
        stream.write("\n".join(",".join(row) for row in [names, *rows]))
    return stream.getvalue().encode(draw(encodings), "replace")


@st.composite
def good_tables(draw: st.DrawFn) -> bytes:
    """CSV of reviews whose texts are free: most can be read."""
    rows = draw(st.lists(st.tuples(texts, st.sampled_from("01")), min_size=4, max_size=12))
    stream = io.StringIO()
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([("text", "label"), *rows])
    return stream.getvalue().encode("utf-8", "replace")


@st.composite
def jsonl_files(draw: st.DrawFn) -> bytes:
    names = draw(columns)
    row = st.fixed_dictionaries({}, optional=dict.fromkeys(names, values)) | values
    return "\n".join(json.dumps(line) for line in draw(st.lists(row, max_size=6))).encode()


def read_rows(path: Path) -> None:
    """All that is done to a table of one's own before its texts are tokenised."""
    table = read_table([path])
    for where in ({}, {"source": "x"}):
        for words in (None, (1, 3)):
            pairs = partial(message_pairs.pairs_from_table, table, words)
            refused_at_most(lambda: message_pairs.split(pairs(), 2, 1, 42))  # noqa: B023
        refused_at_most(lambda: split_reviews(table, where))  # noqa: B023


def split_reviews(table: Any, where: dict[str, Any]) -> None:
    rows, _ = labelled_texts.prepare(
        labelled_texts.select(table, "text", "label", where), "assignment"
    )
    labelled_texts.split(rows, 0.2, 42, None, None)


def refused_at_most(act: Any) -> None:
    try:
        act()
    except RejeuError as error:
        message = str(error)
    else:
        return
    message.encode()  # what can't be printed is no message
    assert 10 < len(message) < 5000, message


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@given(content=st.binary(max_size=100))
@quick
def test_bytes_as_a_table(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    refused_at_most(lambda: read_rows(path))


@given(content=csv_files() | good_tables())
@quick
def test_csv(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    refused_at_most(lambda: read_rows(path))


@given(content=jsonl_files())
@quick
def test_json_lines(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    refused_at_most(lambda: read_rows(path))


messages = st.fixed_dictionaries({"text": texts | values, "sender": texts | values}) | values


@given(
    data=values
    | st.dictionaries(
        texts,
        st.fixed_dictionaries({"messages": st.lists(st.lists(messages, max_size=3), max_size=3)}),
        max_size=3,
    )
)
@quick
def test_conversations(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data))
    refused_at_most(lambda: message_pairs.split(message_pairs.pairs(path, None), 1, 1, 42))


def read_settings(path: Path) -> None:
    """Take the file for a configuration, for claims and for comparisons."""
    load_all(read_yaml(path))


def load_all(raw: Any) -> None:
    refused_at_most(lambda: config.load(raw, "config.yaml"))
    refused_at_most(lambda: load_claims(raw, STUDY).judged(STUDY))
    refused_at_most(lambda: comparisons.checked(raw, STUDY))


yaml_like = st.text(
    st.sampled_from("abc01:-,.?!&*<>|[]{}#'\"%@`\\=~\t\n\r \x00\x07é\u2028_xe+") | st.characters(),
    max_size=40,
)


@given(content=st.binary(max_size=60) | yaml_like.map(lambda text: text.encode("utf-8", "replace")))
@settings(quick, max_examples=200)
def test_bytes_as_yaml(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    refused_at_most(lambda: read_settings(path))


@pytest.mark.parametrize("text", [CONFIG_TEXT, CLAIMS_TEXT], ids=["config", "claims"])
@given(data=st.data())
@settings(quick, max_examples=15)
def test_yaml_with_a_line_replaced(tmp_path: Path, text: str, data: st.DataObject) -> None:
    lines = text.splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at] = data.draw(yaml_like) + data.draw(st.sampled_from(["", "\n"]))
    path = tmp_path / "a.yaml"
    path.write_bytes("".join(lines).encode("utf-8", "replace"))
    refused_at_most(lambda: read_settings(path))


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in nested data."""
    if not isinstance(data, dict | list):
        return [path]
    items = data.items() if isinstance(data, dict) else enumerate(data)
    return [path, *(place for key, inner in items for place in places(inner, (*path, key)))]


@pytest.mark.parametrize(
    "raw",
    [CONFIG, CLAIMS, SMALL, COMPARISONS],
    ids=["config", "claims", "small study", "comparisons"],
)
@given(data=st.data(), value=values | st.dictionaries(st.integers() | texts, values, max_size=5))
@settings(quick, max_examples=150)
def test_settings_with_a_value_replaced(raw: Any, data: st.DataObject, value: Any) -> None:
    changed = copy.deepcopy(raw)
    *parents, last = data.draw(st.sampled_from(places(raw)[1:]))
    inner = changed
    for key in parents:
        inner = inner[key]
    inner[last] = value
    load_all(changed)
