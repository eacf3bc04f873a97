"""All that is judged of one tier, by its result files; and which of their values were compared."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rejeu.evaluation.fields import quantities
from rejeu.evaluation.judge import Runs, judge_all
from rejeu.evaluation.quantities import Results, Seeds, read_reference, referred, tier_folder


def judge_tier(
    files: Collection[str],
    reference: Sequence[str],
    claims: list[dict[str, Any]],
    tier: str,
    *,
    seeds: Seeds,
    own: Seeds,
    looks: list[int],
    placebos: dict[str, str],
) -> list[dict[str, Any]]:
    """The entries of claims.json and of observations.json.

    Args:
        files: the results that may be read.
        reference: the file of the original's values, if any.
        claims: all that is judged, as `Claims.judged` has it.
        seeds: of the experiments that the tier runs.
        own: those of them that the first look has.
        looks: how many seeds each later look has.
        placebos: of each LoRA part, the row whose reply no run trains on.
    """
    given = set(files)
    results = Results(tier_folder(given, tier), seeds, own, placebos, given)
    printed = read_reference(reference)
    return judge_all(
        claims,
        tier,
        Runs(results.quantity, results.kinds, results.own_seeds, results.device()),
        lambda path: {0: referred(printed, path)},
        looks,
    )


def values_compared(comparison: Mapping[str, Any], tier: str) -> Iterator[tuple[str, list[str]]]:
    """Of each value that a judged comparison took, on each seed: its file, and the keys in that."""
    for path in quantities([comparison]):
        part, name, *keys = path.split(".")
        if part == "timing":
            yield f"results/{tier}/timing/{name}.json", keys
            continue
        file = f"{keys[0]}.{'jsonl' if keys[0] == 'log' else 'json'}"
        for seed in comparison["seeds"]:
            yield f"results/{tier}/{part}/{name}/seed{seed}/{file}", keys[1:]
