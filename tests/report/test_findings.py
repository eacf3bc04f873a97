import math
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from jinja2 import nodes

from findings import comparisons, deductions, threshold_curves
from findings.threshold_curves import NOTEBOOK_THRESHOLD
from rejeu.evaluation.metrics import measure_by_rule
from rejeu.report.results import ClassifierResult, LoraResult
from rejeu.report.write import environment
from tests.report.results_folder import ROOT, study_of

GRID = ("r8", "r4", "r4_scale_1", "r16_scale_1", "r16")
SEEDS = [42, 43, 44]
GENERATOR = np.random.default_rng(5)
LABELS = np.arange(400) % 2
NOISE = GENERATOR.normal(size=(3, 400)) + np.where(LABELS == 1, 0.7, -0.7)
PREDICTIONS = [(LABELS, np.column_stack([-margin, margin])) for margin in NOISE]


def sentiment(predictions: Any = PREDICTIONS, **settings: Any) -> ClassifierResult:
    common = {"batch_size": 16, "learning_rate": 2e-5}
    return ClassifierResult(
        name="a",
        place=0,
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
    settings = study_of().parts["lora"].experiments[name].model_dump()
    entries = [("base", said[0], 0.0), ("trained", said[1], 3.0), ("reinitialised", said[0], 0.0)]
    states = {
        state: {"text": text, "max_logit_difference_from_base": away}
        for state, text, away in entries
    }
    return LoraResult(
        name=name,
        place=0,
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
        precision, recall = threshold_curves.by_threshold(
            labels, logits[:, 1], np.array([NOTEBOOK_THRESHOLD])
        )
        rule = metrics["by_rule"]["logit_above_half"]
        assert (precision[0], recall[0]) == (rule["precision"], rule["recall"])


def test_a_threshold_above_all_logits_leaves_precision_undefined() -> None:
    precision, recall = threshold_curves.by_threshold(LABELS, NOISE[0], np.array([-99.0, 99.0]))
    assert precision[0] == 0.5
    assert math.isnan(precision[1])
    assert recall.tolist() == [1.0, 0.0]


def test_argmax_stands_at_the_threshold_that_names_as_many_positive() -> None:
    rules = threshold_curves.rules(PREDICTIONS)
    assert rules.precision.shape == rules.recall.shape == (3, 200)
    assert rules.thresholds[0] < NOTEBOOK_THRESHOLD < rules.thresholds[-1]
    for (_, logits), metrics, (threshold, *found) in zip(
        PREDICTIONS, sentiment().metrics, rules.argmax, strict=True
    ):
        argmax = metrics["by_rule"]["argmax"]
        assert found == [argmax["precision"], argmax["recall"]]
        assert (logits[:, 1] >= threshold).sum() == (logits[:, 1] > logits[:, 0]).sum()


def test_a_model_that_names_nothing_positive_can_be_drawn() -> None:
    rules = threshold_curves.rules(
        [(LABELS, np.column_stack([np.full(400, 0.2), np.full(400, -0.2)]))]
    )
    ((threshold, precision, recall),) = rules.argmax
    assert (threshold, recall) == (-0.2, 0.0)
    assert math.isnan(precision)


def test_the_class_that_a_collapsed_run_names_depends_on_the_rule() -> None:
    positive = np.column_stack([np.full(400, 0.1), np.full(400, 0.2)])
    result = sentiment([PREDICTIONS[0], (LABELS, positive), (LABELS, positive[:, ::-1])])
    found = comparisons.named([result])
    assert [(run.seed, run.argmax, run.logit_above_half) for run in found] == [
        (42, "both", "both"),
        (43, "positive", "negative"),
        (44, "negative", "negative"),
    ]
    assert comparisons.errors(sentiment([(LABELS, positive)] * 3))["argmax"]["fp"].mean == 200


def test_accuracies_are_crossed_by_batch_and_rate() -> None:
    results = [
        sentiment(batch_size=size, learning_rate=rate) for size in (32, 16) for rate in (2e-3, 2e-5)
    ]
    crossed = comparisons.crossed(results)
    assert crossed.keys() == {16, 32}
    assert crossed[16].keys() == {2e-5, 2e-3}
    assert crossed[32][2e-3] == [metrics["accuracy"] for metrics in results[0].metrics]


def test_the_larger_class_is_that_of_each_seed_s_split() -> None:
    fewer = LABELS[:300] * (np.arange(300) < 200)  # 100 of 300 positive
    result = sentiment([*PREDICTIONS[:2], (fewer, PREDICTIONS[2][1][:300])])
    assert comparisons.larger_share(sentiment()) == 0.5
    assert comparisons.larger_share(result) == pytest.approx((0.5 + 0.5 + 2 / 3) / 3)


# --- Part 2


def test_the_losses_by_rank_and_scale_are_each_seed_s_away_from_r8() -> None:
    loss = {"r8": 5.0, "r4": 5.2, "r4_scale_1": 5.3, "r16_scale_1": 4.9, "r16": 4.8}
    results = {
        name: lora(name, [loss[name] + seed / 10 * (name == "r16") for seed in range(3)])
        for name in GRID
    }
    found = comparisons.by_rank_and_scale(list(results.values()))
    assert {rank: sorted(cells) for rank, cells in found.items()} == {
        8: [1.0],
        4: [1.0, 2.0],
        16: [0.5, 1.0],
    }
    assert found[8][1.0] == [0, 0, 0]
    assert found[4][2.0] == pytest.approx([0.2] * 3)
    assert found[16][0.5] == pytest.approx([-0.2, -0.1, 0.0])


def test_the_scale_is_alpha_by_the_rank_or_by_its_root() -> None:
    scales = {name: comparisons.scale(lora(name, [4.0] * 3)) for name in GRID}
    assert scales == {"r4": 2, "r4_scale_1": 1, "r8": 1, "r16_scale_1": 1, "r16": 0.5}
    stabilised = lora("r16", [4.0] * 3)
    stabilised.runs[0]["settings"]["rank_stabilised"] = True
    assert comparisons.scale(stabilised) == 2


def dosed() -> list[LoraResult]:
    """Related replies that gain 0 to 1 at rising doses, a placebo that gains at most 0.1."""
    gains = {"r8": 0.0, "dose_64": 1.0}
    gains |= {"dose_16": 0.5, "dose_4": 0.1, "dose_1": 0.0}
    wobble = (-0.01, 0.0, 0.01)
    return [
        lora(
            name,
            [4.0] * 3,
            [
                {"related": -5 + gain + each, "placebo": -5 + min(gain, 0.1) - each}
                for each in (wobble if name != "r8" else (0.0,) * 3)
            ],
        )
        for name, gain in gains.items()
    ]


def test_doses_come_in_order_and_begin_at_nothing() -> None:
    assert list(comparisons.doses(dosed())) == [1, 4, 16, 64]
    responses = comparisons.dose_responses(dosed(), "related")
    assert list(responses) == [0, 1, 4, 16, 64]
    assert responses[0] == [0, 0, 0]
    assert responses[64] == pytest.approx([0.99, 1.0, 1.01])
    assert comparisons.dose_responses(dosed(), "placebo")[64] == pytest.approx([0.11, 0.1, 0.09])


def test_stops_and_texts_are_counted_by_seed() -> None:
    result = lora("r8", [4.0, 4.1, 4.2])
    assert comparisons.shares_stopped(result) == [0, 0.5, 1]
    stopped = comparisons.stopped(result)
    assert (stopped.mean, stopped.low, stopped.high) == (0.5, 0, 1)  # a share stays in 0 to 1
    assert comparisons.loading(result) == {
        "reinitialised": {"same_text": 3, "least": 0, "most": 0, "word": "nothing"},
        "trained": {"same_text": 0, "least": 3, "most": 3, "word": "range"},
    }
    same = comparisons.loading(lora("related", [4.0] * 3, said=("base", "base")))
    assert same["trained"]["same_text"] == 3


# --- Deductions


@pytest.mark.parametrize(
    ("rank", "scales", "word"),
    [
        ("lower", ["lower", "lower"], "against"),
        ("lower", ["higher", "higher"], "together"),
        ("same", ["lower", "lower"], "only_scale"),
        ("higher", ["same", "same"], "only_rank"),
        ("same", ["same", "same"], "neither"),
        ("same", ["lower", "higher"], "open"),
        ("lower", ["lower", "same"], "open"),
        ("unclear", ["lower", "lower"], "open"),
        ("missing", ["missing", "missing"], "open"),
    ],
)
def test_rank_or_scale(rank: str, scales: list[str], word: str) -> None:
    assert deductions.rank_or_scale(rank, scales) == word


@pytest.mark.parametrize(
    ("learned", "by_rule", "by_argmax", "word"),
    [
        (False, "higher", "same", "not_learned"),
        (True, "higher", "lower", "rule"),
        (True, "higher", "higher", "beyond_rule"),
        (True, "same", "higher", "none"),
        (True, "higher", "unclear", "open"),
        (True, "unclear", "same", "open"),
    ],
)
def test_surplus(learned: bool, by_rule: str, by_argmax: str, word: str) -> None:
    assert deductions.surplus(learned, by_rule, by_argmax) == word


@pytest.mark.parametrize(
    ("rates", "batches", "word"),
    [
        (["lower", "lower"], ["same", "same"], "rate"),
        (["lower", "lower"], ["same", "higher"], "rate_and_batch"),
        (["lower", "lower"], ["same", "unclear"], "rate_at_least"),
        (["lower", "unclear"], ["same", "same"], "open"),
        (["needs", "needs"], ["needs", "needs"], "open"),
        (["lower", "undefined"], ["same", "same"], "open"),
        (["lower", "same"], ["same", "lower"], "depends"),
        (["same", "same"], ["same", "same"], "not_rate"),
        (["higher", "same"], ["lower", "same"], "not_rate"),
    ],
)
def test_blame(rates: list[str], batches: list[str], word: str) -> None:
    assert deductions.blame(rates, batches) == word


def test_a_text_that_never_changed() -> None:
    found = [deductions.constant_text(9, *each) for each in ((8, 0), (9, 0), (9, 4), (9, 9))]
    assert found == ["unexplained", "all_speak", "some_speak", "none_speaks"]


def test_what_collapsed_runs_tell_of_all_negative() -> None:
    both, rule, positive = (
        comparisons.Named("a", 1, argmax, by_rule)
        for argmax, by_rule in (
            ("negative", "negative"),
            ("positive", "negative"),
            ("positive", "positive"),
        )
    )
    cases = ([], [both], [both, rule], [rule, positive])
    told = ["no_collapse", "both_alike", "rule", "not_always"]
    assert [deductions.naming(stuck) for stuck in cases] == told


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_word_has_its_sentence(language: str) -> None:
    """Where a template maps a word to sentences, it has one for each word there is."""
    words = {
        frozenset(get_args(each))
        for each in vars(deductions).values()
        if get_origin(each) is Literal
    }
    mapped: dict[str, frozenset[str]] = {}
    for path in (ROOT / "report" / language).glob("*.qmd.j2"):
        tree = environment(path.parent).parse(path.read_text(encoding="utf-8"))
        for node in tree.find_all(nodes.Getitem):
            if isinstance(node.node, nodes.Dict):
                keys = frozenset(pair.key.as_const() for pair in node.node.items)
                mapped[str(node.arg)] = keys
    assert len(mapped) >= 12
    # `no_collapse` has a sentence of its own.
    assert all({keys, keys | {"no_collapse"}} & words for keys in mapped.values())
