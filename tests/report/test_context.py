from datetime import date
from pathlib import Path

import pytest

from rejeu.job.whole_files import read_json
from rejeu.report.assignment import LORA, SENTIMENT
from rejeu.report.context import context
from tests.report.results_folder import read_context, write_results


def test_names_and_values(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, extra=True)
    found = read_context(tmp_path, study, "fr")
    assert found["tier"] == "smoke"
    assert found["seeds"] == {"sentiment": 3, "lora": 3}
    assert found["report"]["date"] == date.fromisoformat(study["report"]["date"])
    assert [result.name for result in found["extra_sentiment"]] == ["long_training"]
    assert [result.name for result in found["extra_lora"]] == ["r32", "slow_lora"]
    assert set(SENTIMENT) < found["sentiment"].keys()
    assert set(LORA) < found["lora"].keys()
    assert list(found["sweep"]) == [4, 8, 16, 32]
    assert found["numerics"]["precision"] == "bf16"
    assert found["numerics"]["attention_dropout"] == 0.0
    seed = study["sentiment"]["seeds"]["baseline"][0]
    stats = read_json(tmp_path / f"results/smoke/data/sentiment/seed{seed}/stats.json")
    assert found["data"]["sentiment"] == stats
    assert (
        found["data"]["conflicts"]
        == stats["conflicts_before_cleaning"] + stats["conflicts_after_cleaning"]
    )
    assert found["data"]["encoder"] == "paraphrase-MiniLM-L3-v2"


def test_both_languages_hold_the_same_names(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5)
    french, english = (read_context(tmp_path, study, language) for language in ("fr", "en"))
    assert french.keys() == english.keys()
    assert french["extra_sentiment"] == french["extra_lora"] == []
    assert french["provenance"] == english["provenance"]


def test_the_note_says_tier_and_seeds(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, runs=2)
    french, english = (read_context(tmp_path, study, language)["note"] for language in ("fr", "en"))
    assert "Palier smoke. Graines\u00a0: 2 pour la partie 1, 2 pour la partie 2" in french
    assert "Tier: smoke. Seeds: 2 for part 1, 2 for part 2" in english
    assert "2026" in french
    assert "First state: the rest is still being computed" not in english


def test_the_note_says_that_more_is_to_come(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, runs=1) | {"waiting": True}
    french, english = (read_context(tmp_path, study, language)["note"] for language in ("fr", "en"))
    assert french.endswith(". Premier état\u00a0: la suite se calcule encore")
    assert english.endswith(". First state: the rest is still being computed")


def test_the_report_says_what_its_verdicts_risk(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5)
    study["late_margins"] = ["low_decay_hurts", "high_rate_hurts"]
    found = read_context(tmp_path, study, "en")
    judged = [
        entry
        for name in ("claims", "observations")
        for entry in read_json(tmp_path / "results" / "smoke" / f"{name}.json")
        if entry["verdict"] != "untested"
    ]
    risk = found["risk"]
    assert (risk["each"], risk["judged"], risk["after"]) == (0.05, len(judged), 2)
    assert risk["expected"] == pytest.approx(0.05 * len(judged))
    assert risk["level"] == "95.0%"
    late = {name for name, claim in found["claims"].items() if claim.after}
    assert late == set(study["late_margins"])


def test_inputs_are_listed_as_sha256sum_does(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5)
    inputs = read_context(tmp_path, study, "en")["provenance"]["inputs"]
    assert inputs.keys() == {path.name for path in (tmp_path / "inputs").iterdir()}
    for name, record in inputs.items():
        files = read_json(tmp_path / "inputs" / name / "source.json")["files"]
        assert record["listing"].splitlines() == [
            f"{file['sha256']}  {path}" for path, file in files.items()
        ]
        assert record["licence"] == study["licences"][name]


def test_provenance_adds_the_seeds_up(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5)
    found = read_context(tmp_path, study, "en")
    rows = {(row["part"], row["experiment"]): row for row in found["provenance"]["training"]}
    assert len(rows) == len(found["sentiment"]) + len(found["lora"])
    assert rows["lora", "dose_4"]["finding"] == "a7"
    assert rows["lora", "r8"]["finding"] is None
    others = sum(row["wall_seconds"] for row in rows.values() if row["finding"] == "a7")
    assert found["minutes"]["a7"] == pytest.approx(others)
    timing = found["batch_timing"]
    spent = timing["rows"] * sum(map(sum, timing["seconds_per_row"].values()))
    assert found["minutes"]["a3"] == pytest.approx(spent)
    runs = found["lora"]["r8"].runs
    assert rows["lora", "r8"]["wall_seconds"] == sum(run["wall_seconds"] for run in runs)
    assert rows["lora", "r8"]["peak_memory_mb"] == max(run["peak_memory_mb"] for run in runs)
    assert found["provenance"]["machines"] == [runs[0]["machine"]]
    assert found["provenance"]["computed"] == [("cpu", "bf16", "eager", 1)]
    assert found["provenance"]["git"] == {"commit": None, "modified": None}  # not in a repository
    assert found["provenance"]["packages"]["torch"]


def test_the_context_is_made_of_plain_arguments(tmp_path: Path) -> None:
    """A result set without extra data still makes a context: nothing is looked up elsewhere."""
    study = write_results(tmp_path, 5, runs=1)
    found = read_context(tmp_path, study, "en")
    again = context(
        "en",
        study,
        found["sentiment"],
        found["lora"],
        {"sentiment": found["data"]["sentiment"], "chat": found["data"]["chat"]},
        found["reference"],
        found["provenance"],
        read_json(tmp_path / "results" / "smoke" / "claims.json"),
        read_json(tmp_path / "results" / "smoke" / "observations.json"),
        {"batch": found["batch_timing"], "rank": found["rank_timing"]},
    )
    assert again == found
