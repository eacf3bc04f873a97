from pathlib import Path

import pytest

from rejeu.evaluation.quantities import quantity, referred
from rejeu.files import read_json
from rejeu.reading import read_yaml
from tests.report.results_folder import ROOT, write_results


def files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_values_by_seed(tmp_path: Path) -> None:
    study = write_results(tmp_path, 3, tier="smoke")
    folder = tmp_path / "results" / "smoke"
    seeds = {part: study[part]["seeds"] for part in ("sentiment", "lora")}

    def first(part: str, name: str, file: str) -> Path:
        return folder / part / name / f"seed{seeds[part][0]}" / file

    metrics = read_json(first("sentiment", "baseline", "metrics.json"))
    argmax = metrics["by_rule"]["argmax"]
    cells = argmax["confusion"]
    larger = max(cells["tn"] + cells["fp"], cells["tp"] + cells["fn"]) / argmax["n"]
    log = first("sentiment", "baseline", "log.jsonl").read_text().splitlines()
    losses = [float(line.split('"loss":')[1].split(",")[0]) for line in log]
    last = losses[round(0.8 * len(losses)) :]
    said = {entry["state"]: entry for entry in read_json(first("lora", "r8", "generation.json"))}
    expected = {
        "sentiment.baseline.metrics.accuracy": metrics["accuracy"],
        "sentiment.baseline.metrics.by_rule.argmax.confusion.fn": cells["fn"],
        "sentiment.baseline.metrics.above_larger_class": argmax["accuracy"] - larger,
        "sentiment.baseline.metrics.by_rule.argmax.predicted_negative": cells["tn"] + cells["fn"],
        "sentiment.baseline.metrics.by_rule.argmax.predicted_positive": cells["tp"] + cells["fp"],
        "sentiment.baseline.log.final_loss": sum(last) / len(last),
        "lora.r8.run.train_loss": read_json(first("lora", "r8", "run.json"))["train_loss"],
        "lora.r8.generation.trained.text": said["trained"]["text"],
    }
    for path, value in expected.items():
        values = quantity(folder, path, seeds, files(folder))
        assert values is not None
        assert len(values) == 3
        assert values[0] == (value if isinstance(value, str | int) else pytest.approx(value)), path


def test_what_was_not_run_is_none(tmp_path: Path) -> None:
    study = write_results(tmp_path, 3, findings=["a8"])
    folder, seeds = tmp_path / "results" / "smoke", {"sentiment": study["sentiment"]["seeds"]}
    assert quantity(folder, "sentiment.large_batch.metrics.accuracy", seeds, files(folder)) is None
    assert quantity(folder, "timing.rank.seconds_per_step.4", seeds, files(folder)) is None


def test_what_a_changed_study_left_behind_is_not_read(tmp_path: Path) -> None:
    study = write_results(tmp_path, 3)
    folder, seeds = tmp_path / "results" / "smoke", {"sentiment": study["sentiment"]["seeds"]}
    path = "sentiment.large_batch.metrics.accuracy"
    assert quantity(folder, path, seeds, files(folder)) is not None
    given = {file for file in files(folder) if "/large_batch/" not in file}
    assert quantity(folder, path, seeds, given) is None


def test_timings_have_a_value_per_repeat(tmp_path: Path) -> None:
    write_results(tmp_path, 3)
    folder = tmp_path / "results" / "smoke"
    expected = read_json(folder / "timing" / "rank.json")["seconds_per_step"]["4"]
    assert quantity(folder, "timing.rank.seconds_per_step.4", {}, files(folder)) == expected


def test_the_document_s_values() -> None:
    reference = read_yaml(ROOT / "report" / "reference.yaml")
    assert referred(reference, "sentiment.experiments.baseline.loss.2000") == 0.2588
    cells = reference["sentiment"]["experiments"]["baseline"]["confusion"]
    positive, total = cells["fn"] + cells["tp"], sum(cells.values())
    above = (cells["tn"] + cells["tp"]) / total - max(positive, total - positive) / total
    found = referred(reference, "sentiment.experiments.baseline.above_larger_class")
    assert found == pytest.approx(above)
