"""What the chapter on the notebook's faults compares: runs that differ in one fault, by seed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from rejeu.evaluation.metrics import larger_class
from rejeu.evaluation.statistics import Estimate, estimate, share
from rejeu.report.assignment import CHAIN, DOSES, GRID
from rejeu.report.results import LoraResult, SentimentResult

# --- Part 1


def chain(sentiment: Mapping[str, SentimentResult]) -> list[SentimentResult]:
    """The runs that start from one another, and the last of them started fresh."""
    return [sentiment[name] for name in CHAIN]


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
    """The accuracy of always naming the larger class, in the mean over the seeds' splits."""
    return fmean(larger_class(metrics["confusion"]) for metrics in result.metrics)


# --- Part 2


def doses(lora: Mapping[str, LoraResult]) -> dict[int, LoraResult]:
    """The runs in which the related row takes a set number of slots, by that number."""
    dosed = {lora[name].runs[0]["settings"]["dose"]: lora[name] for name in DOSES}
    return {dose: dosed[dose] for dose in sorted(dose for dose in dosed if dose is not None)}


def dose_responses(lora: Mapping[str, LoraResult], row: str) -> dict[int, list[float]]:
    """Each seed's response to the related row by dose, against r8, which is dose 0."""
    return {0: [0.0] * len(lora["r8"].seeds)} | {
        dose: result.responses(row, lora["r8"]) for dose, result in doses(lora).items()
    }


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


def by_rank_and_scale(
    lora: Mapping[str, LoraResult],
) -> dict[int, dict[float, list[float]]]:
    """Each seed's held-out loss minus r8's, by rank and scale."""
    found: dict[int, dict[float, list[float]]] = {}
    for name in GRID:
        result = lora[name]
        away = result.away_from(lora["r8"], result.heldout_losses, lora["r8"].heldout_losses)
        found.setdefault(result.rank, {})[scale(result)] = away
    return found


def scale(result: LoraResult) -> float:
    """What multiplies B A: alpha / r, or alpha / sqrt(r) where rank-stabilised (2312.03732)."""
    settings = result.runs[0]["settings"]
    power = 0.5 if settings["rank_stabilised"] else 1
    return round(settings["alpha"] / settings["rank"] ** power, 6)


def logit_differences(result: LoraResult, state: str) -> list[float]:
    return [seed[state]["max_logit_difference_from_base"] for seed in result.generation]
