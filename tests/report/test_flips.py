"""Results turned over: no sentence, box, table or summary contradicts another, in either language.

Each report is read as text: every verb that says where a value went is checked against the interval
and the margin that stand beside it, every sentence that hangs on a claim against the claim's state,
and what is said of one quantity in one place against what is said of it elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rejeu.evaluation.metrics import measure_by_rule
from rejeu.job.whole_files import read_json, write_json
from rejeu.report.write import write
from tests.report.results_folder import (
    LANGUAGES,
    ROOT,
    read_context,
    seeds_of,
    study_of,
    write_claims,
    write_results,
)

Change = Callable[[Path, dict[str, Any]], None]
NUMBER = r"[+×\s]*[−]?[\d.,\u202f\u00a0]+"
# verb, what, less than matters, value with its interval, margin
SAID = {
    "en": re.compile(
        r"(raises|lowers|doesn’t change|may or may not change) ([^().;]{2,60}?)"
        r"(, but by less than matters| by as much as matters)? "
        rf"\(({NUMBER})(?: \[({NUMBER}), ({NUMBER})\])?, margin ({NUMBER})\)"
    ),
    "fr": re.compile(
        r"(élève|abaisse|ne change|change peut-être) ([^().;]{2,60}?)"
        r"(, mais de moins que ce qui compte| en rien qui compte"
        r"| d’une valeur qui compte, peut-être pas)? "
        rf"\(({NUMBER})(?: \[({NUMBER})\u00a0; ({NUMBER})\])?\u00a0; marge ({NUMBER})\)"
    ),
}
VERBS = {
    **{"raises": "up", "lowers": "down", "doesn’t change": "same"},
    **{"may or may not change": "unclear", "élève": "up", "abaisse": "down"},
    **{"ne change": "same", "change peut-être": "unclear"},
}
LEARNED = {
    "en": {
        "holds": "**The baseline learned.**",
        "fails": "**The baseline did not learn**",
        "unclear": "**Whether the baseline learned isn’t settled.**",
        "missing": "**Whether the baseline learned isn’t judged**",
    },
    "fr": {
        "holds": "**Le modèle de base a appris.**",
        "fails": "**Le modèle de base n’a pas appris**",
        "unclear": "**On ne sait pas si le modèle de base a appris.**",
        "missing": "**Que le modèle de base ait appris ou non n’est pas jugé**",
    },
}
NOTHING_THAT_MATTERS = {
    "en": "**The smaller weight decay changes nothing that matters.**",
    "fr": "**La petite décroissance des poids ne change rien qui compte.**",
}


@dataclass(frozen=True)
class Flip:
    """Results of a study in which one thing is so."""

    name: str
    runs: int = 6
    learning: Any = "learned"
    texts_change: bool = True
    extra: bool = False
    change: Change | None = None


def accuracies(name: str, *values: float, folder: Path, study: dict[str, Any]) -> None:
    """Let an experiment's runs be right on these shares of 1,000 rows, the last for the others."""
    labels = np.array([0, 1] * 500)
    for place, seed in enumerate(study["parts"]["sentiment"]["experiments"][name]["seeds"]):
        right = round(1000 * values[min(place, len(values) - 1)])
        side = np.where(np.arange(1000) < right, labels, 1 - labels) * 2 - 1
        logits = np.column_stack([-side, side]).astype(float)
        path = folder / "results/smoke/sentiment" / name / f"seed{seed}" / "metrics.json"
        write_json(path, measure_by_rule(labels, logits))


def decay(*values: float) -> Change:
    def change(folder: Path, study: dict[str, Any]) -> None:
        accuracies("baseline", 0.85, 0.851, 0.849, 0.852, 0.848, 0.85, folder=folder, study=study)
        accuracies("low_weight_decay", *values, folder=folder, study=study)

    return change


def one_collapsed(folder: Path, study: dict[str, Any]) -> None:
    accuracies("baseline", 0.85, 0.851, 0.849, folder=folder, study=study)
    seed = study["parts"]["sentiment"]["experiments"]["high_learning_rate"]["seeds"][1]
    labels = np.array([0, 1] * 500)
    path = folder / "results/smoke/sentiment/high_learning_rate" / f"seed{seed}" / "metrics.json"
    write_json(path, measure_by_rule(labels, np.tile([0.1, -0.1], (1000, 1))))


FLIPS = [
    Flip("as it should be"),
    Flip("baseline collapsed", learning={"baseline": "collapsed"}),
    Flip("low decay truly worse", change=decay(0.79, 0.792, 0.788, 0.791, 0.789, 0.79)),
    Flip("an effect below the margin", change=decay(0.843, 0.843, 0.842, 0.844, 0.841, 0.843)),
    Flip("no effect", change=decay(0.85, 0.85, 0.85, 0.851, 0.849, 0.85)),
    Flip("one collapsed seed of three", runs=3, change=one_collapsed),
    Flip("no text changed", texts_change=False),
    Flip("one seed", runs=1),
    Flip("two seeds", runs=2),
    Flip("more experiments", extra=True),
]


def plain(text: str) -> str:
    """A report's source as it reads: without escapes, on one line, with one kind of apostrophe."""
    unescaped = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)
    return re.sub(r"[ \n]+", " ", unescaped).replace("'", "’")


def number(text: str) -> float:
    cleaned = re.sub(r"[+×\s\u202f\u00a0]", "", text).replace("−", "-").rstrip(".,")
    return float(cleaned.replace(",", "."))


def said(text: str, language: str) -> Iterator[tuple[str, str, bool, list[float | None]]]:
    """Each verb with what it is said of, whether by less than matters, and its numbers."""
    for verb, what, less, *numbers in SAID[language].findall(text):
        values = [number(each) if each else None for each in numbers]
        ratio = numbers[0].strip().startswith("×")
        around = 1.0 if ratio else 0.0
        *measured, margin = values
        yield (
            VERBS[verb],
            what,
            "moins que" in less or "less than" in less,
            [*(None if each is None else each - around for each in measured), margin],
        )


def contradiction(verb: str, less: bool, numbers: list[float | None]) -> str | None:
    """What speaks against a verb; a value without an interval shows no spread, and is its own."""
    value, low, high, margin = numbers
    assert value is not None
    assert margin is not None
    low, high = value if low is None else low, value if high is None else high
    rounding = 0.0006
    within = low >= -margin - rounding and high <= margin + rounding
    if less:
        right = within and (low > -rounding if verb == "up" else high < rounding)
    elif verb == "up":
        right = low >= margin - rounding
    elif verb == "down":
        right = high <= -margin + rounding
    elif verb == "same":
        right = within
    else:  # it may or may not
        right = not (low > margin + rounding or high < -margin - rounding)
    return None if right else f"{verb} less={less} of {numbers}"


@pytest.fixture(scope="module", params=FLIPS, ids=lambda flip: flip.name.replace(" ", "-"))
def flipped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    flip: Flip = request.param
    folder = tmp_path_factory.mktemp("flipped")
    study = write_results(
        folder,
        11,
        runs=flip.runs,
        learning=flip.learning,
        texts_change=flip.texts_change,
        extra=flip.extra,
    )
    if flip.change is not None:
        flip.change(folder, study)
        seeds = seeds_of(study)
        write_claims(folder / "results/smoke", study_of(flip.extra), seeds)
    return folder, study


def judged(folder: Path) -> list[dict[str, Any]]:
    results = folder / "results/smoke"
    return [*read_json(results / "claims.json"), *read_json(results / "observations.json")]


def test_no_place_contradicts_another(flipped: tuple[Path, dict[str, Any]]) -> None:
    folder, study = flipped
    claims = {entry["id"]: entry for entry in read_json(folder / "results/smoke/claims.json")}
    told: dict[str, list[tuple[str, bool]]] = {}
    for language in LANGUAGES:
        template = ROOT / "report" / language / "report.qmd.j2"
        text = plain(write(template, read_context(folder, study, language)))
        for verb, what, less, numbers in said(text, language):
            fault = contradiction(verb, less, numbers)
            assert fault is None, f"{language}, {what}: {fault}"
            told.setdefault(language, []).append((verb, less))
        state = claims["baseline_learns"]["verdict_by_arm"]["corrected"]
        for other, sentence in LEARNED[language].items():
            assert (sentence in text) == (other == state), (language, other, state)
        change = claims["low_decay_hurts"]["arms"]["corrected"][0]["word"]
        collapsed = "NAMED" if change == "missing" else change
        assert (NOTHING_THAT_MATTERS[language] in text) <= (collapsed == "same"), language
    # Both languages say the same, in the same order; three seeds and more say something.
    assert told.get("fr") == told.get("en")
    assert len(told.get("en", [])) >= (
        10 if len(study["parts"]["lora"]["experiments"]["r8"]["seeds"]) >= 3 else 0
    )


def test_one_quantity_has_one_word(flipped: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = flipped
    words: dict[tuple[Any, ...], set[str]] = {}
    for entry in judged(folder):
        # Claims of several comparisons share their risk, and so see less.
        if len(entry["arms"].get("corrected", [])) != 1:
            continue
        found = entry["arms"]["corrected"][0]
        key = tuple(found[name] for name in ("of", "against", "by", "test", "around", "margin"))
        words.setdefault(key, set()).add(found["word"])
    assert [key for key, each in words.items() if len(each) > 1] == []


@pytest.mark.parametrize(
    ("name", "change", "word", "lean"),
    [
        ("worse", decay(0.79, 0.792, 0.788, 0.791, 0.789, 0.79), "lower", "lower"),
        ("below", decay(0.843, 0.843, 0.842, 0.844, 0.841, 0.843), "same", "lower"),
        ("none", decay(0.85, 0.85, 0.85, 0.851, 0.849, 0.85), "same", "unclear"),
    ],
)
def test_what_the_flips_come_to(
    tmp_path: Path, name: str, change: Change, word: str, lean: str
) -> None:
    study = write_results(tmp_path, 11, runs=6)
    change(tmp_path, study)
    seeds = seeds_of(study)
    write_claims(tmp_path / "results/smoke", study_of(), seeds)
    entries = {entry["id"]: entry for entry in judged(tmp_path)}
    found = entries["low_decay_hurts"]["arms"]["corrected"][0]
    assert (found["word"], found["beside_no_effect"]) == (word, lean), name


def test_one_collapsed_seed_is_counted(tmp_path: Path) -> None:
    study = write_results(tmp_path, 11, runs=3)
    one_collapsed(tmp_path, study)
    seeds = seeds_of(study)
    write_claims(tmp_path / "results/smoke", study_of(), seeds)
    entry = {entry["id"]: entry for entry in judged(tmp_path)}["high_rate_hurts"]
    assert entry["verdict"] == "inconclusive"
    assert entry["why"] == "mixed"
    english = plain(write(ROOT / "report/en/report.qmd.j2", read_context(tmp_path, study, "en")))
    french = plain(write(ROOT / "report/fr/report.qmd.j2", read_context(tmp_path, study, "fr")))
    assert "the model collapsed on 1 of 3 seeds" in english
    assert "le modèle s’effondre pour 1 des 3 graines" in french


def test_a_stale_arm_on_disk_is_not_read(tmp_path: Path) -> None:
    """An experiment that the tier no longer runs may have left its results."""
    study = write_results(tmp_path, 11, runs=6)
    seeds = seeds_of(study)
    del seeds["sentiment"]["low_weight_decay_chained"]
    write_claims(tmp_path / "results/smoke", study_of(), seeds)
    entries = {entry["id"]: entry for entry in judged(tmp_path)}
    assert entries["low_decay_hurts"]["verdict_by_arm"]["notebook"] == "missing"
    assert entries["fresh_start"]["arms"]["corrected"][0]["word"] == "missing"


def test_another_rank_changes_nothing_that_is_said_of_the_document_s_own(tmp_path: Path) -> None:
    """`long_training` and others beside the same numbers."""
    without, beside = tmp_path / "without", tmp_path / "beside"
    write_results(without, 11, runs=6)
    study = write_results(beside, 11, runs=6, extra=True)
    shared = partial(copy_runs, without / "results/smoke", beside / "results/smoke")
    shared(study)
    seeds = seeds_of(study)
    write_claims(beside / "results/smoke", study_of(extra=True), seeds)
    ours = {entry["id"]: entry for entry in judged(without)}
    theirs = {entry["id"]: entry for entry in judged(beside)}
    for name, entry in ours.items():
        assert theirs[name]["arms"] == entry["arms"], name


def copy_runs(source: Path, target: Path, study: dict[str, Any]) -> None:
    """The same numbers for the experiments that both folders have."""
    del study
    for path in source.glob("*/*/seed*/*.json*"):
        place = target / path.relative_to(source)
        if place.is_file():
            place.write_bytes(path.read_bytes())
    for path in source.glob("timing/*.json"):
        (target / path.relative_to(source)).write_bytes(path.read_bytes())
