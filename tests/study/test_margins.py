"""When margins were set: recorded before anything runs, and told where results were there."""

import copy
import sys
from pathlib import Path
from typing import Any

import pytest

from rejeu.errors import RejeuError
from rejeu.study import margins
from rejeu.study.yaml_reader import yaml_text
from tests.study.sample import CLAIMS, ROOT, load_claims, study_of

STUDY = study_of()
CLAIM: dict[str, Any] = {
    "id": "learns",
    "corrected": [
        {"of": "sentiment.baseline.metrics.accuracy", "against": None, "margin": 0.1},
        {"of": "timing.rank.seconds_per_step.4", "against": None, "margin": 0.2},
    ],
    "notebook": [{"of": "lora.r8.heldout.loss", "against": "lora.r4.heldout.loss", "margin": 0.3}],
}


def with_margin(margin: float) -> dict[str, Any]:
    changed = copy.deepcopy(CLAIM)
    changed["corrected"][0]["margin"] = margin
    return changed


def declared(folder: Path, claim: dict[str, Any]) -> list[str]:
    (folder / "report").mkdir(exist_ok=True)
    return margins.declare(STUDY, [claim], folder)


def make_run(folder: Path, path: str) -> None:
    place = folder / "results/laptop" / path
    place.parent.mkdir(parents=True)
    place.write_text("{}", encoding="utf-8")


def late(folder: Path, claim: dict[str, Any]) -> list[str]:
    return margins.late([claim], margins.read(STUDY, folder))


def test_a_margin_is_recorded_once_before_its_runs(tmp_path: Path) -> None:
    assert declared(tmp_path, CLAIM) == ["learns"]
    (entry,) = margins.read(STUDY, tmp_path)["learns"]
    assert entry["margins"] == [0.1, 0.2, 0.3]
    assert entry["after"] is False
    written = (tmp_path / "report/margins.yaml").read_bytes()
    make_run(tmp_path, "sentiment/baseline/seed42/run.json")
    assert declared(tmp_path, CLAIM) == []
    assert (tmp_path / "report/margins.yaml").read_bytes() == written
    assert late(tmp_path, CLAIM) == []


@pytest.mark.parametrize(
    "path", ["sentiment/baseline/seed42/run.json", "lora/r4/seed1/run.json", "timing/rank.json"]
)
def test_a_margin_that_is_set_when_results_are_there_is_late(tmp_path: Path, path: str) -> None:
    make_run(tmp_path, path)
    assert declared(tmp_path, CLAIM) == ["learns"]
    assert late(tmp_path, CLAIM) == ["learns"]


def test_other_results_make_no_margin_late(tmp_path: Path) -> None:
    make_run(tmp_path, "sentiment/large_batch/seed42/run.json")
    declared(tmp_path, CLAIM)
    assert late(tmp_path, CLAIM) == []


def test_a_changed_margin_is_late_and_one_put_back_is_not(tmp_path: Path) -> None:
    declared(tmp_path, CLAIM)
    make_run(tmp_path, "lora/r8/seed42/run.json")
    assert declared(tmp_path, with_margin(0.05)) == ["learns"]
    assert late(tmp_path, with_margin(0.05)) == ["learns"]
    assert declared(tmp_path, CLAIM) == ["learns"]
    assert late(tmp_path, CLAIM) == []
    recorded = margins.read(STUDY, tmp_path)["learns"]
    assert [entry["margins"][0] for entry in recorded] == [0.1, 0.05, 0.1]


def test_one_of_several_margins_declared_before_results_cannot_be_chosen_after(
    tmp_path: Path,
) -> None:
    for margin in (0.05, 0.02, 0.1):
        assert declared(tmp_path, with_margin(margin)) == ["learns"]
    make_run(tmp_path, "lora/r8/seed42/run.json")
    assert late(tmp_path, with_margin(0.1)) == []
    assert late(tmp_path, with_margin(0.02)) == ["learns"]
    assert declared(tmp_path, with_margin(0.02)) == ["learns"]
    assert late(tmp_path, with_margin(0.02)) == ["learns"]


def test_a_margin_that_nobody_recorded_is_late(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    assert late(tmp_path, CLAIM) == ["learns"]


def test_a_claim_that_nothing_tests_has_no_margin(tmp_path: Path) -> None:
    untested = {"id": "learns", "corrected": [], "notebook": []}
    assert declared(tmp_path, untested) == []
    assert late(tmp_path, untested) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"learns": {"margins": [0.1]}}, "margins.yaml: learns"),
        ({"learns": [{"margins": ["much"]}]}, "margins.yaml: learns.0.margins.0"),
        ({"learns": [{"margin": [0.1]}]}, "did you mean 'margins'?"),
    ],
)
def test_a_ledger_that_is_not_one_is_refused(tmp_path: Path, content: Any, said: str) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report/margins.yaml").write_text(yaml_text(content), encoding="utf-8")
    with pytest.raises(RejeuError) as caught:
        margins.read(STUDY, tmp_path)
    assert said in str(caught.value)


def test_the_repository_s_ledger_knows_all_that_it_judges() -> None:
    judged = load_claims(CLAIMS, STUDY).judged(STUDY)
    ledger = margins.read(STUDY, ROOT)
    known = [claim["id"] for claim in judged if margins.recorded(claim, ledger)]
    assert known == [claim["id"] for claim in judged if claim["corrected"]]


def test_a_snakemake_installed_alone_records_margins_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It brings no ruamel.yaml, and the next build, which may have it, reads the same."""
    monkeypatch.setitem(sys.modules, "rejeu.study.yaml_reader", None)
    other = CLAIM | {"id": "null"}
    assert declared(tmp_path, CLAIM) == ["learns"]
    assert margins.declare(STUDY, [CLAIM, other], tmp_path) == ["null"]
    alone = margins.read(STUDY, tmp_path)
    monkeypatch.delitem(sys.modules, "rejeu.study.yaml_reader")
    assert margins.read(STUDY, tmp_path) == alone
    assert margins.declare(STUDY, [CLAIM, other], tmp_path) == []
