"""A row in a chosen number of a run's slots, all other slots being as they were.

Appending a row redraws the sampler's whole order, so that two runs differ in all their rows. Here
each seed's order is drawn once, without the row; a dose of k puts the row in the first k of the
slots named for that seed. So a smaller dose's slots are among a larger one's, and a dose of 0 is
the run without the row.
"""

import itertools
import random

from rejeu.errors import RejeuError
from rejeu.training.lora import Sampling, Settings, schedule, steps

Drawn = dict[str, list[int]]


def draw(lengths: list[int], sampling: Sampling) -> Drawn:
    """A seed's order and slots, for rows of these lengths (tokens).

    Returns:
        {rows: row numbers in the order trained, slots: all positions in `rows`, at random}.
    """
    rows = list(itertools.chain.from_iterable(schedule(lengths, sampling)))
    slots = list(range(len(rows)))
    random.Random(sampling.seed).shuffle(slots)
    return {"rows": rows, "slots": slots}


def batches(lengths: list[int], settings: Settings, drawn: Drawn | None) -> list[list[int]]:
    """Row numbers of each of a run's steps; a dose is of the last row.

    Args:
        lengths: of all rows, an added one last.
        drawn: of the run's seed; needed for a dose.

    Raises:
        RejeuError: for a dose larger than there are slots.
    """
    if settings.dose is None:
        return schedule(lengths, settings)
    if drawn is None:
        raise ValueError(f"dose {settings.dose}: no slots are given")
    return dosed(drawn, settings.dose, len(lengths) - 1, settings.rows_per_step)


def dosed(drawn: Drawn, dose: int, added: int, rows_per_step: int) -> list[list[int]]:
    """Row numbers of each step, with row number `added` in the first `dose` slots.

    Raises:
        RejeuError: for a dose larger than there are slots.
    """
    if dose > len(drawn["slots"]):
        raise RejeuError(
            f"dose {dose}: the run has {len(drawn['slots'])} slots, one for each row that it "
            "trains on; choose a smaller `dose` of the experiment, or more `max_steps` of the tier"
        )
    taken = set(drawn["slots"][:dose])
    rows = [added if slot in taken else row for slot, row in enumerate(drawn["rows"])]
    return steps(rows, rows_per_step)
