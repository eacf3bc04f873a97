"""What a job asks of a scheduler: memory, disk, time and a GPU, by its rule, tier and attempt."""

import math
from collections.abc import Callable

from rejeu.graph.graph import Wildcards
from rejeu.study.configuration import Study, Tier

Need = Callable[[Wildcards, int], int]

MARGIN = 4  # a processor without bfloat16 takes up to five times as long as the tier's own
STARTING = 10  # minutes, for what a job does before and after its work on a busy file system
# Minutes of what belongs to no tier.
DOWNLOADING = 120
CONVERTING = 40  # a model, of which a large one is read and written several times
MOST_TIMES = 2  # a repeated attempt asks for at most; beyond that no node may have it


def grown(amount: float, attempt: int) -> int:
    """What a later attempt asks for: the one before may have run out of time or memory."""
    return math.ceil(amount * min(1 + (attempt - 1) / 2, MOST_TIMES))


def needs(
    study: Study, rule: str, *, mem_mb: int, disk_mb: int, gpu: bool = False
) -> dict[str, Need | int]:
    """A rule's `resources:`, for small models; a tier may say otherwise (`resources`).

    Args:
        mem_mb: the largest resident memory of a job, in MB.
        disk_mb: what a job writes, in MB.
        gpu: whether the rule computes on a GPU where the tier has one: its job then asks for one.
    """

    def tier_of(wildcards: Wildcards) -> Tier:
        return study.tiers[getattr(wildcards, "tier", study.tier)]

    def said(wildcards: Wildcards, name: str) -> int | None:
        return getattr(tier_of(wildcards).resources.get(rule), name, None)

    def memory(wildcards: Wildcards, attempt: int) -> int:
        return grown(said(wildcards, "mem_mb") or mem_mb, attempt)

    def disk(wildcards: Wildcards, attempt: int) -> int:  # noqa: ARG001  Snakemake gives it
        return said(wildcards, "disk_mb") or disk_mb

    def runtime(wildcards: Wildcards, attempt: int) -> int:
        expected = tier_of(wildcards).expected_seconds.get(rule, 0)
        usual = STARTING + math.ceil(MARGIN * expected / 60)
        of_no_tier = DOWNLOADING if rule == "fetch" else CONVERTING
        minutes = usual if hasattr(wildcards, "tier") else of_no_tier
        return grown(said(wildcards, "runtime") or minutes, attempt)

    def gpus(wildcards: Wildcards, attempt: int) -> int:  # noqa: ARG001  Snakemake gives it
        return said(wildcards, "gpu") or 0

    asked: dict[str, Need | int] = {"mem_mb": memory, "disk_mb": disk, "runtime": runtime}
    return asked | ({"gpu": gpus} if gpu else {})
