"""Read one quantity of an experiment, seed by seed, from a tier's result files.

A quantity is named by its path: `PART.EXPERIMENT.metrics.by_rule.argmax.accuracy` is a part, an
experiment, a file, and keys within it; `timing.rank.seconds_per_step.16` holds one value per
repeat instead of one per seed. The last keys may be derived from the others (`DERIVED`).
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rejeu.evaluation.fields import with_text_keys
from rejeu.evaluation.metrics import above_larger_class, collapsed, larger_class
from rejeu.evaluation.statistics import windows
from rejeu.job.whole_files import read_json
from rejeu.study.strict_reading import read_yaml

DERIVED: dict[str, Callable[[Any], Any]] = {
    # of metrics
    "above_larger_class": lambda metrics: above_larger_class(metrics["confusion"]),
    "larger_class": lambda metrics: larger_class(metrics["confusion"]),
    "predicted_negative": lambda metrics: metrics["confusion"]["tn"] + metrics["confusion"]["fn"],
    "predicted_positive": lambda metrics: metrics["confusion"]["tp"] + metrics["confusion"]["fp"],
    # as the notebook prints it where nothing is predicted positive
    "precision_or_zero": lambda metrics: metrics["precision"] or 0.0,
    # of a loss log: the mean over the middle and the last fifth of training
    "middle_loss": lambda log: windows(log["losses"], [0.4, 0.6])[1],
    "final_loss": lambda log: windows(log["losses"], [0.8, 1.0])[1],
    # of replies that were counted
    "share_stopped": lambda stops: stops["stopped"] / stops["prompts"],
    # of a reply: how much likelier it is than one that no run trained on
    "beyond_placebo": lambda reply: reply["trained"] - reply["placebo"],
}

Value = float | str | None


def tier_folder(files: Iterable[str], tier: str) -> Path:
    """The folder results/{tier} in which files lie, wherever Snakemake has put them for a job."""
    inside = f"results/{tier}/"
    folders = {path.rpartition(inside)[0] for path in files if inside in path}
    return Path(folders.pop() if len(folders) == 1 else "", inside)


# By part, the seeds of each experiment.
Seeds = Mapping[str, Mapping[str, list[int]]]


@dataclass(frozen=True)
class Results:
    """The result files of one tier that may be read.

    Attributes:
        folder: results/{tier}.
        seeds: of the experiments that the tier runs.
        own: those of them that the first look has.
        placebos: of each LoRA part, the row whose reply no run trains on.
        given: the files. Others may be left there from a study that has changed.
    """

    folder: Path
    seeds: Seeds
    own: Seeds
    placebos: Mapping[str, str]
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
        # The log of a run that diverged ends there: it has no middle and no end of training.
        cut = self.diverged(part, name) if file == "log" else set()
        return {
            seed: None if seed in cut else within(read(path, self.placebos.get(part)), keys)
            for seed, path in files.items()
        } or None

    def files(self, part: str, name: str, file: str) -> dict[int, Path]:
        """A file of each of an experiment's runs, by seed; none where one isn't given."""
        paths = {
            seed: self.folder / part / name / f"seed{seed}" / file
            for seed in self.seeds.get(part, {}).get(name, [])
        }
        return paths if all(str(path) in self.given for path in paths.values()) else {}

    def own_seeds(self, path: str) -> list[int] | None:
        """The seeds of the first look that a quantity is measured on; None for repeats."""
        part, name, *_ = path.split(".")
        return self.own[part].get(name, []) if part in self.own else None

    def kinds(self, path: str) -> dict[int, str]:
        """What became of each run that a quantity is measured on, by seed."""
        part, name, *_ = path.split(".")
        diverged = self.diverged(part, name)
        kinds = {
            seed: "diverged" if seed in diverged else "usual"
            for seed in self.files(part, name, "run.json")
        }
        for seed, metrics in self.files(part, name, "metrics.json").items():
            confusion = read_json(metrics).get("confusion")
            if kinds.get(seed) == "usual" and confusion and collapsed(confusion):
                kinds[seed] = "collapsed"
        return kinds

    def diverged(self, part: str, name: str) -> set[int]:
        """The seeds of an experiment whose loss stopped being a number."""
        return {
            seed
            for seed, run in self.files(part, name, "run.json").items()
            if read_json(run)["diverged_at"] is not None
        }

    def device(self) -> str | None:
        """What all runs computed on, cpu or cuda."""
        devices = {
            read_json(path)["device"]
            for part, names in self.seeds.items()
            for name in names
            for path in self.files(part, name, "run.json").values()
        }
        return devices.pop() if len(devices) == 1 else None


def read(path: Path, placebo: str | None) -> Any:
    """A result file as nested mappings."""
    if path.suffix == ".jsonl":
        return {"losses": read_losses(path)}
    content = read_json(path)
    if path.stem == "generation":
        return {entry["state"]: entry for entry in content}
    if path.stem == "replies" and placebo is not None:
        beside = {"placebo": content[placebo]["trained"]}
        return {name: scored | beside for name, scored in content.items()}
    return content


def read_losses(path: Path) -> list[float]:
    """The loss of each step that a log.jsonl file holds, in their order."""
    # Not splitlines(), which also cuts at characters that JSON allows inside a string.
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [json.loads(line)["loss"] for line in lines]


def read_reference(given: Sequence[str]) -> dict[str, Any]:
    """The values that the study's stand beside; none where a rule is given no file of them."""
    return read_yaml(given[0]) if given else {}


def within(value: Any, keys: list[str]) -> Any:
    """The value that nested results have at `keys`; one that they lack is derived (`DERIVED`).

    Raises:
        KeyError: a key is neither there nor derived, or what it is derived from isn't there.
    """
    for key in keys:
        value = value[key] if key in value else DERIVED[key](value)
    return value


def referred(reference: Any, path: str) -> float:
    """The document's value at a path of the study's reference file."""
    return float(within(with_text_keys(reference), path.split(".")))
