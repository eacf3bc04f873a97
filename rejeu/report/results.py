"""What the report is written from: each experiment's runs over its seeds, by the part's kind."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rejeu.evaluation.metrics import collapsed
from rejeu.evaluation.quantities import read_losses
from rejeu.evaluation.statistics import Estimate, windows
from rejeu.report.arguments import lora_arguments, plain_settings, trainer_arguments
from rejeu.report.traced import (
    Address,
    TracedList,
    at,
    computed,
    estimate,
    mean,
    read_traced,
    share,
    shown_path,
)

QUARTERS = (0.25, 0.5, 0.75, 1.0)
METRICS = ("accuracy", "precision", "recall", "f1")


@dataclass(frozen=True)
class Marks:
    """A loss table's row: up to `share` of the run, the reference's step and loss, and ours."""

    share: float
    step: int | None
    reference: float | None
    ours: Estimate


@dataclass(frozen=True)
class Result:
    """One experiment over its seeds. Lists hold one entry per seed.

    Attributes:
        place: among its part's experiments, from 0: what figures choose its colour by.
        losses: each run's loss by step; empty where the runs log none.
        reference: what the study's reference file has of this experiment.
    """

    name: str
    title: str
    place: int
    seeds: list[int]
    runs: list[dict[str, Any]]
    losses: list[list[float]]
    reference: dict[str, Any] | None

    @property
    def arguments(self) -> str:
        """The first run's settings, as Python."""
        return computed(plain_settings(self.runs[0]), self.runs[0]["settings"])

    @property
    def seconds(self) -> Estimate:
        """Wall time of a run, in seconds."""
        return estimate([run["wall_seconds"] for run in self.runs])

    @property
    def measured(self) -> dict[str, Estimate]:
        """What an experiment comes to, by the name of the measure."""
        return {"seconds": self.seconds}

    def digits(self, name: str) -> int:
        """Decimals with which a measure is written."""
        return 0 if name == "seconds" else 3

    def printed(self, name: str) -> float | None:
        """The reference's value of a measure."""
        reference = self.reference or {}
        return reference.get("metrics", {}).get(name, reference.get(name))

    def ratio_to(self, other: "Result", setting: str) -> float:
        """This experiment's setting as a multiple of `other`'s."""
        return round(self.runs[0]["settings"][setting] / other.runs[0]["settings"][setting], 6)

    @cached_property
    def marks(self) -> list[Marks]:
        """Mean loss since the mark before: at the reference's logged steps, or at each quarter."""
        logged = (self.reference or {}).get("loss") or {}
        shares = [step / self.reference["steps"] for step in logged] if self.reference else []
        quarters = (Address("rejeu/report/results.py", "QUARTERS"),)
        shares = shares or [at(quarter, quarters) for quarter in QUARTERS]
        by_seed = [windows(losses, shares) for losses in self.losses]
        ours = [
            estimate([seed[place] for seed in by_seed], self.losses) for place in range(len(shares))
        ]
        steps = [computed(step, loss) for step, loss in logged.items()] or [None] * len(shares)
        values = list(logged.values()) or [None] * len(shares)
        return [Marks(*row) for row in zip(shares, steps, values, ours, strict=True)]

    @property
    def final_loss(self) -> Estimate:
        """Mean loss over the last fifth of training."""
        last_fifth = [windows(losses, [0.8, 1.0])[1] for losses in self.losses]
        return estimate(last_fifth, self.losses)


@dataclass(frozen=True)
class ClassifierResult(Result):
    """An experiment that trains a classifier."""

    metrics: list[dict[str, Any]]

    @property
    def arguments(self) -> str:
        """The first run's settings, as arguments of transformers' Trainer."""
        return computed(trainer_arguments(self.runs[0]), self.runs[0]["settings"])

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Accuracy, precision, recall and F1 by name, each from 0 to 1, under the rule argmax."""
        return shares_of(self.metrics)

    @property
    def measured(self) -> dict[str, Estimate]:
        """The estimates, and the time of a run."""
        return self.estimates | super().measured

    def by_rule(self, rule: str) -> dict[str, Estimate]:
        """The metrics under another decision rule than argmax."""
        return shares_of([metrics["by_rule"][rule] for metrics in self.metrics])

    @property
    def mean_confusion(self) -> dict[str, float]:
        """Of two classes, the mean of {tn, fp, fn, tp}."""
        cells = ("tn", "fp", "fn", "tp")
        return {
            cell: mean(metrics["confusion"][cell] for metrics in self.metrics) for cell in cells
        }

    @property
    def collapsed_seeds(self) -> int:
        """On how many seeds predictions are of one class, as `metrics.collapsed` has it."""
        confusions = [metrics["confusion"] for metrics in self.metrics]
        return computed(sum(map(collapsed, confusions)), confusions)


@dataclass(frozen=True)
class LoraResult(Result):
    """An experiment that fine-tunes a causal language model with LoRA."""

    heldout: list[dict[str, Any]]
    generation: list[dict[str, Any]]  # for each seed, by state
    replies: list[dict[str, Any]]  # for each seed, by row
    stops: list[dict[str, Any]] | None  # None where answers weren't counted

    @property
    def rank(self) -> int:
        """r of the adapter, the same on all seeds."""
        return self.runs[0]["settings"]["rank"]

    @property
    def arguments(self) -> str:
        """The first run's settings, as peft's LoraConfig and what the training was told."""
        return computed(lora_arguments(self.runs[0]), self.runs[0]["settings"])

    @property
    def slots(self) -> int:
        """Rows that one run's training draws."""
        settings = self.runs[0]["settings"]
        return settings["max_steps"] * settings["batch_size"] * settings["accumulation"]

    @property
    def seed_range(self) -> float | None:
        """How far the seeds' training losses lie apart; None for one seed."""
        return max(self.train_losses) - min(self.train_losses) if len(self.seeds) > 1 else None

    @property
    def train_losses(self) -> list[float]:
        """The mean loss of each seed's training steps, in nats per token."""
        return [run["train_loss"] for run in self.runs]

    @property
    def heldout_losses(self) -> list[float]:
        """The loss of each seed on held-out rows, in nats per token."""
        return [heldout["loss"] for heldout in self.heldout]

    @property
    def train_loss(self) -> Estimate:
        """The mean loss of training steps, in nats per token."""
        return estimate(self.train_losses)

    @property
    def heldout_loss(self) -> Estimate:
        """The loss on held-out rows, in nats per token."""
        return estimate(self.heldout_losses)

    @property
    def measured(self) -> dict[str, Estimate]:
        """Both losses, and the time of a run."""
        losses = {"train_loss": self.train_loss, "heldout_loss": self.heldout_loss}
        return losses | super().measured

    def text(self, state: str) -> str:
        """The first seed's text from `state`."""
        return self.generation[0][state]["text"]

    @property
    def drawn(self) -> int:
        """How many seeds' training drew the added row at all."""
        times = [run["added_row"]["times_drawn"] for run in self.runs]
        return computed(sum(each > 0 for each in times), times)

    def seeds_with(self, other: "LoraResult") -> list[int]:
        """The seeds that both have."""
        return [seed for seed in self.seeds if seed in other.seeds]

    def away_from(self, other: "LoraResult", ours: list[float], theirs: list[float]) -> list[float]:
        """Our values minus the other's, on each seed that both have."""
        theirs_by_seed = dict(zip(other.seeds, theirs, strict=True))
        return [
            value - theirs_by_seed[seed]
            for seed, value in zip(self.seeds, ours, strict=True)
            if seed in theirs_by_seed
        ]

    def responses(self, row: str, other: "LoraResult") -> list[float]:
        """Log-probability per token of a row's reply, in nats, minus `other`'s of the same seed."""
        ours, theirs = (
            [scored[row]["trained"] for scored in result.replies] for result in (self, other)
        )
        return self.away_from(other, ours, theirs)

    def response(self, row: str, other: "LoraResult") -> Estimate:
        """The mean of `responses`, in nats per token."""
        return estimate(self.responses(row, other))

    def texts_changed(self, other: "LoraResult") -> int:
        """For how many seeds the trained adapter's text differs from `other`'s."""
        theirs = dict(zip(other.seeds, other.generation, strict=True))
        pairs = [
            (ours["trained"]["text"], theirs[seed]["trained"]["text"])
            for seed, ours in zip(self.seeds, self.generation, strict=True)
            if seed in theirs
        ]
        return computed(sum(ours != other for ours, other in pairs), pairs)

    @property
    def texts_changed_from_base(self) -> int:
        """For how many seeds the trained adapter's text differs from the base model's."""
        pairs = [(seed["trained"]["text"], seed["base"]["text"]) for seed in self.generation]
        return computed(sum(trained != base for trained, base in pairs), pairs)


@dataclass(frozen=True)
class CommandResult(Result):
    """An experiment of a study's own command.

    Attributes:
        forms: of each metric `share` (0 to 1), `number`, `count` or `text`, as the study declares.
    """

    metrics: list[dict[str, Any]]
    forms: dict[str, str]

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Each metric but the texts, by name; the interval of a share stays within 0 to 1."""
        return {
            name: (share if form == "share" else estimate)(
                [metrics.get(name) for metrics in self.metrics]
            )
            for name, form in self.forms.items()
            if form != "text"
        }

    @property
    def measured(self) -> dict[str, Estimate]:
        """The estimates, and the time of a run."""
        return self.estimates | super().measured

    def digits(self, name: str) -> int:
        """Decimals with which a measure is written: none for a count."""
        return 0 if self.forms.get(name) == "count" else super().digits(name)


def shares_of(metrics: list[dict[str, Any]]) -> dict[str, Estimate]:
    """Those of METRICS that the seeds' metrics have, by name, each from 0 to 1."""
    return {name: share([each[name] for each in metrics]) for name in METRICS if name in metrics[0]}


def read_classifier(runs: dict[str, Any], places: list[Path], *_: Any) -> Result:
    """Complete the `runs` of an experiment, in the folders `places`, by their metrics."""
    return ClassifierResult(
        **runs, metrics=[read_traced(place / "metrics.json") for place in places]
    )


def read_lora(
    runs: dict[str, Any], places: list[Path], _: Mapping[str, str], given: Collection[str]
) -> Result:
    """Complete the `runs` of an experiment, in the folders `places`, by all measured after them."""
    counted = [place / "stops.json" for place in places]
    return LoraResult(
        **runs,
        heldout=[read_traced(place / "heldout.json") for place in places],
        generation=[
            {entry["state"]: entry for entry in read_traced(place / "generation.json")}
            for place in places
        ],
        replies=[read_traced(place / "replies.json") for place in places],
        stops=[read_traced(path) for path in counted] if all_given(counted, given) else None,
    )


def read_command(
    runs: dict[str, Any], places: list[Path], forms: Mapping[str, str], _: Collection[str]
) -> Result:
    """Complete the `runs` of an experiment, in the folders `places`, by their program's metrics."""
    metrics = [read_traced(place / "metrics.json") for place in places]
    return CommandResult(**runs, metrics=metrics, forms=dict(forms))


READERS: dict[str, Callable[..., Any]] = {
    "classifier": read_classifier,
    "lora": read_lora,
    "command": read_command,
}


def all_given(paths: Iterable[Path], given: Collection[str]) -> bool:
    """Whether all of these files may be read."""
    return all(str(path) in given for path in paths)


def read_part(
    folder: Path, part: Mapping[str, Any], reference: Mapping[str, Any], given: Collection[str]
) -> dict[str, Any]:
    """A part's results by experiment, each titled by its name; experiments without seeds are left.

    Args:
        folder: results/{tier}/{part}.
        part: its settings {kind, experiments: {name: {seeds, place}}, metrics: of a command, their
            forms}.
        reference: what the study's reference file has of the part.
        given: the files that may be read.
    """
    by_experiment = reference.get("experiments", {})
    return {
        name: read_experiment(folder / name, part, settings, by_experiment.get(name), given)
        for name, settings in part["experiments"].items()
        if settings["seeds"]
    }


def read_experiment(
    folder: Path,
    part: Mapping[str, Any],
    settings: Mapping[str, Any],
    reference: dict[str, Any] | None,
    given: Collection[str],
) -> Any:
    """An experiment's result over its seeds, as the kind of its part has it.

    Args:
        folder: results/{tier}/{part}/{experiment}.
        part: as of `read_part`.
        settings: the experiment's {seeds, place}.
        reference: what the study's reference file has of the experiment.
        given: the files that may be read.

    Raises:
        RejeuError: a file is damaged.
        OSError: a file is missing.
    """
    places = [folder / f"seed{seed}" for seed in settings["seeds"]]
    logs = [place / "log.jsonl" for place in places]
    # A command need not log a loss.
    logged = part["kind"] != "command" or all_given(logs, given)
    runs = {
        "name": folder.name,
        "title": folder.name,
        "place": settings["place"],
        "seeds": [
            at(seed, (Address(shown_path(place / "run.json"), "/settings/seed", seed),))
            for seed, place in zip(settings["seeds"], places, strict=True)
        ],
        "runs": [read_traced(place / "run.json") for place in places],
        "losses": [traced_losses(path) for path in logs] if logged else [],
        "reference": reference,
    }
    return READERS[part["kind"]](runs, places, part.get("metrics") or {}, given)


def traced_losses(path: Path) -> list[float]:
    """The loss of each step of a log, which knows its file."""
    losses = TracedList(read_losses(path))
    losses.origin = (Address(shown_path(path), ""),)
    return losses
