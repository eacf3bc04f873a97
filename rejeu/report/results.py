"""What the report is written from: the results of one tier, by experiment, beside the reference."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from rejeu.evaluation.metrics import collapsed
from rejeu.evaluation.statistics import Estimate, estimate, share, windows
from rejeu.job.whole_files import read_json
from rejeu.report.arguments import lora_arguments, trainer_arguments

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
class SentimentResult:
    """One experiment of Part 1 over its seeds. Lists hold one entry per seed."""

    name: str
    title: str
    seeds: list[int]
    runs: list[dict[str, Any]]
    losses: list[list[float]]
    metrics: list[dict[str, Any]]
    reference: dict[str, Any] | None

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        return {name: share([metrics[name] for metrics in self.metrics]) for name in METRICS}

    def by_rule(self, rule: str) -> dict[str, Estimate]:
        """The metrics under another decision rule than argmax."""
        return {
            name: share([metrics["by_rule"][rule][name] for metrics in self.metrics])
            for name in METRICS
        }

    @property
    def mean_confusion(self) -> dict[str, float]:
        cells = ("tn", "fp", "fn", "tp")
        return {
            cell: fmean(metrics["confusion"][cell] for metrics in self.metrics) for cell in cells
        }

    def ratio_to(self, other: "SentimentResult", setting: str) -> float:
        """This experiment's setting as a multiple of `other`'s."""
        return round(self.runs[0]["settings"][setting] / other.runs[0]["settings"][setting], 6)

    @property
    def collapsed_seeds(self) -> int:
        return sum(collapsed(metrics["confusion"]) for metrics in self.metrics)

    @property
    def arguments(self) -> str:
        return trainer_arguments(self.runs[0])

    @cached_property
    def marks(self) -> list[Marks]:
        """Mean loss since the mark before: at the reference's logged steps, or at each quarter."""
        logged = self.reference["loss"] if self.reference else {}
        shares = [step / self.reference["steps"] for step in logged] if self.reference else QUARTERS
        by_seed = [windows(losses, list(shares)) for losses in self.losses]
        ours = [estimate([seed[place] for seed in by_seed]) for place in range(len(shares))]
        steps = list(logged) or [None] * len(shares)
        values = list(logged.values()) or [None] * len(shares)
        return [Marks(*row) for row in zip(shares, steps, values, ours, strict=True)]

    @property
    def final_loss(self) -> Estimate:
        """Mean loss over the last fifth of training."""
        return estimate([windows(losses, [0.8, 1.0])[1] for losses in self.losses])

    @property
    def seconds(self) -> Estimate:
        return estimate([run["wall_seconds"] for run in self.runs])


@dataclass(frozen=True)
class LoraResult:
    """One experiment of Part 2 over its seeds. Lists hold one entry per seed."""

    name: str
    title: str
    seeds: list[int]
    runs: list[dict[str, Any]]
    losses: list[list[float]]
    heldout: list[dict[str, Any]]
    generation: list[dict[str, Any]]  # for each seed, by state
    replies: list[dict[str, Any]]  # for each seed, by row
    stops: list[dict[str, Any]] | None  # None where answers weren't counted
    reference: dict[str, Any] | None

    @property
    def rank(self) -> int:
        return self.runs[0]["settings"]["rank"]

    @property
    def arguments(self) -> str:
        return lora_arguments(self.runs[0])

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
        return [run["train_loss"] for run in self.runs]

    @property
    def heldout_losses(self) -> list[float]:
        return [heldout["loss"] for heldout in self.heldout]

    @property
    def train_loss(self) -> Estimate:
        return estimate(self.train_losses)

    @property
    def heldout_loss(self) -> Estimate:
        return estimate(self.heldout_losses)

    @property
    def seconds(self) -> Estimate:
        return estimate([run["wall_seconds"] for run in self.runs])

    def text(self, state: str) -> str:
        """The first seed's text from `state`."""
        return self.generation[0][state]["text"]

    @property
    def drawn(self) -> int:
        """How many seeds' training drew the added row at all."""
        return sum(run["added_row"]["times_drawn"] > 0 for run in self.runs)

    def seeds_with(self, other: "LoraResult") -> list[int]:
        """The seeds that both have."""
        return [seed for seed in self.seeds if seed in other.seeds]

    def away_from(self, other: "LoraResult", ours: list[float], theirs: list[float]) -> list[float]:
        """Our values minus the other's, on each seed that both have."""
        known = dict(zip(other.seeds, theirs, strict=True))
        return [
            value - known[seed]
            for seed, value in zip(self.seeds, ours, strict=True)
            if seed in known
        ]

    def responses(self, row: str, other: "LoraResult") -> list[float]:
        """Log-probability per token of a row's reply, in nats, minus `other`'s of the same seed."""
        ours, theirs = (
            [scored[row]["trained"] for scored in result.replies] for result in (self, other)
        )
        return self.away_from(other, ours, theirs)

    def response(self, row: str, other: "LoraResult") -> Estimate:
        return estimate(self.responses(row, other))

    def texts_changed(self, other: "LoraResult") -> int:
        """For how many seeds the trained adapter's text differs from `other`'s."""
        theirs = dict(zip(other.seeds, other.generation, strict=True))
        return sum(
            ours["trained"]["text"] != theirs[seed]["trained"]["text"]
            for seed, ours in zip(self.seeds, self.generation, strict=True)
            if seed in theirs
        )

    @property
    def texts_changed_from_base(self) -> int:
        return sum(seed["trained"]["text"] != seed["base"]["text"] for seed in self.generation)


def read_sentiment(
    folder: Path, name: str, title: str, seeds: list[int], reference: dict[str, Any] | None
) -> SentimentResult:
    places = [folder / name / f"seed{seed}" for seed in seeds]
    return SentimentResult(
        name=name,
        title=title,
        seeds=seeds,
        runs=[read_json(place / "run.json") for place in places],
        losses=[read_losses(place / "log.jsonl") for place in places],
        metrics=[read_json(place / "metrics.json") for place in places],
        reference=reference,
    )


def read_lora(
    folder: Path, name: str, title: str, seeds: list[int], reference: dict[str, Any] | None
) -> LoraResult:
    places = [folder / name / f"seed{seed}" for seed in seeds]
    counted = [place / "stops.json" for place in places]
    return LoraResult(
        name=name,
        title=title,
        seeds=seeds,
        runs=[read_json(place / "run.json") for place in places],
        losses=[read_losses(place / "log.jsonl") for place in places],
        heldout=[read_json(place / "heldout.json") for place in places],
        generation=[
            {entry["state"]: entry for entry in read_json(place / "generation.json")}
            for place in places
        ],
        replies=[read_json(place / "replies.json") for place in places],
        stops=[read_json(path) for path in counted] if all(map(Path.is_file, counted)) else None,
        reference=reference,
    )


def read_losses(path: Path) -> list[float]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def rank_sweep(results: dict[str, LoraResult]) -> dict[int, LoraResult]:
    """The experiments that differ from r8 in nothing but their rank, by rank."""

    def rest(result: LoraResult) -> dict[str, Any]:
        settings = result.runs[0]["settings"]
        return {key: value for key, value in settings.items() if key not in ("rank", "seed")}

    swept = [
        result
        for result in results.values()
        if "added_row" not in result.runs[0] and rest(result) == rest(results["r8"])
    ]
    return {result.rank: result for result in sorted(swept, key=lambda result: result.rank)}
