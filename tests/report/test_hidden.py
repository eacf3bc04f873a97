import math
from typing import Any

import numpy as np
import pytest

from rejeu.evaluation.metrics import measure_by_rule
from rejeu.report import decisions, hidden
from rejeu.report.assignment import CHAIN, CROSSING, GRID
from rejeu.report.results import LoraResult, SentimentResult
from tests.report.results_folder import study_of

SEEDS = [42, 43, 44]
GENERATOR = np.random.default_rng(5)
LABELS = np.arange(400) % 2
NOISE = GENERATOR.normal(size=(3, 400)) + np.where(LABELS == 1, 0.7, -0.7)
PREDICTIONS = [(LABELS, np.column_stack([-margin, margin])) for margin in NOISE]


def sentiment(predictions: Any = PREDICTIONS, **settings: Any) -> SentimentResult:
    common = {"batch_size": 16, "learning_rate": 2e-5}
    return SentimentResult(
        name="a",
        title="A",
        seeds=SEEDS,
        runs=[{"settings": common | settings}] * len(SEEDS),
        losses=[[0.7]] * len(SEEDS),
        metrics=[measure_by_rule(*each) for each in predictions],
        reference=None,
    )


def lora(
    name: str,
    heldout: list[float],
    replies: list[dict[str, float]] | None = None,
    said: tuple[str, str] = ("base", "else"),
) -> LoraResult:
    """An experiment of the repository's study with these results, one per seed."""
    settings = study_of().lora.experiments[name].model_dump()
    entries = [("base", said[0], 0.0), ("trained", said[1], 3.0), ("reinitialised", said[0], 0.0)]
    states = {
        state: {"text": text, "max_logit_difference_from_base": away}
        for state, text, away in entries
    }
    return LoraResult(
        name=name,
        title=name,
        seeds=SEEDS,
        runs=[{"settings": settings, "train_loss": 2 * loss} for loss in heldout],
        losses=[[4.0]] * len(SEEDS),
        heldout=[{"loss": loss} for loss in heldout],
        generation=[states] * len(SEEDS),
        replies=[
            {row: {"tokens": 9, "base": -6.0, "trained": value} for row, value in each.items()}
            for each in replies or []
        ],
        stops=[{"prompts": 32, "stopped": count} for count in (0, 16, 32)],
        reference=None,
    )


# --- Part 1


def test_the_curve_at_the_notebook_s_threshold_is_the_notebook_s_rule() -> None:
    for (labels, logits), metrics in zip(PREDICTIONS, sentiment().metrics, strict=True):
        precision, recall = decisions.by_threshold(
            labels, logits[:, 1], np.array([decisions.NOTEBOOK_THRESHOLD])
        )
        rule = metrics["by_rule"]["logit_above_half"]
        assert (precision[0], recall[0]) == (rule["precision"], rule["recall"])


def test_a_threshold_above_all_logits_leaves_precision_undefined() -> None:
    precision, recall = decisions.by_threshold(LABELS, NOISE[0], np.array([-99.0, 99.0]))
    assert precision[0] == 0.5
    assert math.isnan(precision[1])
    assert recall.tolist() == [1.0, 0.0]


def test_argmax_stands_at_the_threshold_that_names_as_many_positive() -> None:
    rules = decisions.rules(PREDICTIONS)
    assert rules.precision.shape == rules.recall.shape == (3, 200)
    assert rules.thresholds[0] < decisions.NOTEBOOK_THRESHOLD < rules.thresholds[-1]
    for (_, logits), metrics, (threshold, *found) in zip(
        PREDICTIONS, sentiment().metrics, rules.argmax, strict=True
    ):
        argmax = metrics["by_rule"]["argmax"]
        assert found == [argmax["precision"], argmax["recall"]]
        assert (logits[:, 1] >= threshold).sum() == (logits[:, 1] > logits[:, 0]).sum()


def test_a_model_that_names_nothing_positive_can_be_drawn() -> None:
    rules = decisions.rules([(LABELS, np.column_stack([np.full(400, 0.2), np.full(400, -0.2)]))])
    ((threshold, precision, recall),) = rules.argmax
    assert (threshold, recall) == (-0.2, 0.0)
    assert math.isnan(precision)


def test_the_class_that_a_collapsed_run_names_depends_on_the_rule() -> None:
    positive = np.column_stack([np.full(400, 0.1), np.full(400, 0.2)])
    result = sentiment([PREDICTIONS[0], (LABELS, positive), (LABELS, positive[:, ::-1])])
    found = hidden.named([result])
    assert [(run.seed, run.argmax, run.logit_above_half) for run in found] == [
        (42, "both", "both"),
        (43, "positive", "negative"),
        (44, "negative", "negative"),
    ]
    assert hidden.mean_count(sentiment([(LABELS, positive)] * 3), "argmax", "fp").mean == 200


def test_accuracies_are_crossed_by_batch_and_rate() -> None:
    results = [
        sentiment(batch_size=size, learning_rate=rate) for size in (32, 16) for rate in (2e-3, 2e-5)
    ]
    crossed = hidden.crossed(results)
    assert crossed.keys() == {16, 32}
    assert crossed[16].keys() == {2e-5, 2e-3}
    assert crossed[32][2e-3] == [metrics["accuracy"] for metrics in results[0].metrics]


def test_the_larger_class_is_that_of_each_seed_s_split() -> None:
    fewer = LABELS[:300] * (np.arange(300) < 200)  # 100 of 300 positive
    result = sentiment([*PREDICTIONS[:2], (fewer, PREDICTIONS[2][1][:300])])
    assert hidden.larger_share(sentiment()) == 0.5
    assert hidden.larger_share(result) == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)


def test_the_chain_ends_with_the_run_started_fresh() -> None:
    starts = {
        name: settings.start_from for name, settings in study_of().sentiment.experiments.items()
    }
    results = {name: sentiment(start_from=before) for name, before in starts.items()}
    *chained, fresh = hidden.chain(results)
    before = [result.runs[0]["settings"]["start_from"] for result in chained]
    assert before == [None, *CHAIN[:2]]
    assert fresh is results["low_weight_decay"]
    assert starts["low_weight_decay"] is None


# --- Part 2


def test_the_losses_by_rank_and_scale_are_each_seed_s_away_from_r8() -> None:
    loss = {"r8": 5.0, "r4": 5.2, "r4_scale_1": 5.3, "r16_scale_1": 4.9, "r16": 4.8}
    results = {
        name: lora(name, [loss[name] + seed / 10 * (name == "r16") for seed in range(3)])
        for name in GRID
    }
    found = hidden.by_rank_and_scale(results)
    assert {rank: sorted(cells) for rank, cells in found.items()} == {
        8: [1.0],
        4: [1.0, 2.0],
        16: [0.5, 1.0],
    }
    assert found[8][1.0] == [0, 0, 0]
    assert found[4][2.0] == pytest.approx([0.2] * 3)
    assert found[16][0.5] == pytest.approx([-0.2, -0.1, 0.0])


def test_the_scale_is_alpha_by_the_rank_or_by_its_root() -> None:
    scales = {name: hidden.scale(lora(name, [4.0] * 3)) for name in GRID}
    assert scales == {"r4": 2, "r4_scale_1": 1, "r8": 1, "r16_scale_1": 1, "r16": 0.5}
    stabilised = lora("r16", [4.0] * 3)
    stabilised.runs[0]["settings"]["rank_stabilised"] = True
    assert hidden.scale(stabilised) == 2


def test_what_findings_show_is_run_for_them() -> None:
    """Each experiment of a figure or a table belongs to the finding, or to the document."""
    study = study_of()
    for part, names, finding in (
        ("sentiment", CHAIN, "a1"),
        ("sentiment", CROSSING, "a10"),
        ("lora", GRID, "a4"),
    ):
        known = getattr(study, part).experiments
        assert {known[name].finding for name in names} == {None, finding}


def dosed() -> dict[str, LoraResult]:
    """Related replies that gain 0 to 1 at rising doses, a placebo that gains at most 0.1.

    The other row's dose of one is no dose of the related row.
    """
    gains = {"r8": 0.0, "dose_64": 1.0, "unrelated_dose_1": 7.0}
    gains |= {"dose_16": 0.5, "dose_4": 0.1, "dose_1": 0.0}
    wobble = (-0.01, 0.0, 0.01)
    return {
        name: lora(
            name,
            [4.0] * 3,
            [
                {"related": -5 + gain + each, "placebo": -5 + min(gain, 0.1) - each}
                for each in (wobble if name != "r8" else (0.0,) * 3)
            ],
        )
        for name, gain in gains.items()
    }


def test_doses_come_in_order_and_begin_at_nothing() -> None:
    assert list(hidden.doses(dosed())) == [1, 4, 16, 64]
    responses = hidden.dose_responses(dosed(), "related")
    assert list(responses) == [0, 1, 4, 16, 64]
    assert responses[0] == [0, 0, 0]
    assert responses[64] == pytest.approx([0.99, 1.0, 1.01])
    assert hidden.dose_responses(dosed(), "placebo")[64] == pytest.approx([0.11, 0.1, 0.09])


def test_stops_and_texts_are_counted_by_seed() -> None:
    result = lora("r8", [4.0, 4.1, 4.2])
    assert hidden.shares_stopped(result) == [0, 0.5, 1]
    stopped = hidden.stopped(result)
    assert (stopped.mean, stopped.low, stopped.high) == (0.5, 0, 1)  # a share stays in 0 to 1
    assert hidden.same_text(result, "reinitialised") == 3
    assert hidden.same_text(result, "trained") == 0
    same = lora("related", [4.0] * 3, said=("base", "base"))
    assert hidden.same_texts([result, same], "trained") == 3
    assert hidden.logit_differences(result, "trained") == [3, 3, 3]
