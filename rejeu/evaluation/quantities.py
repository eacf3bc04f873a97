"""Read one quantity of an experiment, seed by seed, from a tier's result files.

A quantity is named by its path: `sentiment.baseline.metrics.by_rule.argmax.accuracy` is a part, an
experiment, a file, and keys within it; `timing.rank.seconds_per_step.16` holds one value per
repeat instead of one per seed. The last keys may be derived from the others (`DERIVED`).
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.evaluation.metrics import above_larger_class, collapsed, larger_class
from rejeu.evaluation.statistics import windows
from rejeu.job.whole_files import read_json

DERIVED: dict[str, Callable[[Any], Any]] = {
    # of metrics
    "above_larger_class": lambda found: above_larger_class(found["confusion"]),
    "larger_class": lambda found: larger_class(found["confusion"]),
    "predicted_negative": lambda found: found["confusion"]["tn"] + found["confusion"]["fn"],
    "predicted_positive": lambda found: found["confusion"]["tp"] + found["confusion"]["fp"],
    # as the notebook prints it where nothing is predicted positive
    "precision_or_zero": lambda found: found["precision"] or 0.0,
    # of a loss log: the mean over the middle and the last fifth of training
    "middle_loss": lambda found: windows(found["losses"], [0.4, 0.6])[1],
    "final_loss": lambda found: windows(found["losses"], [0.8, 1.0])[1],
    # of replies that were counted
    "share_stopped": lambda found: found["stopped"] / found["prompts"],
    # of a reply: how much likelier it is than one that no run trained on
    "beyond_placebo": lambda found: found["trained"] - found["placebo"],
}

Value = float | str | None


# By part, the seeds of each experiment.
Seeds = Mapping[str, Mapping[str, list[int]]]


@dataclass(frozen=True)
class Results:
    """The result files of one tier that may be read.

    Attributes:
        folder: results/{tier}.
        seeds: of the experiments that the tier runs.
        own: those of them that the first look has.
        placebo: the row whose reply no run trains on.
        given: the files. Others may be left there from a study that has changed.
    """

    folder: Path
    seeds: Seeds
    own: Seeds
    placebo: str
    given: Collection[str]

    def quantity(self, path: str) -> dict[int, Value] | None:
        """The quantity's values by seed (or repeat, from 0); an undefined value is None.

        None where the tier doesn't run that experiment.
        """
        part, name, *keys = path.split(".")
        if part == "timing":
            file = self.folder / part / f"{name}.json"
            if str(file) not in self.given:
                return None
            return dict(enumerate(within(read_json(file), keys)))
        file, *keys = keys
        files = self.files(part, name, f"{file}.{'jsonl' if file == 'log' else 'json'}")
        return {
            seed: within(read(path, self.placebo), keys) for seed, path in files.items()
        } or None

    def files(self, part: str, name: str, file: str) -> dict[int, Path]:
        """A file of each of an experiment's runs, by seed; none where one isn't given."""
        found = {
            seed: self.folder / part / name / f"seed{seed}" / file
            for seed in self.seeds.get(part, {}).get(name, [])
        }
        return found if all(str(path) in self.given for path in found.values()) else {}

    def own_seeds(self, path: str) -> list[int] | None:
        """The seeds of the first look that a quantity is measured on; None for repeats."""
        part, name, *_ = path.split(".")
        return self.own[part].get(name, []) if part in self.own else None

    def kinds(self, path: str) -> dict[int, str]:
        """What became of each run that a quantity is measured on, by seed."""
        part, name, *_ = path.split(".")
        kinds = {
            seed: "diverged" if read_json(run)["diverged_at"] is not None else "usual"
            for seed, run in self.files(part, name, "run.json").items()
        }
        for seed, metrics in self.files(part, name, "metrics.json").items():
            if kinds.get(seed) == "usual" and collapsed(read_json(metrics)["confusion"]):
                kinds[seed] = "collapsed"
        return kinds

    def device(self) -> str | None:
        """What all runs computed on, cpu or cuda."""
        found = {
            read_json(path)["device"]
            for part, names in self.seeds.items()
            for name in names
            for path in self.files(part, name, "run.json").values()
        }
        return found.pop() if len(found) == 1 else None


def read(path: Path, placebo: str) -> Any:
    """A result file as nested mappings."""
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        return {"losses": [json.loads(line)["loss"] for line in lines]}
    found = read_json(path)
    if path.stem == "generation":
        return {entry["state"]: entry for entry in found}
    if path.stem == "replies":
        beside = {"placebo": found[placebo]["trained"]}
        return {name: scored | beside for name, scored in found.items()}
    return found


def within(found: Any, keys: list[str]) -> Any:
    for key in keys:
        found = found[key] if key in found else DERIVED[key](found)
    return found


def referred(reference: Any, path: str) -> float:
    """The document's value at a path of report/reference.yaml."""
    return float(within(with_text_keys(reference), path.split(".")))


def with_text_keys(found: Any) -> Any:
    """Nested mappings as JSON would have them: a loss table's steps become text."""
    if not isinstance(found, dict):
        return found
    return {str(key): with_text_keys(value) for key, value in found.items()}
