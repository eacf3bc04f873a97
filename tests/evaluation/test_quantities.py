from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rejeu.evaluation.quantities import Results, referred
from rejeu.job.whole_files import read_json, write_json
from rejeu.study.strict_reading import read_yaml
from tests.report.results_folder import ROOT, results_of, study_of, write_results


def written(tmp_path: Path, **changes: Any) -> Results:
    study = write_results(tmp_path, 3, **changes)
    seeds = {part: study[part]["seeds"] for part in ("sentiment", "lora")}
    return results_of(tmp_path / "results" / "smoke", seeds, study_of())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return written(tmp_path_factory.mktemp("results"))


def first(results: Results, part: str, name: str, file: str) -> Path:
    return results.folder / part / name / f"seed{results.seeds[part][name][0]}" / file


def test_values_by_seed(results: Results) -> None:
    metrics = read_json(first(results, "sentiment", "baseline", "metrics.json"))
    argmax, rule = metrics["by_rule"]["argmax"], metrics["by_rule"]["logit_above_half"]
    cells = argmax["confusion"]
    larger = max(cells["tn"] + cells["fp"], cells["tp"] + cells["fn"]) / argmax["n"]
    log = first(results, "sentiment", "baseline", "log.jsonl").read_text().splitlines()
    losses = [float(line.split('"loss":')[1].split(",")[0]) for line in log]
    middle = losses[round(0.4 * len(losses)) : round(0.6 * len(losses))]
    said = read_json(first(results, "lora", "r8", "generation.json"))
    replies = read_json(first(results, "lora", "dose_4", "replies.json"))
    stops = read_json(first(results, "lora", "r8", "stops.json"))
    expected = {
        "sentiment.baseline.metrics.accuracy": metrics["accuracy"],
        "sentiment.baseline.metrics.by_rule.argmax.confusion.fn": cells["fn"],
        "sentiment.baseline.metrics.larger_class": larger,
        "sentiment.baseline.metrics.above_larger_class": argmax["accuracy"] - larger,
        "sentiment.baseline.metrics.by_rule.argmax.predicted_negative": cells["tn"] + cells["fn"],
        "sentiment.baseline.metrics.by_rule.argmax.predicted_positive": cells["tp"] + cells["fp"],
        "sentiment.baseline.metrics.by_rule.logit_above_half.precision_or_zero": rule["precision"],
        "sentiment.baseline.log.middle_loss": np.mean(middle),
        "sentiment.baseline.log.final_loss": np.mean(losses[round(0.8 * len(losses)) :]),
        "lora.r8.run.train_loss": read_json(first(results, "lora", "r8", "run.json"))["train_loss"],
        "lora.r8.generation.trained.text": {row["state"]: row for row in said}["trained"]["text"],
        "lora.r8.stops.share_stopped": stops["stopped"] / stops["prompts"],
        "lora.dose_4.replies.related.beyond_placebo": replies["related"]["trained"]
        - replies["placebo"]["trained"],
    }
    for path, value in expected.items():
        values = results.quantity(path)
        part, name, *_ = path.split(".")
        assert values is not None
        assert list(values) == results.seeds[part][name], path
        found = next(iter(values.values()))
        assert found == (value if isinstance(value, str | int) else pytest.approx(value)), path


def test_precision_of_naming_nothing_positive(tmp_path: Path) -> None:
    """As the notebook prints it: 0, where it is undefined."""
    results = written(tmp_path, learning={"baseline": "collapsed"})
    rule = "sentiment.baseline.metrics.by_rule.argmax"
    assert set((results.quantity(f"{rule}.precision") or {}).values()) == {None}
    assert set((results.quantity(f"{rule}.precision_or_zero") or {}).values()) == {0.0}


@pytest.mark.parametrize(
    "path",
    [
        "sentiment.large_batch.metrics.accuracy",
        "sentiment.unheard_of.metrics.accuracy",
        "timing.rank.seconds_per_step.4",
    ],
)
def test_what_was_not_run_is_none(tmp_path: Path, path: str) -> None:
    assert written(tmp_path, findings=["a8"]).quantity(path) is None


def test_what_a_changed_study_left_behind_is_not_read(results: Results) -> None:
    path = "sentiment.large_batch.metrics.accuracy"
    assert results.quantity(path) is not None
    given = {file for file in results.given if "/large_batch/" not in file}
    assert replace(results, given=given).quantity(path) is None


def test_runs_that_are_not_all_there_are_not_read(results: Results) -> None:
    lost = str(first(results, "sentiment", "baseline", "metrics.json"))
    partly = replace(results, given=set(results.given) - {lost})
    assert partly.quantity("sentiment.baseline.metrics.accuracy") is None
    assert partly.quantity("sentiment.baseline.log.final_loss") is not None


def test_experiments_have_their_own_seeds(results: Results) -> None:
    seeds, path = results.seeds["lora"]["dose_4"], "lora.dose_4.heldout.loss"
    fewer = {"lora": {"dose_4": seeds[:2], "r8": seeds}}
    here = replace(results, seeds=fewer, own={"lora": {"dose_4": seeds[:1]}})
    assert list(here.quantity(path) or {}) == seeds[:2]
    assert list(here.quantity("lora.r8.heldout.loss") or {}) == seeds
    assert here.own_seeds(path) == seeds[:1]
    assert here.own_seeds("lora.r8.heldout.loss") == []
    assert here.own_seeds("timing.rank.seconds_per_step.4") is None


def test_timings_have_a_value_per_repeat(results: Results) -> None:
    seconds = read_json(results.folder / "timing" / "rank.json")["seconds_per_step"]["4"]
    assert results.quantity("timing.rank.seconds_per_step.4") == dict(enumerate(seconds))


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        ("learned", ["usual"] * 3),
        ("chance", ["usual"] * 3),
        ("collapsed", ["collapsed"] * 3),
        ("mixed", ["collapsed", "usual", "collapsed"]),
    ],
)
def test_kinds_of_runs(tmp_path: Path, state: str, kinds: list[str]) -> None:
    results = written(tmp_path, learning={"baseline": state})
    seeds = results.seeds["sentiment"]["baseline"]
    path = "sentiment.baseline.log.final_loss"  # whatever is measured on them
    assert results.kinds(path) == dict(zip(seeds, kinds, strict=True))
    assert set(results.kinds("lora.r8.heldout.loss").values()) == {"usual"}
    assert results.kinds("timing.rank.seconds_per_step.4") == {}


@pytest.mark.parametrize("part", ["sentiment", "lora"])
def test_a_run_that_diverged_is_of_that_kind(tmp_path: Path, part: str) -> None:
    """Even where what it left names one class."""
    results = written(tmp_path, learning="collapsed")
    name = {"sentiment": "baseline", "lora": "r8"}[part]
    run = first(results, part, name, "run.json")
    write_json(run, read_json(run) | {"diverged_at": 7})
    found = list(results.kinds(f"{part}.{name}.run.train_loss").values())
    assert found == ["diverged", *2 * [{"sentiment": "collapsed", "lora": "usual"}[part]]]


def test_the_device_is_the_one_that_all_runs_had(tmp_path: Path) -> None:
    results = written(tmp_path)
    assert results.device() == "cpu"
    run = first(results, "lora", "r8", "run.json")
    write_json(run, read_json(run) | {"device": "cuda"})
    assert results.device() is None
    assert replace(results, seeds={"lora": {"r8": results.seeds["lora"]["r8"][:1]}}).device() == (
        "cuda"
    )
    assert replace(results, given=set()).device() is None


def test_the_document_s_values() -> None:
    reference = read_yaml(ROOT / "report" / "reference.yaml")
    assert referred(reference, "sentiment.experiments.baseline.loss.2000") == 0.2588
    cells = reference["sentiment"]["experiments"]["baseline"]["confusion"]
    positive, total = cells["fn"] + cells["tp"], sum(cells.values())
    larger = max(positive, total - positive) / total
    above = (cells["tn"] + cells["tp"]) / total - larger
    of = "sentiment.experiments.baseline"
    assert referred(reference, f"{of}.above_larger_class") == pytest.approx(above)
    assert referred(reference, f"{of}.larger_class") == pytest.approx(larger)
