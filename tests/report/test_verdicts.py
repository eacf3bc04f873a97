"""Verdicts in the report: they follow the results, in both languages, in every place."""

import re
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.files import read_json, write_json
from rejeu.report.claims_table import differences, main, verdicts_of
from rejeu.report.numbers import Numbers
from rejeu.report.verdicts import judged, shown
from rejeu.report.write import write
from tests.report.results_folder import (
    FINDINGS,
    LANGUAGES,
    ROOT,
    read_context,
    study_of,
    write_claims,
    write_results,
)

WORDS = {
    "fr": {"artefact": "Artefact", "reproduced": "Reproduit"},
    "en": {"artefact": "Artefact", "reproduced": "Reproduced"},
}
LEARNED = {
    "fr": "petite décroissance des poids, le modèle a appris",
    "en": "smaller weight decay learned",
}
CLAIM = "low_decay_hurts"


def report(folder: Path, study: dict[str, Any], language: str) -> str:
    template = ROOT / "report" / language / "report.qmd.j2"
    return re.sub(r"\\(.)", r"\1", write(template, read_context(folder, study, language)))


def places(text: str, statement: str) -> list[str]:
    """The verdicts beside a statement: in the summary's row, then in each box."""
    row = re.findall(rf"^\| {re.escape(statement)} .*\| \S+ ([^|]+) \|$", text, re.M)
    boxes = re.findall(rf"^\*\*\S+ ([^*]+)\.\*\* .*{re.escape(statement)}", text, re.M)
    return [word.strip() for word in [*row, *boxes]]


def put_metrics(folder: Path, study: dict[str, Any], of: str) -> None:
    """Give the fresh small decay another experiment's metrics, and judge again."""
    runs = folder / "results" / study["tier"] / "sentiment"
    for seed in study["sentiment"]["seeds"]:
        metrics = read_json(runs / of / f"seed{seed}" / "metrics.json")
        write_json(runs / "low_weight_decay" / f"seed{seed}" / "metrics.json", metrics)
    seeds = {part: study[part]["seeds"] for part in ("sentiment", "lora")}
    write_claims(folder / "results" / study["tier"], study_of(), seeds)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_flipped_result_flips_prose_boxes_and_summary(tmp_path: Path, language: str) -> None:
    study = write_results(tmp_path, 5, learning={"low_weight_decay_chained": "collapsed"})
    put_metrics(tmp_path, study, of="baseline")
    statement = study["statements"][CLAIM][language]
    before = report(tmp_path, study, language)
    found = places(before, statement)
    assert len(found) == 3  # the summary, the claim's section, the finding's
    assert set(found) == {WORDS[language]["artefact"]}
    assert re.search(LEARNED[language], before, re.I)
    put_metrics(tmp_path, study, of="low_weight_decay_chained")
    after = report(tmp_path, study, language)
    assert places(after, statement) == [WORDS[language]["reproduced"]] * 3
    assert not re.search(LEARNED[language], after, re.I)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("findings", [[], ["a1", "a8"], FINDINGS])
def test_every_claim_has_its_verdict(
    tmp_path: Path, language: str, runs: int, findings: list[str]
) -> None:
    study = write_results(tmp_path, 6, runs=runs, findings=findings)
    text = report(tmp_path, study, language)
    for name, statement in study["statements"].items():
        assert len(places(text, statement[language])) >= 2, name
    claims = read_context(tmp_path, study, "en")["claims"].values()
    untested = sum(claim.verdict == "untested" for claim in claims)
    assert untested == len(claims) if runs == 1 and "a3" not in findings else untested < len(claims)


def test_values_as_each_language_writes_them() -> None:
    difference = {"by": "difference", "quantity": "a - b", "measured": 0.25, "values": [1, 2, 3]}
    difference |= {"interval": [0.125, 0.5]}
    assert shown(difference, Numbers("en")) == "+0.250 [0.125, 0.500]"
    assert shown(difference, Numbers("fr")) == "+0,250 [0,125\N{NO-BREAK SPACE}; 0,500]"
    ratio = difference | {"by": "ratio", "quantity": "a / b"}
    assert shown(ratio, Numbers("en")) == "×\N{NO-BREAK SPACE}0.250 [0.125, 0.500]"
    value = difference | {"quantity": "a"}
    assert shown(value, Numbers("en")) == "0.250 [0.125, 0.500]"
    missing = difference | {"measured": None, "interval": None, "values": []}
    assert shown(missing, Numbers("en")) == "—"
    equal = {"by": "equal", "values": [1.0, 0.0, 1.0], "interval": None}
    assert shown(equal, Numbers("en")) == "2 / 3"


def test_claims_are_guarded_by_the_recorded_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = write_results(tmp_path, 5, learning={"low_weight_decay_chained": "collapsed"})
    put_metrics(tmp_path, study, of="baseline")
    (tmp_path / "report").mkdir()
    for name in ("claims.yaml", "reference.yaml"):
        (tmp_path / "report" / name).write_text((ROOT / "report" / name).read_text("utf-8"))
    assert main(study_of(), "smoke", tmp_path) == 1
    assert "no such file, so nothing guards these verdicts" in capsys.readouterr().err
    recorded = tmp_path / "report" / "expected-verdicts.yaml"
    recorded.write_text(f"smoke: {{{CLAIM}: artefact}}\nlaptop: {{{CLAIM}: reproduced}}\n")
    assert main(study_of(), "smoke", tmp_path) == 0
    recorded.write_text(f"smoke: {{{CLAIM}: reproduced}}\n")
    assert main(study_of(), "smoke", tmp_path) == 1
    assert f"{CLAIM}: artefact, recorded: reproduced" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["[a]", "smoke: reproduced", "smoke: {a: [reproduced]}"])
def test_a_record_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "expected.yaml").write_text(text)
    with pytest.raises(RejeuError, match=r"expected\.yaml: expected a verdict for each claim"):
        verdicts_of("smoke", tmp_path / "expected.yaml")


def test_a_record_of_a_claim_that_is_gone_is_named() -> None:
    assert differences({"a": "reproduced"}, {"a": "reproduced", "b": "artefact"}) == [
        "b: recorded, but no such claim"
    ]


def test_entries_become_what_templates_show(tmp_path: Path) -> None:
    study = write_results(tmp_path, 7)
    entries = read_json(tmp_path / "results" / "smoke" / "claims.json")
    found = judged(entries, study["statements"], Numbers("fr"))
    assert list(found) == list(study["statements"])
    assert found[CLAIM].statement == study["statements"][CLAIM]["fr"]
    assert set(found[CLAIM].measured) == {"corrected", "notebook"}
