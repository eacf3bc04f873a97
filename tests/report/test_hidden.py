import math
from typing import Any

import numpy as np
import pytest

from rejeu.evaluation.metrics import measure_by_rule
from rejeu.evaluation.statistics import Estimate
from rejeu.report import decisions, grid, hidden
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


@pytest.mark.parametrize(
    ("low", "high", "around", "word"),
    [
        (0.1, 0.3, 0, "higher"),
        (-0.3, -0.1, 0, "lower"),
        (-0.1, 0.3, 0, "unclear"),
        (0.1, 0.3, 1, "lower"),
        (1.0, 1.2, 1, "unclear"),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, around: float, word: str) -> None:
    assert hidden.said(Estimate((low + high) / 2, low, high, 3), around) == word


def test_one_value_and_an_undefined_one_have_words_of_their_own() -> None:
    assert hidden.said(Estimate(0.2, None, None, 1)) == "single"
    assert hidden.said(Estimate(None, None, None, 3)) == "undefined"
    assert hidden.agreement(Estimate(0.0, None, None, 1), 0.01) == "single"


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.009, 0.009, "same"),
        (-0.009, 0.01, "unclear"),
        (-0.03, -0.011, "different"),
        (0.011, 0.03, "different"),
        (-0.02, 0.0, "unclear"),
    ],
)
def test_sameness_needs_the_interval_within_the_margin(low: float, high: float, word: str) -> None:
    assert hidden.agreement(Estimate((low + high) / 2, low, high, 3), 0.01) == word


def test_differences_and_ratios_are_paired() -> None:
    assert hidden.differences([0.5, None, 0.5], [0.25, 0.5, None]) == [0.25, None, None]
    ratio = hidden.ratio({"16": [1.0, 2.0, 4.0], "32": [1.5, 3.0, 6.0]}, 32, 16)
    assert (ratio.mean, ratio.low, ratio.high) == (1.5, 1.5, 1.5)


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


def test_a_metric_undefined_on_one_seed_leaves_its_change_undefined() -> None:
    result = sentiment([*PREDICTIONS[:2], (LABELS, np.zeros((400, 2)))])
    change = hidden.metric_change(result, "logit_above_half", result, "argmax", "precision")
    assert hidden.said(change) == "undefined"
    recall = hidden.metric_change(result, "logit_above_half", result, "argmax", "recall")
    expected = [
        metrics["by_rule"]["logit_above_half"]["recall"] - metrics["recall"]
        for metrics in result.metrics
    ]
    assert recall.mean == pytest.approx(np.mean(expected))


def test_the_class_that_a_collapsed_run_names_depends_on_the_rule() -> None:
    positive = np.column_stack([np.full(400, 0.1), np.full(400, 0.2)])
    result = sentiment([PREDICTIONS[0], (LABELS, positive), (LABELS, positive[:, ::-1])])
    found = hidden.named([result])
    assert [(run.seed, run.argmax, run.logit_above_half) for run in found] == [
        (42, "both", "both"),
        (43, "positive", "negative"),
        (44, "negative", "negative"),
    ]
    assert hidden.more_missed(result, "argmax") == 1 + (
        result.metrics[0]["confusion"]["fn"] > result.metrics[0]["confusion"]["fp"]
    )
    assert hidden.mean_count(sentiment([(LABELS, positive)] * 3), "argmax", "fp").mean == 200


def test_accuracies_are_crossed_by_batch_and_rate() -> None:
    results = [
        sentiment(batch_size=size, learning_rate=rate) for size in (32, 16) for rate in (2e-3, 2e-5)
    ]
    crossed = hidden.crossed(results)
    assert crossed.keys() == {16, 32}
    assert crossed[16].keys() == {2e-5, 2e-3}
    assert crossed[32][2e-3] == [metrics["accuracy"] for metrics in results[0].metrics]
    assert hidden.larger_share(results[0]) == 0.5


# --- Part 2


def gridded() -> dict[str, LoraResult]:
    """Held-out losses that a doubled rank raises by 0.1 and a doubled scale lowers by 0.01."""
    study = study_of().lora.experiments
    loss = {
        name: 5
        + 0.1 * math.log2(study[name].rank)
        - 0.01 * math.log2(study[name].alpha / study[name].rank)
        for name in grid.EXPERIMENTS
    }
    return {name: lora(name, [loss[name] + seed / 100 for seed in range(3)]) for name in loss}


def test_the_grid_of_the_study_is_complete() -> None:
    found = grid.read_grid(gridded())
    assert (found.ranks, found.scales) == ([4, 8, 16], [0.5, 1.0, 2.0])
    assert all(sorted(row) == found.scales for row in found.cells.values())
    assert list(found.stabilised) == [4, 8, 16]
    # alpha / sqrt(r) with one alpha: what r8 has, and sqrt(2) times more or less of it
    scales = [grid.scale(result) for result in found.stabilised.values()]
    assert scales == pytest.approx([math.sqrt(2), 1, math.sqrt(0.5)])


def test_rank_and_scale_are_told_apart() -> None:
    effects = {
        label: (
            grid.effect(pairs, "heldout_losses").mean,
            grid.effect(pairs, "train_losses").mean,
        )
        for label, pairs in grid.read_grid(gridded()).contrasts
    }
    assert effects["rank"] == pytest.approx((0.2, 0.4))
    assert effects["scale"] == pytest.approx((-0.02, -0.04))
    assert effects["notebook"] == pytest.approx((0.22, 0.44))  # both at once


def test_an_effect_s_interval_is_over_seeds() -> None:
    pairs = [
        (lora("r16", [1.0, 1.2, 1.4]), lora("r4", [1.0, 1.0, 1.0])),
        (lora("r16", [1.2, 1.4, 1.6]), lora("r4", [1.0, 1.0, 1.0])),
    ]
    found = grid.effect(pairs, "heldout_losses")
    assert found.n == 3
    assert found.mean == pytest.approx(0.3)  # of 0.1, 0.3 and 0.5: t is 4.303
    assert found.high == pytest.approx(0.3 + 4.3027 * 0.2 / math.sqrt(3), abs=1e-4)


def test_the_figure_shows_each_seed_away_from_r8() -> None:
    by_rank, stabilised = grid.away_from_r8(gridded())
    assert by_rank[8][1.0] == stabilised[1.0] == [0, 0, 0]
    assert by_rank[16][0.5] == pytest.approx([0.11] * 3)


def dosed() -> dict[str, LoraResult]:
    """Related replies that gain 0, 0.1 and 1 at rising doses, a placebo that gains the 0.1."""
    gains = {"r8": 0.0, "dose_64": 1.0, "dose_4": 0.1, "dose_1": 0.0}
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
    assert list(hidden.doses(dosed())) == [1, 4, 64]
    responses = hidden.dose_responses(dosed(), "related")
    assert list(responses) == [0, 1, 4, 64]
    assert responses[0] == [0, 0, 0]
    assert responses[64] == pytest.approx([0.99, 1.0, 1.01])


def test_a_trace_is_what_passes_the_placebo() -> None:
    found = hidden.traces(dosed())
    assert (found.likelier, found.unlikelier, found.unclear) == ([4, 64], [], [1])
    assert (found.beyond, found.first_beyond) == ([64], False)


def test_stops_texts_and_equality_are_counted_by_seed() -> None:
    result = lora("r8", [4.0, 4.1, 4.2])
    assert hidden.shares_stopped(result) == [0, 0.5, 1]
    stopped = hidden.stopped(result)
    assert (stopped.mean, stopped.low, stopped.high) == (0.5, 0, 1)  # a share stays in 0 to 1
    assert hidden.same_text(result, "reinitialised") == 3
    assert hidden.same_text(result, "trained") == 0
    same = lora("related", [4.0] * 3, said=("base", "base"))
    assert hidden.same_texts([result, same], "trained") == 3
    assert hidden.logit_differences(result, "trained") == [3, 3, 3]
    assert hidden.equal_seeds(result, lora("r8_chained", [4.0, 4.1, math.nextafter(4.2, 5)])) == 2
