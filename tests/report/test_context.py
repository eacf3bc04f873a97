from datetime import date
from pathlib import Path

import pytest

from rejeu.job.whole_files import read_json
from rejeu.report.context import note
from rejeu.report.numbers import Numbers
from tests.report.results_folder import read_context, read_results, words_of, write_results


def test_names_and_values(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, extra=True)
    found = read_context(tmp_path, study, "fr")
    assert found["tier"] == "smoke"
    assert found["seeds"] == {"sentiment": 3, "lora": 3}
    assert found["report"]["date"] == date.fromisoformat(study["report"]["date"])
    extra = {part: [it.name for it in results] for part, results in found["extra"].items()}
    assert extra == {"sentiment": ["long_training"], "lora": ["r32", "slow_lora"]}
    for part in ("sentiment", "lora"):
        assert found[part] is found["results"][part]
        assert set(study["named"][part]) <= found[part].keys()
    assert list(found["facts"]["sweep"]) == [4, 8, 16, 32]
    assert found["facts"]["numerics"]["precision"] == "bf16"
    assert found["facts"]["numerics"]["attention_dropout"] == 0.0
    seed = study["parts"]["sentiment"]["experiments"]["baseline"]["seeds"][0]
    stats = read_json(tmp_path / f"results/smoke/data/sentiment/seed{seed}/stats.json")
    assert found["data"]["sentiment"] == stats
    assert found["parts"]["sentiment"]["model"] == "paraphrase-MiniLM-L3-v2"
    assert [part["number"] for part in found["parts"].values()] == [1, 2]


def test_titles_are_there_of_experiments_that_were_not_run(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, runs=1, findings=[])
    found = read_context(tmp_path, study, "fr")
    assert "r8_chained" not in found["lora"]
    assert found["titles"]["lora"]["r8_chained"] == "r\u00a0=\u00a08 après r\u00a0=\u00a04"


def test_both_languages_hold_the_same_names(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5)
    french, english = (read_context(tmp_path, study, language) for language in ("fr", "en"))
    assert french.keys() == english.keys()
    assert french["extra"] == {"sentiment": [], "lora": []}
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
    assert rows["lora", "dose_4"]["group"] == "a7"
    assert rows["lora", "r8"]["group"] is None
    others = sum(row["wall_seconds"] for row in rows.values() if row["group"] == "a7")
    assert found["seconds"]["a7"] == pytest.approx(others)
    timing = found["timings"]["batch"]
    spent = timing["rows"] * sum(map(sum, timing["seconds_per_row"].values()))
    assert found["seconds"]["a3"] == pytest.approx(spent)
    runs = found["lora"]["r8"].runs
    assert rows["lora", "r8"]["wall_seconds"] == sum(run["wall_seconds"] for run in runs)
    assert rows["lora", "r8"]["peak_memory_mb"] == max(run["peak_memory_mb"] for run in runs)
    assert found["provenance"]["machines"] == [runs[0]["machine"]]
    assert found["provenance"]["computed"] == [("cpu", "bf16", "eager", 1)]
    assert found["provenance"]["git"] == {"commit": None, "modified": None}  # not in a repository
    assert found["provenance"]["packages"]["torch"]


def test_a_study_of_one_part_says_its_seeds_alone(tmp_path: Path) -> None:
    study = write_results(tmp_path, 5, runs=2)
    del study["parts"]["lora"]
    results = read_results(tmp_path, study, "fr")
    line = note(words_of("fr"), Numbers("fr"), study, results)
    assert line.endswith("Palier smoke. Graines\u00a0: 2")
