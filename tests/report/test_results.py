import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from findings.comparisons import rank_sweep
from rejeu.evaluation.quantities import read_losses
from rejeu.evaluation.statistics import estimate
from rejeu.job.whole_files import read_json
from tests.report.results_folder import LORA_FINDINGS, read_all, read_results, write_results

Results = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return read_results(folder, write_results(folder, 1, extra=True), "fr")


def test_a_run_s_files_become_one_result(results: Results, folder: Path) -> None:
    baseline = results["sentiment"]["baseline"]
    assert (baseline.name, baseline.title, len(baseline.seeds)) == ("baseline", "Modèle de base", 3)
    for place, seed in enumerate(baseline.seeds):
        run = folder / "results" / "smoke" / "sentiment" / "baseline" / f"seed{seed}"
        assert baseline.runs[place] == read_json(run / "run.json")
        assert baseline.metrics[place] == read_json(run / "metrics.json")
        assert baseline.losses[place] == read_losses(run / "log.jsonl")
        assert len(baseline.losses[place]) == baseline.runs[place]["steps"]
        assert np.mean(baseline.losses[place]) == pytest.approx(baseline.runs[place]["train_loss"])


def test_estimates_are_over_seeds(results: Results) -> None:
    baseline = results["sentiment"]["baseline"]
    assert baseline.estimates["accuracy"] == estimate([run["accuracy"] for run in baseline.metrics])
    half = [run["by_rule"]["logit_above_half"]["recall"] for run in baseline.metrics]
    assert baseline.by_rule("logit_above_half")["recall"] == estimate(half)
    assert baseline.by_rule("argmax") == baseline.estimates
    assert baseline.seconds == estimate([run["wall_seconds"] for run in baseline.runs])
    cells = baseline.mean_confusion
    assert cells["fn"] == pytest.approx(
        np.mean([run["confusion"]["fn"] for run in baseline.metrics])
    )
    assert sum(cells.values()) == pytest.approx(baseline.metrics[0]["n"])


def test_precision_that_one_seed_lacks_is_nobody_s(results: Results) -> None:
    baseline = results["sentiment"]["baseline"]
    lacking = [baseline.metrics[0], baseline.metrics[1] | {"precision": None}, baseline.metrics[2]]
    spoilt = replace(baseline, metrics=lacking)
    assert spoilt.estimates["precision"].mean is None
    assert spoilt.estimates["recall"].mean is not None


def test_marks_stand_at_the_reference_s_steps(results: Results) -> None:
    marks = results["sentiment"]["high_learning_rate"].marks
    assert [(mark.step, mark.reference) for mark in marks] == [(500, 0.6993), (1000, 0.6932)]
    assert [mark.share for mark in marks] == [500 / 1240, 1000 / 1240]


def test_marks_without_a_reference_stand_at_quarters(results: Results) -> None:
    added = results["sentiment"]["long_training"]
    assert added.reference is None
    assert [(mark.share, mark.step, mark.reference) for mark in added.marks] == [
        (0.25, None, None),
        (0.5, None, None),
        (0.75, None, None),
        (1.0, None, None),
    ]
    whole = [mark.ours.mean for mark in added.marks]
    assert None not in whole
    assert added.final_loss.mean == pytest.approx(
        np.mean([np.mean(losses[round(0.8 * len(losses)) :]) for losses in added.losses])
    )


def test_arguments_are_python(results: Results) -> None:
    sentiment, lora = results.values()
    text = sentiment["high_learning_rate"].arguments
    found = eval(text, {"TrainingArguments": dict})  # noqa: S307
    assert found["learning_rate"] == 2e-3
    assert found["per_device_train_batch_size"] == 32
    assert found["bf16"] is True
    assert found["seed"] == sentiment["high_learning_rate"].seeds[0]
    adapter, training = lora["r16"].arguments.split("\ntraining")
    assert eval(adapter, {"LoraConfig": dict})["r"] == 16  # noqa: S307
    assert eval("training" + training, {"training": dict})["max_steps"] == 200  # noqa: S307
    assert lora["r16"].rank == 16  # printing takes nothing away


def test_trainer_knows_its_printed_arguments(results: Results) -> None:
    from transformers import TrainingArguments  # noqa: PLC0415  imports torch

    printed = eval(results["sentiment"]["baseline"].arguments, {"TrainingArguments": dict})  # noqa: S307
    assert printed.keys() <= TrainingArguments.__dataclass_fields__.keys()


def test_lora_over_seeds(results: Results) -> None:
    r8, related = results["lora"]["r8"], results["lora"]["related"]
    assert r8.slots == 200 * 1 * 2
    assert r8.train_loss == estimate(r8.train_losses)
    assert r8.heldout_loss.mean == pytest.approx(np.mean([seed["loss"] for seed in r8.heldout]))
    assert r8.seed_range == max(r8.train_losses) - min(r8.train_losses)
    assert r8.text("trained") == r8.generation[0]["trained"]["text"] != r8.text("base")
    assert r8.texts_changed_from_base == related.texts_changed(r8) == 3
    assert r8.texts_changed(r8) == 0
    assert related.drawn == sum(run["added_row"]["times_drawn"] for run in related.runs)


def test_one_seed_has_no_range(tmp_path: Path) -> None:
    study = write_results(tmp_path, 2, runs=1, texts_change=False)
    sentiment, lora = read_results(tmp_path, study, "en").values()
    assert lora["r8"].seed_range is None
    assert lora["r8"].texts_changed_from_base == 0
    assert lora["related"].texts_changed(lora["r8"]) == 0
    assert sentiment["baseline"].estimates["accuracy"].low is None


@pytest.mark.parametrize(
    ("state", "count"), [("learned", 0), ("chance", 0), ("collapsed", 3), ("mixed", 2)]
)
def test_seeds_that_collapsed_are_counted(tmp_path: Path, state: str, count: int) -> None:
    study = write_results(tmp_path, 1, learning={"baseline": state})
    sentiment = read_results(tmp_path, study, "en")["sentiment"]
    assert sentiment["baseline"].collapsed_seeds == count
    assert sentiment["low_weight_decay"].collapsed_seeds == 0


def test_runs_are_compared_on_the_seeds_that_both_have(results: Results) -> None:
    r8, dose = results["lora"]["r8"], results["lora"]["dose_4"]
    fewer = replace(
        dose,
        seeds=[dose.seeds[2], 7, dose.seeds[0]],
        replies=dose.replies[::-1],
        generation=dose.generation[::-1],
    )
    assert fewer.away_from(r8, [10.0, 20.0, 30.0], [1.0, 2.0, 3.0]) == [7.0, 29.0]
    said = [
        ours["related"]["trained"] - theirs["related"]["trained"]
        for ours, theirs in zip(dose.replies, r8.replies, strict=True)
    ]
    assert dose.responses("related", r8) == said
    assert fewer.responses("related", r8) == [said[2], said[0]]
    assert (dose.texts_changed(r8), fewer.texts_changed(r8)) == (3, 2)
    assert dose.response("related", r8) == estimate(said)


def test_the_sweep_differs_in_nothing_but_the_rank(tmp_path: Path) -> None:
    sweep = rank_sweep(read_all(tmp_path, write_results(tmp_path, 1, extra=True)))
    assert {rank: result.name for rank, result in sweep.items()} == {
        4: "r4",
        8: "r8",
        16: "r16",
        32: "r32",
    }
    assert list(sweep) == sorted(sweep)


def test_losses_are_the_log_s(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"step": step, "loss": step / 4}) + "\n" for step in (1, 2)))
    assert read_losses(path) == [0.25, 0.5]


def measured(value: Any) -> Iterator[float]:
    """Every number with a fraction in a result file, but for settings."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield from (
                ()
                if key in ("settings", "learning_rate", "max_logit_difference_from_base")
                else measured(inside)
            )
    elif isinstance(value, list):
        for inside in value:
            yield from measured(inside)
    elif isinstance(value, float) and not value.is_integer() and value != 1.5:
        yield value


def test_two_seeds_of_results_share_no_value(tmp_path: Path) -> None:
    found = []
    for seed in (1, 2):
        # Few experiments of Part 1, whose metrics are shares of counts and meet by chance.
        write_results(tmp_path / str(seed), seed, findings=LORA_FINDINGS)
        files = sorted((tmp_path / str(seed)).rglob("*.json*"))
        judged = ("claims.json", "observations.json")  # hold margins and references
        files = [path for path in files if path.name not in judged]
        texts = [path.read_text(encoding="utf-8") for path in files if path.suffix == ".json"]
        texts += [
            line
            for path in files
            if path.suffix == ".jsonl"
            for line in path.read_text().splitlines()
        ]
        found.append({value for text in texts for value in measured(json.loads(text))})
    assert len(found[0]) > 500
    assert not found[0] & found[1]
    write_results(tmp_path / "again", 1, findings=LORA_FINDINGS)
    for path in (tmp_path / "1").rglob("*.json*"):
        assert (
            path.read_bytes()
            == (tmp_path / "again" / path.relative_to(tmp_path / "1")).read_bytes()
        )
