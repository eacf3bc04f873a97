"""What the report compares: runs that differ in one fault or one setting, by seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from rejeu.evaluation.metrics import collapsed, larger_class
from rejeu.evaluation.statistics import Estimate
from rejeu.report.evidence import Evidence
from rejeu.report.results import ClassifierResult, LoraResult
from rejeu.report.traced import computed, estimate, share


def compared(evidence: Evidence, part: str, name: str) -> list[Any]:
    """The results of a comparison, that with which the others are compared first.

    None where the tier doesn't run all of it.
    """
    return [evidence.results[part][each] for each in evidence.compared.get(name, [])]


def timed(evidence: Evidence, name: str, key: str) -> dict[int, list[float]]:
    """A timing's seconds by setting, one value per repeat."""
    return {int(setting): seconds for setting, seconds in evidence.timings[name][key].items()}


# --- Part 1


def errors(result: ClassifierResult) -> dict[str, dict[str, Estimate]]:
    """The mean counts of false negatives and false positives, by decision rule."""
    return {
        rule: {
            cell: estimate([each["by_rule"][rule]["confusion"][cell] for each in result.metrics])
            for cell in ("fn", "fp")
        }
        for rule in result.metrics[0]["by_rule"]
    }


@dataclass(frozen=True)
class Named:
    """The class that one run names under each rule: `negative`, `positive`, or `both`."""

    title: str
    seed: int
    argmax: str
    logit_above_half: str


def named(results: Iterable[ClassifierResult]) -> list[Named]:
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
    """The class that a run names throughout, or nearly (`metrics.collapsed`), else `both`."""
    if not collapsed(dict(confusion)):
        return "both"
    negative = confusion["tn"] + confusion["fn"]
    return "negative" if negative > confusion["tp"] + confusion["fp"] else "positive"


def crossed(results: Iterable[ClassifierResult]) -> dict[int, dict[float, list[float]]]:
    """Each seed's accuracy, by batch size and by learning rate."""
    accuracies: dict[int, dict[float, list[float]]] = {}
    for result in results:
        settings = result.runs[0]["settings"]
        row = accuracies.setdefault(settings["batch_size"], {})
        row[settings["learning_rate"]] = [metrics["accuracy"] for metrics in result.metrics]
    return accuracies


def larger_share(result: ClassifierResult) -> float:
    """The accuracy of always naming the larger class, in the mean over the seeds' splits."""
    return fmean(larger_class(metrics["confusion"]) for metrics in result.metrics)


# --- Part 2


def rank_sweep(evidence: Evidence) -> dict[int, LoraResult]:
    """The experiments that differ from r8 in nothing but their rank, by rank."""

    def rest(result: LoraResult) -> dict[str, Any]:
        settings = result.runs[0]["settings"]
        return {key: value for key, value in settings.items() if key not in ("rank", "seed")}

    same = rest(evidence.results["lora"]["r8"])
    swept = [
        result
        for result in compared(evidence, "lora", "sweep")
        if "added_row" not in result.runs[0] and rest(result) == same
    ]
    return {result.rank: result for result in sorted(swept, key=lambda result: result.rank)}


def doses(results: Iterable[LoraResult]) -> dict[int, LoraResult]:
    """The runs in which the related row takes a set number of slots, by that number."""
    dosed = {result.runs[0]["settings"]["dose"]: result for result in results}
    return {dose: dosed[dose] for dose in sorted(dose for dose in dosed if dose is not None)}


def dose_responses(results: Sequence[LoraResult], row: str) -> dict[int, list[float]]:
    """Each seed's response to the related row by dose, against the first, which is dose 0."""
    undosed = results[0]
    return {0: [0.0] * len(undosed.seeds)} | {
        dose: result.responses(row, undosed) for dose, result in doses(results).items()
    }


def shares_stopped(result: LoraResult) -> list[float]:
    """Each seed's share of replies that the model ended by itself; none where it wasn't run."""
    return [counted["stopped"] / counted["prompts"] for counted in result.stops or []]


def stopped(result: LoraResult) -> Estimate:
    return share(shares_stopped(result))


def span(values: Sequence[float]) -> str:
    """How to show values from least to most: `nothing`, `one` or a `range`."""
    if max(values) == 0:
        return "nothing"
    return "one" if len(values) == 1 else "range"


def loading(result: LoraResult) -> dict[str, dict[str, Any]]:
    """What loading an adapter does, by the state that was loaded.

    That is on how many seeds its text is the base model's, and the least and the most, over seeds,
    of how far a logit lies from the base model's.
    """
    states = {}
    for state in ("reinitialised", "trained"):
        away = [seed[state]["max_logit_difference_from_base"] for seed in result.generation]
        texts = [(seed[state]["text"], seed["base"]["text"]) for seed in result.generation]
        same = computed(sum(text == base for text, base in texts), texts)
        states[state] = {"same_text": same, "least": min(away), "most": max(away)}
        states[state]["word"] = span(away)
    return states


def by_rank_and_scale(results: Sequence[LoraResult]) -> dict[int, dict[float, list[float]]]:
    """Each seed's held-out loss minus the first result's, by rank and scale."""
    middle = results[0]
    differences: dict[int, dict[float, list[float]]] = {}
    for result in results:
        away = result.away_from(middle, result.heldout_losses, middle.heldout_losses)
        differences.setdefault(result.rank, {})[scale(result)] = away
    return differences


def scale(result: LoraResult) -> float:
    """What multiplies B A: alpha / r, or alpha / sqrt(r) where rank-stabilised (2312.03732)."""
    settings = result.runs[0]["settings"]
    power = 0.5 if settings["rank_stabilised"] else 1
    return round(settings["alpha"] / settings["rank"] ** power, 6)
