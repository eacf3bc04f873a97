import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rejeu.data.message_pairs import pairs, pairs_from_table, split
from rejeu.errors import RejeuError


def turn(sender: str, *texts: str) -> list[dict[str, str]]:
    return [{"text": text, "timestamp": "2018-05-02T19:38:15Z", "sender": sender} for text in texts]


def dataset(tmp_path: Path, data: Any) -> Path:
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(data))
    return path


def test_pairs_are_adjacent_turns_of_two_senders(tmp_path: Path) -> None:
    first = [turn("a", "Hello ", "how  are you"), turn("b", "fine"), turn("b", "and you")]
    second = [turn("c", "one two three"), turn("d", " "), turn("c", "four five six")]
    path = dataset(tmp_path, {"x": {"messages": first}, "y": {"messages": second}})
    assert pairs(path, (0, 60)).to_dict("records") == [
        {"conversation": "x", "input": "Hello how are you", "output": "fine and you"}
    ]
    with pytest.raises(RejeuError, match="none of 3 pairs has 4 to 60 words a side"):
        pairs(path, (4, 60))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1], "AttributeError"),
        ({"x": {}}, "KeyError: 'messages'"),
        ({"x": {"messages": [[{"text": "a"}]]}}, "KeyError: 'sender'"),
        ({"x": {"messages": [["a"]]}}, "TypeError"),
    ],
)
def test_other_structures(tmp_path: Path, data: Any, message: str) -> None:
    with pytest.raises(RejeuError, match=message):
        pairs(dataset(tmp_path, data), (5, 60))


def test_a_turn_of_ten_megabytes(tmp_path: Path) -> None:
    path = dataset(tmp_path, {"x": {"messages": [turn("a", "x" * 10_000_000), turn("b", "fine")]}})
    with pytest.raises(RejeuError, match="conversation 'x', input: 10000000 bytes; expected at"):
        pairs(path, None)


def test_not_json(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"x": ')
    with pytest.raises(RejeuError, match="not JSON"):
        pairs(tmp_path / "dataset.json", (5, 60))


def table(rows: int, conversations: int) -> pd.DataFrame:
    numbers = range(rows)
    return pd.DataFrame(
        {
            "conversation": [str(n % conversations) for n in numbers],
            "input": [f"in {n}" for n in numbers],
            "output": [f"out {n}" for n in numbers],
        }
    )


def test_table_without_conversations() -> None:
    frame = table(3, 1).drop(columns="conversation")
    taken = pairs_from_table(frame, None)
    assert taken["conversation"].tolist() == ["0", "1", "2"]
    assert list(taken.columns) == ["conversation", "input", "output"]
    assert list(frame.columns) == ["input", "output"]


@pytest.mark.parametrize("value", [None, " ", 3])
@pytest.mark.parametrize("column", ["input", "output"])
def test_bad_table(column: str, value: Any) -> None:
    frame = table(3, 1).astype("object")
    frame.loc[1, column] = value
    with pytest.raises(RejeuError, match=f"row 1 .*column '{column}': expected a text"):
        pairs_from_table(frame, None)


def test_table_with_a_missing_conversation_or_column() -> None:
    frame = table(3, 1)
    with pytest.raises(RejeuError, match="no column 'output'"):
        pairs_from_table(frame.drop(columns="output"), None)
    frame.loc[2, "conversation"] = None
    with pytest.raises(RejeuError, match=r"row 2 \(from 0\): no conversation"):
        pairs_from_table(frame, None)


@pytest.mark.parametrize(
    ("rows", "conversations", "train_rows", "heldout_rows"),
    [(1000, 100, 300, 50), (1000, 100, 900, 100), (100, 100, 90, 10), (100, 2, 50, 1)],
)
def test_no_conversation_on_both_sides(
    rows: int, conversations: int, train_rows: int, heldout_rows: int
) -> None:
    frame = pd.concat([table(rows, conversations)] * 2)
    train, heldout, statistics = split(frame, train_rows, heldout_rows, 42)
    assert (len(train), len(heldout)) == (train_rows, heldout_rows)
    assert not set(train["conversation"]) & set(heldout["conversation"])
    assert not pd.concat([train, heldout]).duplicated(["input", "output"]).any()
    assert (statistics["pairs"], statistics["duplicates"]) == (2 * rows, rows)
    pd.testing.assert_frame_equal(train, split(frame, train_rows, heldout_rows, 42)[0])
    if train_rows < rows // 2:
        assert not train.equals(split(frame, train_rows, heldout_rows, 43)[0])


def test_all_that_the_heldout_side_leaves() -> None:
    train, heldout, _ = split(table(100, 100), None, 10, 42)
    assert (len(train), len(heldout)) == (90, 10)


@pytest.mark.parametrize(
    ("train_rows", "heldout_rows", "message"),
    [(91, 10, "there are 100"), (5, 0, "there are 100"), (None, 100, "there are 100")],
)
def test_too_few_pairs(train_rows: int | None, heldout_rows: int, message: str) -> None:
    with pytest.raises(RejeuError, match=message):
        split(table(100, 100), train_rows, heldout_rows, 42)


@pytest.mark.parametrize("train_rows", [60, None])
def test_too_few_pairs_in_other_conversations(train_rows: int | None) -> None:
    conversations = 2 if train_rows else 1
    with pytest.raises(RejeuError, match=f"{50 if train_rows else 0} are left in conversations"):
        split(table(100, conversations), train_rows, 10, 42)


def test_real_chat(input_folder: Callable[[str], Path]) -> None:
    path = input_folder("chitchat") / "dataset.json"
    everything = pairs(path, (1, 1_000_000))
    assert len(everything) == 131_548
    chosen = pairs_from_table(everything, (5, 60))
    assert len(chosen) == 87_179
    train, heldout, statistics = split(chosen, 5_749, 500, 42)
    assert (len(train), len(heldout)) == (5_749, 500)
    assert not set(train["conversation"]) & set(heldout["conversation"])
    assert statistics["train"]["words"]["input"]["min"] == 5
    assert statistics["heldout"]["words"]["output"]["max"] <= 60
