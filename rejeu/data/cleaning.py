"""Clean texts."""

import html
import re
from collections.abc import Callable
from typing import Literal

import pandas as pd
import simplemma
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from rejeu.errors import RejeuError

# A tag starts as HTML says, by a letter, "/" or "!": "a < b", "<3" and "<<" are text. It holds no
# further "<", so that one never closed can't swallow the text up to the next tag.
_TAG = re.compile(r"<!--.*?-->|</?[A-Za-z!][^<>]*>", re.DOTALL)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s\b")


def clean(texts: pd.Series, method: Literal["html", "assignment"]) -> pd.Series:
    """`texts` cleaned, index kept.

    html: tags become a space, entities their characters, white space is folded. assignment: then
    also lower case, without punctuation and scikit-learn's English stop words, each word replaced
    by simplemma's lemma. Contractions keep their own form ("don't" gives "dont"), since their
    lemma ("do") has lost the negation.
    """
    methods: dict[str, Callable[[str], str]] = {"html": _plain, "assignment": _lemmas}
    if method not in methods:
        raise RejeuError(f"cleaning '{method}' is unknown; expected one of {list(methods)}")
    return texts.map(methods[method]).astype("str")


def _plain(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _lemmas(text: str) -> str:
    words = _WORD.findall(_POSSESSIVE.sub("", _plain(text).lower()))
    joined = (re.sub("['’]", "", word) for word in words)
    # simplemma reads numbers too ("1990s" becomes "nineteen-nineties"): only words have lemmas.
    return " ".join(
        simplemma.lemmatize(word, lang="en").lower() if plain.isalpha() else word
        for plain, word in zip(words, joined, strict=True)
        if word not in ENGLISH_STOP_WORDS
    )
