"""Read one quantity of an experiment, seed by seed, from a tier's result files.

A quantity is named by its path: `sentiment.baseline.metrics.by_rule.argmax.accuracy` is a part, an
experiment, a file, and keys within it; `timing.rank.seconds_per_step.16` holds one value per
repeat instead of one per seed. The last key may be derived from the others (`DERIVED`).
"""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from rejeu.evaluation.metrics import above_larger_class
from rejeu.evaluation.statistics import windows
from rejeu.files import read_json

DERIVED: dict[str, Callable[[Any], float]] = {
    # of metrics
    "above_larger_class": lambda found: above_larger_class(found["confusion"]),
    "predicted_negative": lambda found: found["confusion"]["tn"] + found["confusion"]["fn"],
    "predicted_positive": lambda found: found["confusion"]["tp"] + found["confusion"]["fp"],
    # of a loss log: the mean over the last fifth of training
    "final_loss": lambda found: windows(found["losses"], [0.8, 1.0])[1],
}

Value = float | str | None


def quantity(
    folder: Path, path: str, seeds: Mapping[str, list[int]], given: Collection[str]
) -> list[Value] | None:
    """The quantity's values, one per seed (or repeat), below `folder` (results/{tier}).

    Args:
        seeds: of each part.
        given: the files that may be read. Others may be left from a study that has changed.

    Returns:
        None where the tier doesn't run that experiment; an undefined value is None.
    """
    part, name, *keys = path.split(".")
    if part == "timing":
        file = folder / part / f"{name}.json"
        return within(read(file), keys) if str(file) in given else None
    places = [folder / part / name / f"seed{seed}" for seed in seeds[part]]
    file, *keys = keys
    files = [place / f"{file}.{'jsonl' if file == 'log' else 'json'}" for place in places]
    if not all(str(path) in given for path in files):
        return None
    return [within(read(path), keys) for path in files]


def read(path: Path) -> Any:
    """A result file as nested mappings."""
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        return {"losses": [json.loads(line)["loss"] for line in lines]}
    found = read_json(path)
    if path.stem == "generation":
        return {entry["state"]: entry for entry in found}
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
