"""`rejeu replay`: how often a claim's verdict comes out again, if its runs' spread is the truth.

Each comparison's values are drawn anew, normally around their mean with their spread, events with
their share; a verdict that fewer than 90 of 100 such studies give is recorded as a set
(`expected-verdicts.yaml`).
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from rejeu.commands.decide import experiments
from rejeu.commands.study_here import study_here
from rejeu.errors import RejeuError
from rejeu.evaluation.judge import Runs, judge_all
from rejeu.job.run import Progress
from rejeu.job.whole_files import read_json
from rejeu.study.configuration import Study
from rejeu.study.looks import seeds


def again(found: dict[str, Any], draw: np.random.Generator) -> dict[int, Any]:
    """New values of a comparison, one per seed."""
    values = np.array(found["values"], dtype=float)
    if found["test"] == "most":
        share = (found["count"] + 0.5) / (len(values) + 1)
        around, margin = found["around"], found["margin"]
        outside = {"above": -1, "below": 1, "within": 2 * margin + 1, "not_below": -2 * margin - 1}
        inside = {"above": 2 * margin + 1, "below": -2 * margin - 1, "within": 0, "not_below": 0}
        drawn = np.where(
            draw.random(len(values)) < share,
            around + inside[found["side"]],
            around + outside[found["side"]],
        )
    else:
        drawn = draw.normal(values.mean(), values.std(ddof=1), len(values))
    return dict(enumerate(drawn.tolist()))


def first_seeds(entry: dict[str, Any], study: Study, tier: str) -> int | None:
    """How many seeds the first look has of what a claim compares; None: it compares times."""
    names = experiments(entry)
    if not names:
        return None
    own = seeds(study, tier, {})
    return min(len(own[part][name]) for part, name in names)


def replayed(
    entry: dict[str, Any],
    studies: int,
    looks: list[int],
    draw: np.random.Generator,
    first: int | None = None,
) -> Counter[str]:
    """How many of the studies give each verdict.

    Args:
        first: the seeds of the first look; None: all.
    """
    asked = {
        **{key: entry[key] for key in ("id", "kind", "section", "finding")},
        **{"reference": None, "tiers": None, "device": None, "needs": None},
        **{
            arm: [
                {**found, "of": f"runs.{arm}_{place}.metrics.value", "against": None}
                for place, found in enumerate(entry["arms"].get(arm, []))
            ]
            for arm in ("corrected", "notebook")
        },
    }
    known = {
        f"runs.{arm}_{place}.metrics.value": found
        for arm, compared in entry["arms"].items()
        for place, found in enumerate(compared)
    }
    kinds = {
        path: [kind for kind, count in seen(found) for _ in range(count)]
        for path, found in known.items()
    }
    own = None if first is None else range(first)
    came: Counter[str] = Counter()
    for _ in range(studies):
        values = {path: again(found, draw) for path, found in known.items()}
        mixed = {
            path: dict(enumerate(draw.permutation(each).tolist())) for path, each in kinds.items()
        }
        runs = Runs(values.get, mixed.__getitem__, lambda _: own, device=None)
        (judged,) = judge_all([asked], entry["tier"], runs, lambda _: None, looks)
        came[judged["verdict"]] += 1
    return came


def seen(found: dict[str, Any]) -> list[tuple[str, int]]:
    """The kinds of run of the first experiment that differs in them, or of the first."""
    counts = list(found["kinds"]["counts"].values())
    differing = [each for each in counts if len(each) > 1]
    return list((differing or counts or [{}])[0].items())


def main(tier: str | None, studies: int) -> None:
    """Print, for each claim that was judged, how often so many replayed studies give each verdict.

    Raises:
        RejeuError: the claims have not been judged.
    """
    study, tier = study_here(tier)
    path = Path("results", tier, "claims.json")
    if not path.is_file():
        raise RejeuError(f"{path}: no such file; `rejeu claims --tier {tier}` makes it")
    draw = np.random.default_rng(0)
    judged = [
        entry
        for entry in read_json(path)
        if entry["verdict"] != "untested" and entry["why"] != "needs"
    ]
    progress = Progress("replay", len(judged), sys.stderr)
    for done, entry in enumerate(judged):
        progress.update(done)
        first = first_seeds(entry, study, tier)
        came = replayed(entry, studies, study.tiers[tier].looks, draw, first)
        said = ", ".join(f"{name} {100 * n / studies:.0f} %" for name, n in came.most_common())
        print(f"{entry['id']}: {entry['verdict']}; again: {said}")
