"""How long a job takes, and where that number comes from.

The first of these that there is:

1. measured: the `benchmark:` files that jobs of the same rule left in this tier, on this machine;
2. scaled: the tier's `expected_seconds`, from its `expected_speed` to what the probe measured here;
3. expected: the tier's `expected_seconds` as they stand;
4. usual: what a rule that reads, draws or writes takes, or a download.
"""

import csv
import itertools
import statistics
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.errors import RejeuError
from rejeu.graph.paths import RUN
from rejeu.job.machine import machine
from rejeu.job.whole_files import read_json
from rejeu.study.configuration import Study, Tier

PROBE = Path(".cache/rejeu/probe.json")

# Which measurement of the probe's tells how fast a rule is here; others start, and do little more.
YARDSTICKS = {
    **dict.fromkeys(("train_classifier", "predict_classifier", "time_batches"), "encoder"),
    **dict.fromkeys(("train_lora", "evaluate_lora", "answer_lora", "time_ranks"), "decoder"),
}
# Seconds of the other rules in builds of small tiers, on two cores; docs/plan.md says of which.
USUAL = {
    "prepare_model": 15.0,
    "clean_texts": 3.0,
    "pair_messages": 4.0,
    "draw_figure": 2.5,
    "split_pairs": 1.0,
    "join_report": 1.0,
}
OTHERWISE = 2.0
MB_PER_SECOND = 10.0  # of a download
MAKES_RUNS = ("train", "run_command")  # how folders of rules begin whose own run.json it is
LEAST = 1.0  # a job that took less found its results kept
PUT_BACK = "as kept of an equal job"  # what its log says then


@dataclass(frozen=True)
class Estimate:
    """Seconds of one job, and from where: measured, scaled, expected or usual."""

    seconds: float
    origin: str


class Estimates:
    """Estimates for the jobs of a study in the current folder; what was measured is read once."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.speed = speed_here()
        self._measured: dict[Path, dict[str, list[float]]] = {}

    def of(self, job: Any) -> Estimate:
        """How long one of Snakemake's jobs takes."""
        rule, given = job.rule.name, dict(job.wildcards.items())
        tier = self.study.tiers[given.get("tier", self.study.tier)]
        seconds = self.measured(job, given)
        if seconds is not None:
            return Estimate(seconds, "measured")
        if rule in tier.expected_seconds:
            return scaled(rule, tier, self.speed)
        if rule == "fetch":
            size = self.study.inputs[given["input"]].size_mb or 0
            return Estimate(OTHERWISE + size / MB_PER_SECOND, "usual")
        return Estimate(USUAL.get(rule, OTHERWISE), "usual")

    def measured(self, job: Any, given: Mapping[str, str]) -> float | None:
        """The mean of the job's experiment, or else of all of its part, in seconds."""
        if not job.benchmark or "experiment" not in given:
            return None
        folder = Path(job.benchmark).parent
        if folder not in self._measured:
            self._measured[folder] = measured_in(folder)
        known = self._measured[folder]
        part = given["part"]
        others = (known[name] for name in known if name.startswith(f"{part}."))
        seconds = known.get(f"{part}.{given['experiment']}") or list(itertools.chain(*others))
        return statistics.mean(seconds) if seconds else None


def speed_here() -> dict[str, float]:
    """What the probe measured of this machine; nothing where it wasn't run on it."""
    try:
        found = read_json(PROBE)
        return found["speed"] if same_machine(found["machine"]) else {}
    except (OSError, RejeuError, ValueError, KeyError, TypeError):
        return {}


def same_machine(named: Mapping[str, Any]) -> bool:
    """Whether a record names this machine's processor; asking for its GPU would take long."""
    here = machine()
    return all(named.get(key) == here[key] for key in ("cpu", "cores"))


def scaled(rule: str, tier: Tier, speed: Mapping[str, float]) -> Estimate:
    """What the tier expects of a job, from the machine that it has in mind to this one.

    A job first starts, as the probe measured it; the rest goes as fast as its kind of training.
    """
    expected, theirs = tier.expected_seconds[rule], dict[str, float](tier.expected_speed.items())
    kind = YARDSTICKS.get(rule)
    name = next((each for each in (kind, f"small_{kind}") if each in theirs), None)
    if name is None or name not in speed or "start" not in speed or "start" not in theirs:
        return Estimate(expected, "expected")
    work = max(0.0, expected - theirs["start"])
    return Estimate(speed["start"] + work * theirs[name] / speed[name], "scaled")


def measured_in(folder: Path) -> dict[str, list[float]]:
    """Seconds of the jobs that left a benchmark file in `folder`, by part and experiment.

    Not of those whose results were put back, that went on from a saved state, or that another
    machine ran.
    """
    found: dict[str, list[float]] = {}
    for path in sorted(folder.glob("*.tsv")):
        name, _, seed = path.stem.rpartition(".")
        part, _, experiment = name.partition(".")
        with suppress(RejeuError, OSError, ValueError, KeyError, StopIteration):
            with path.open(encoding="utf-8", newline="") as stream:
                seconds = float(next(csv.DictReader(stream, delimiter="\t"))["s"])
            if seconds >= LEAST and computed_here(folder, part, experiment, seed):
                found.setdefault(name, []).append(seconds)
    return found


def computed_here(folder: Path, part: str, experiment: str, seed: str) -> bool:
    """Whether a job with a benchmark file in `folder` computed here, in one go.

    What no longer has a log or a run.json says nothing against it.
    """
    tier, rule = folder.parts[-3], folder.name
    log = Path("logs", tier, rule, f"{part}.{experiment}.{seed}.log")
    if log.is_file() and PUT_BACK in log.read_text(encoding="utf-8", errors="replace"):
        return False
    run = Path(
        RUN.format(tier=tier, part=part, experiment=experiment, seed=seed.removeprefix("seed")),
        "run.json",
    )
    if not run.is_file():
        return True
    record = read_json(run)
    resumed = record.get("resumed", False) and rule.startswith(MAKES_RUNS)
    return not resumed and same_machine(record["machine"])
