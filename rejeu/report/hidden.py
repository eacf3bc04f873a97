"""What the chapter on the notebook's faults compares: runs that differ in one fault, by seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rejeu.evaluation.metrics import larger_class
from rejeu.evaluation.statistics import Estimate, estimate, share
from rejeu.report.results import LoraResult, SentimentResult

# Experiments of each finding's figure or table, the first being what the others stand beside.
CHAIN = (
    *("baseline", "high_learning_rate_chained"),
    *("low_weight_decay_chained", "low_weight_decay"),
)
CROSSING = ("baseline", "large_batch", "high_rate_alone", "high_learning_rate")
ACCURACY_MARGIN = 0.01  # one point: a smaller difference between numerics doesn't matter


def said(found: Estimate, around: float = 0.0) -> str:
    """Where an estimate lies: `higher`, `lower` or `unclear` by its whole interval.

    One value has no interval: `single`; without any value, or with an undefined one: `undefined`.
    """
    if found.mean is None:
        return "undefined"
    if found.low is None or found.high is None:
        return "single"
    if found.low > around:
        return "higher"
    return "lower" if found.high < around else "unclear"


def agreement(found: Estimate, margin: float) -> str:
    """`same` where the whole interval lies within `margin` of zero, `different` where it lies
    beyond it, else `unclear`; `single` and `undefined` as `said` has them.
    """
    if found.low is None or found.high is None:
        return said(found)
    if max(-found.low, found.high) < margin:
        return "same"
    return "different" if found.low > margin or found.high < -margin else "unclear"


def clear(found: Iterable[Estimate], word: str) -> int:
    """How many estimates lie clearly `higher`, or `lower`, than zero."""
    return sum(said(each) == word for each in found)


def differences(ours: Sequence[float | None], others: Sequence[float | None]) -> list[float | None]:
    """Ours minus theirs, seed by seed; undefined where either is."""
    return [
        None if our is None or other is None else our - other
        for our, other in zip(ours, others, strict=True)
    ]


def ratio(timing: Mapping[str, Sequence[float]], ours: int, other: int) -> Estimate:
    """Time of `ours` as a multiple of `other`'s, paired by repeat; keys as JSON has them."""
    pairs = zip(timing[str(ours)], timing[str(other)], strict=True)
    return estimate([our / theirs for our, theirs in pairs])


# --- Part 1


def accuracy_change(ours: SentimentResult, others: SentimentResult) -> Estimate:
    return metric_change(ours, "argmax", others, "argmax", "accuracy")


def metric_change(
    ours: SentimentResult, rule: str, others: SentimentResult, other_rule: str, metric: str
) -> Estimate:
    """A metric of ours under `rule` minus that of others under `other_rule`, paired by seed."""
    values, beside = (
        [metrics["by_rule"][name][metric] for metrics in result.metrics]
        for result, name in ((ours, rule), (others, other_rule))
    )
    return estimate(differences(values, beside))


def more_missed(result: SentimentResult, rule: str) -> int:
    """On how many seeds false negatives outnumber false positives under `rule`."""
    cells = [metrics["by_rule"][rule]["confusion"] for metrics in result.metrics]
    return sum(found["fn"] > found["fp"] for found in cells)


def mean_count(result: SentimentResult, rule: str, cell: str) -> Estimate:
    """The mean count of a confusion matrix's cell under `rule`."""
    return estimate([metrics["by_rule"][rule]["confusion"][cell] for metrics in result.metrics])


@dataclass(frozen=True)
class Named:
    """The class that one run names under each rule: `negative`, `positive`, or `both`."""

    title: str
    seed: int
    argmax: str
    logit_above_half: str


def named(results: Iterable[SentimentResult]) -> list[Named]:
    return [
        Named(
            result.title,
            seed,
            *(
                only_class(metrics["by_rule"][rule]["confusion"])
                for rule in ("argmax", "logit_above_half")
            ),
        )
        for result in results
        for seed, metrics in zip(result.seeds, result.metrics, strict=True)
    ]


def only_class(confusion: Mapping[str, int]) -> str:
    if confusion["tp"] + confusion["fp"] == 0:
        return "negative"
    return "positive" if confusion["tn"] + confusion["fn"] == 0 else "both"


def crossed(results: Iterable[SentimentResult]) -> dict[int, dict[float, list[float]]]:
    """Each seed's accuracy, by batch size and by learning rate."""
    found: dict[int, dict[float, list[float]]] = {}
    for result in results:
        settings = result.runs[0]["settings"]
        row = found.setdefault(settings["batch_size"], {})
        row[settings["learning_rate"]] = [metrics["accuracy"] for metrics in result.metrics]
    return found


def larger_share(result: SentimentResult) -> float:
    """The accuracy of always naming the larger class."""
    return larger_class(result.metrics[0]["confusion"])


# --- Part 2


def doses(lora: Mapping[str, LoraResult]) -> dict[int, LoraResult]:
    """The runs in which the related row takes a set number of slots, by that number."""
    dosed = {result.runs[0]["settings"]["dose"]: result for result in lora.values()}
    return {dose: dosed[dose] for dose in sorted(dose for dose in dosed if dose is not None)}


def dose_responses(lora: Mapping[str, LoraResult], row: str) -> dict[int, list[float]]:
    """Each seed's response by dose, against r8, which is dose 0."""
    return {0: [0.0] * len(lora["r8"].seeds)} | {
        dose: result.responses(row, lora["r8"]) for dose, result in doses(lora).items()
    }


def beyond_placebo(result: LoraResult, row: str, other: LoraResult) -> Estimate:
    """The response of `row`'s reply minus the placebo's, paired by seed."""
    reply, placebo = (result.responses(name, other) for name in (row, "placebo"))
    return estimate(differences(reply, placebo))


@dataclass(frozen=True)
class Traces:
    """The doses at which the related reply's response is clear, and where it passes the placebo's.

    `first_beyond`: whether the smallest dose is among `beyond`.
    """

    likelier: list[int]
    unlikelier: list[int]
    unclear: list[int]
    beyond: list[int]
    first_beyond: bool


def traces(lora: Mapping[str, LoraResult]) -> Traces:
    dosed, middle = doses(lora), lora["r8"]
    words = {dose: said(result.response("related", middle)) for dose, result in dosed.items()}
    beyond = [
        dose
        for dose, result in dosed.items()
        if said(beyond_placebo(result, "related", middle)) == "higher"
    ]
    return Traces(
        *(
            [dose for dose, found in words.items() if found == word]
            for word in ("higher", "lower", "unclear")
        ),
        beyond=beyond,
        first_beyond=min(dosed) in beyond,
    )


def shares_stopped(result: LoraResult) -> list[float]:
    """Each seed's share of replies that the model ended by itself; none where it wasn't run."""
    return [found["stopped"] / found["prompts"] for found in result.stops or []]


def stopped(result: LoraResult) -> Estimate:
    return share(shares_stopped(result))


def same_text(result: LoraResult, state: str) -> int:
    """On how many seeds the text from `state` is the base model's."""
    return sum(seed[state]["text"] == seed["base"]["text"] for seed in result.generation)


def same_texts(results: Iterable[LoraResult], state: str) -> int:
    return sum(same_text(result, state) for result in results)


def logit_differences(result: LoraResult, state: str) -> list[float]:
    return [seed[state]["max_logit_difference_from_base"] for seed in result.generation]


def equal_seeds(ours: LoraResult, others: LoraResult) -> int:
    """On how many seeds training and held-out losses are equal, bit for bit."""
    pairs: Any = zip(
        zip(ours.train_losses, ours.heldout_losses, strict=True),
        zip(others.train_losses, others.heldout_losses, strict=True),
        strict=True,
    )
    return sum(our == other for our, other in pairs)
