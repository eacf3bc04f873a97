"""Verdicts in the report: they follow the results, in both languages, in every place."""

import re
from pathlib import Path
from typing import Any

import pytest

from rejeu.commands.claims_table import differences, main, verdicts_of
from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json, write_json
from rejeu.report.numbers import Numbers
from rejeu.report.verdicts import Judged, Mixed, Told, possible, seeds_more, shown
from rejeu.report.write import write
from tests.report.results_folder import (
    FINDINGS,
    LANGUAGES,
    ROOT,
    read_context,
    seeds_of,
    study_of,
    write_claims,
    write_results,
)

WORDS = {
    "fr": {"artefact": "Artefact", "reproduced": "Reproduite"},
    "en": {"artefact": "Artefact", "reproduced": "Reproduced"},
}
UNCHANGED = {
    "fr": "petite décroissance des poids ne change rien qui compte",
    "en": "smaller weight decay changes nothing that matters",
}
CLAIM = "low_decay_hurts"
OPEN = ("inconclusive", "untested")
RUNS = 6  # as many as must agree


def report(folder: Path, study: dict[str, Any], language: str) -> str:
    template = ROOT / "report" / language / "report.qmd.j2"
    text = re.sub(r"\\(.)", r"\1", write(template, read_context(folder, study, language)))
    return text.replace("'", "’")


def places(text: str, statement: str) -> list[str]:
    """The verdicts beside a statement: in the summary's row, then in each box."""
    row = re.findall(rf"^\| {re.escape(statement)} .*\| \S+ ([^|]+) \|$", text, re.M)
    boxes = re.findall(rf"^\*\*\S+ ([^*]+)\.\*\* {re.escape(statement)}", text, re.M)
    return [word.strip() for word in [*row, *boxes]]


def judge_again(folder: Path, study: dict[str, Any]) -> None:
    seeds = seeds_of(study)
    write_claims(folder / "results" / study["tier"], study_of(), seeds)


def put_metrics(folder: Path, study: dict[str, Any], of: str) -> None:
    """Give the fresh small decay another experiment's metrics, and judge again."""
    runs = folder / "results" / study["tier"] / "sentiment"
    for seed in study["parts"]["sentiment"]["experiments"][of]["seeds"]:
        metrics = read_json(runs / of / f"seed{seed}" / "metrics.json")
        write_json(runs / "low_weight_decay" / f"seed{seed}" / "metrics.json", metrics)
    judge_again(folder, study)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_flipped_result_flips_prose_boxes_and_summary(tmp_path: Path, language: str) -> None:
    study = write_results(
        tmp_path, 5, runs=RUNS, learning={"low_weight_decay_chained": "collapsed"}
    )
    put_metrics(tmp_path, study, of="baseline")
    statement = study["statements"][CLAIM][language]
    before = report(tmp_path, study, language)
    found = [word.split(",")[0] for word in places(before, statement)]
    assert found == [WORDS[language]["artefact"]] * 3  # the summary, the claim's section, A1's
    assert re.search(UNCHANGED[language], before, re.I)
    put_metrics(tmp_path, study, of="low_weight_decay_chained")
    after = report(tmp_path, study, language)
    found = [word.split(",")[0] for word in places(after, statement)]
    assert found == [WORDS[language]["reproduced"]] * 3
    assert not re.search(UNCHANGED[language], after, re.I)


TOLD = {  # by the state of the claim that the baseline learned
    "holds": {"en": "**The baseline learned.**", "fr": "**Le modèle de base a appris.**"},
    "fails": {
        "en": "**The baseline did not learn**",
        "fr": "**Le modèle de base n’a pas appris**",
    },
    "unclear": {
        "en": "**Whether the baseline learned isn’t settled.**",
        "fr": "**On ne sait pas si le modèle de base a appris.**",
    },
    "missing": {
        "en": "**Whether the baseline learned isn’t judged**",
        "fr": "**Que le modèle de base ait appris ou non n’est pas jugé**",
    },
}


@pytest.mark.parametrize(
    ("learning", "runs", "state", "why"),
    [
        ("learned", RUNS, "holds", None),
        ("collapsed", RUNS, "fails", None),
        ("chance", RUNS, "fails", None),
        ("mixed", RUNS, "unclear", "mixed"),
        ("collapsed", 3, "unclear", "unclear"),
        ("learned", 2, "missing", "missing"),
    ],
)
def test_prose_says_whether_the_baseline_learned_as_its_claim_does(
    tmp_path: Path, learning: str, runs: int, state: str, why: str | None
) -> None:
    study = write_results(tmp_path, 5, runs=runs, learning={"baseline": learning})
    for language in LANGUAGES:
        claims = read_context(tmp_path, study, language)["claims"]
        assert claims["baseline_learns"].states == {"corrected": state}
        assert claims["baseline_learns"].why == why
        text = report(tmp_path, study, language)
        assert [name for name, said in TOLD.items() if said[language] in text] == [state]
        needing = [claim for claim in claims.values() if claim.needs]
        decided = [claim.id for claim in needing if claim.verdict not in OPEN]
        assert len(needing) > 5
        assert state == "holds" or not decided


MIXED = {
    "en": "of 6 runs of “Baseline” 3 collapsed to one class and 3 ran as usual",
    "fr": "«\N{NO-BREAK SPACE}Modèle de base\N{NO-BREAK SPACE}», sur 6 essais"
    "\N{NO-BREAK SPACE}: 3 à classe unique et 3 sans incident",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_runs_of_two_kinds_are_counted_where_they_keep_a_claim_open(
    tmp_path: Path, language: str
) -> None:
    study = write_results(tmp_path, 5, runs=RUNS, learning={"baseline": "mixed"})
    claim = read_context(tmp_path, study, language)["claims"]["baseline_learns"]
    assert [each.counts for each in claim.mixed] == [{"collapsed": 3, "usual": 3}]
    assert claim.mixed[0].seeds == RUNS
    text = report(tmp_path, study, language)
    assert text.count(MIXED[language]) >= 2  # beside the claim, and in the discussion


JUDGES_NOTHING = {"fr": "Ce palier ne juge aucune des", "en": "This tier judges none of the"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("findings", [[], ["a1", "a8"], FINDINGS])
def test_every_claim_has_its_verdict(
    tmp_path: Path, language: str, runs: int, findings: list[str]
) -> None:
    study = write_results(tmp_path, 6, runs=runs, findings=findings)
    text = report(tmp_path, study, language)
    claims = read_context(tmp_path, study, "en")["claims"].values()
    untested = sum(claim.verdict == "untested" for claim in claims)
    assert untested == len(claims) if runs == 1 else untested < len(claims)
    for name, statement in study["statements"].items():
        found = len(places(text, statement[language]))
        # In the table, and in a box where something is judged at all; else one sentence says it.
        assert found == 1 if runs == 1 else found >= 2, name
    assert text.count(JUDGES_NOTHING[language]) == (runs == 1)


def compared(**changes: Any) -> dict[str, Any]:
    """A comparison of two experiments, as the judge leaves it."""
    return {
        **{"of": "sentiment.a.metrics.accuracy", "against": "sentiment.b.metrics.accuracy"},
        **{"by": "difference", "test": "mean", "side": "within", "around": 0.0, "margin": 0.02},
        **{"unit": "share", "state": "unclear", "word": "unclear", "beside_no_effect": "unclear"},
        **{"measured": 0.25, "interval": [0.125, 0.5], "values": [0.1, 0.25, 0.4], "p": 0.2},
        **{"quantity": "a - b", "seeds": [1, 2, 3]},
        **{"detectable": 0.3, "seeds_needed": 9, "unexcluded": 0.63, "level": 0.95},
        "kinds": {"counts": {"sentiment.a": {"usual": 3}}, "differ": False},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "english", "french"),
    [
        ({}, "+0.250 [0.125, 0.500]", "+0,250 [0,125\N{NO-BREAK SPACE}; 0,500]"),
        (
            {"by": "ratio"},
            "×\N{NO-BREAK SPACE}0.250 [0.125, 0.500]",
            "×\N{NO-BREAK SPACE}0,250 [0,125\N{NO-BREAK SPACE}; 0,500]",
        ),
        ({"against": None}, "0.250 [0.125, 0.500]", "0,250 [0,125\N{NO-BREAK SPACE}; 0,500]"),
        (
            {"by": "share", "interval": [-0.1, 1.2]},
            "0.250 [0.000, 1.000]",
            "0,250 [0,000\N{NO-BREAK SPACE}; 1,000]",
        ),
        (
            {"against": None, "interval": [-0.1, 0.9]},  # an accuracy
            "0.250 [0.000, 0.900]",
            "0,250 [0,000\N{NO-BREAK SPACE}; 0,900]",
        ),
        ({"interval": [-0.1, 0.9]}, "+0.250 [−0.100, 0.900]", None),
        # Two accuracies differ by one at most; two losses may by more.
        ({"interval": [-1.8, 1.2]}, "+0.250 [−1.000, 1.000]", None),
        (
            {"of": "lora.a.heldout.loss", "unit": "number", "interval": [-1.8, 1.2]},
            "+0.250 [−1.800, 1.200]",
            None,
        ),
        ({"interval": None}, "+0.250", "+0,250"),
        ({"measured": None, "interval": None, "values": []}, "—", "—"),
        ({"test": "most", "count": 2}, "2 / 3", "2 / 3"),
        ({"test": "most", "count": 0, "values": []}, "—", "—"),
    ],
)
def test_values_as_each_language_writes_them(
    changes: dict[str, Any], english: str, french: str | None
) -> None:
    assert shown(compared(**changes), Numbers("en")) == english
    assert french is None or shown(compared(**changes), Numbers("fr")) == french


STATEMENTS = {name: {"fr": f"Que {name}.", "en": f"That {name}."} for name in ("one", "two")}
TITLES = {"sentiment.a": "A", "sentiment.b": "B"}
SECONDS = {"sentiment.a": 60.0, "sentiment.b": 30.0}


def told(*corrected: dict[str, Any], **changes: Any) -> Judged:
    """How a claim with these comparisons is told in English."""
    arms = {"corrected": list(corrected)} if corrected else {}
    entry = {
        **{"id": "one", "section": "baseline", "finding": None, "reference": 0.5, "arms": arms},
        **{"verdict": "inconclusive", "why": "unclear", "firm": False, "look": 1, "needs": None},
        "verdict_by_arm": {"corrected": "unclear"},
        **changes,
    }
    (claim,) = Told(Numbers("en"), STATEMENTS, TITLES, SECONDS, ["two"]).claims([entry]).values()
    return claim


def test_an_open_claim_says_what_would_decide_it() -> None:
    claim = told(
        compared(side="above"),
        compared(state="holds", detectable=9.0, seeds_needed=None),
        compared(side="above", detectable=0.4, seeds_needed=7),
    )
    assert (claim.detectable, claim.more) == ("0.400", 6)  # of nine seeds three are there
    assert claim.minutes == pytest.approx(6 * 90 / 60)
    assert claim.unexcluded is None  # it is undecided
    endless = told(compared(side="above"), compared(side="above", seeds_needed=None))
    assert (endless.more, endless.minutes) == (None, None)
    # Where the values speak against the claim, one comparison that fails is enough.
    against = told(compared(side="below"), compared(side="below", seeds_needed=None))
    assert against.more == 6


@pytest.mark.parametrize(
    ("needed", "values", "expected"),
    [([], [], None), ([9], [3], 6), ([9, 12], [3, 5], 9), ([9, None], [3, 3], None)],
)
def test_seeds_more(needed: list[int | None], values: list[int], expected: int | None) -> None:
    unclear = [
        {"seeds_needed": each, "values": [0.0] * count}
        for each, count in zip(needed, values, strict=True)
    ]
    assert seeds_more(unclear) == expected


def test_a_decided_claim_says_what_its_seeds_can_t_exclude() -> None:
    decided = {"why": None, "verdict": "reproduced", "firm": True}
    claim = told(compared(state="holds"), **decided)
    assert (claim.unexcluded, claim.detectable, claim.more) == ("63%", None, None)
    assert (claim.reference, claim.margin, claim.seeds) == ("+0.500", "0.02", 3)
    event = told(compared(state="holds", test="most", count=3), **decided)
    assert event.unexcluded is None  # an event is about that share itself
    timed = compared(state="holds", kinds={"counts": {}, "differ": False})
    assert told(timed, **decided).unexcluded is None  # repeats are no runs


def test_a_claim_without_runs_has_nothing_to_show() -> None:
    claim = told(verdict="untested", why="no_run")
    assert (claim.measured, claim.margin, claim.seeds) == ({"corrected": "—"}, "—", 0)


def test_a_claim_names_what_it_needs_and_whether_its_margin_came_late() -> None:
    claim = told(compared(), needs="two", why="needs")
    assert (claim.statement, claim.needs, claim.after) == ("That one.", "That two.", False)
    assert told(compared(), id="two").after


def test_kinds_are_named_by_experiments_titles_and_for_means_alone() -> None:
    counts = {"sentiment.a": {"usual": 2, "collapsed": 1}, "sentiment.b": {"usual": 3}}
    kinds = {"counts": counts, "differ": True}
    assert told(compared(kinds=kinds)).mixed == [Mixed("A", {"usual": 2, "collapsed": 1})]
    assert told(compared(kinds=kinds, test="most", count=1)).mixed == []
    # Told once, however many comparisons have it.
    assert len(told(compared(kinds=kinds), compared(kinds=kinds)).mixed) == 1


def test_what_the_report_says_itself() -> None:
    entry = {
        "id": "change",
        "arms": {"corrected": [compared(word="same", beside_no_effect="lower")]},
    }
    teller = Told(Numbers("en"), STATEMENTS, TITLES, SECONDS, [])
    seen = teller.seen([entry])["change"]
    assert (seen.word, seen.lean, seen.margin, seen.seeds) == ("same", "lower", "0.02", 3)
    assert (seen.value, seen.count, seen.mixed) == ("+0.250 [0.125, 0.500]", None, [])
    assert teller.compared([entry]) == {"change": {"corrected": [seen]}}


def test_claims_are_guarded_by_the_recorded_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_results(
        tmp_path, 5, runs=RUNS, learning={"low_weight_decay_chained": "collapsed"}
    )
    put_metrics(tmp_path, study, of="baseline")
    (tmp_path / "report").mkdir()
    for name in ("claims.yaml", "reference.yaml"):
        (tmp_path / "report" / name).write_text((ROOT / "report" / name).read_text("utf-8"))
    assert main(study_of(), "smoke", tmp_path) == 1
    assert "no such file, so nothing guards these verdicts" in capsys.readouterr().err
    recorded = tmp_path / "report" / "expected-verdicts.yaml"
    recorded.write_text(f"smoke: {{{CLAIM}: artefact}}\nlaptop: {{{CLAIM}: reproduced}}\n")
    assert main(study_of(), "smoke", tmp_path) == 0
    recorded.write_text(f"smoke: {{{CLAIM}: [inconclusive, artefact]}}\n")
    assert main(study_of(), "smoke", tmp_path) == 0
    recorded.write_text(f"smoke: {{{CLAIM}: [inconclusive, reproduced]}}\n")
    assert main(study_of(), "smoke", tmp_path) == 1
    assert f"{CLAIM}: artefact, recorded: inconclusive or reproduced" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        *("[a]", "smoke: reproduced", "smoke: {a: []}", "smoke: {a: {b: c}}", "smoke: {a: 3}"),
        *("smoke: {a: reproducd}", "smoke: {a: [reproduced, 3]}"),
    ],
)
def test_a_record_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "expected.yaml").write_text(text)
    with pytest.raises(
        RejeuError, match=r"expected\.yaml.*: expected a verdict, or a list of them"
    ):
        verdicts_of("smoke", tmp_path / "expected.yaml")


def test_a_record_is_a_verdict_or_a_list_of_them(tmp_path: Path) -> None:
    (tmp_path / "expected.yaml").write_text("smoke: {a: artefact, b: [artefact, untested]}")
    found = verdicts_of("smoke", tmp_path / "expected.yaml")
    assert found == {"a": ["artefact"], "b": ["artefact", "untested"]}
    assert verdicts_of("laptop", tmp_path / "expected.yaml") == {}


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ({"a": ["reproduced"]}, []),
        ({"a": ["artefact", "reproduced"]}, []),
        ({}, []),
        ({"a": ["artefact"]}, ["a: reproduced, recorded: artefact"]),
        ({"b": ["artefact"]}, ["b: recorded, but no such claim"]),
    ],
)
def test_differences_from_the_record(recorded: dict[str, list[str]], said: list[str]) -> None:
    assert differences({"a": "reproduced"}, recorded) == said


def test_entries_become_what_templates_show(tmp_path: Path) -> None:
    study = write_results(tmp_path, 7)
    found = read_context(tmp_path, study, "fr")["claims"]
    assert list(found) == list(study["statements"])
    assert found[CLAIM].statement == study["statements"][CLAIM]["fr"]
    assert set(found[CLAIM].measured) == {"corrected", "notebook"}
    assert found["more_examples_better_replies"].measured == {"corrected": "—"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"detectable": None}, False),
        ({"detectable": 2.9}, False),  # of accuracies
        ({"detectable": 2.9, "unit": "number"}, True),
        ({"detectable": 2.9, "by": "ratio"}, True),
    ],
)
def test_an_effect_that_no_value_can_have_is_not_spoken_of(
    changes: dict[str, Any], expected: bool
) -> None:
    assert possible(compared(**changes)) is expected
