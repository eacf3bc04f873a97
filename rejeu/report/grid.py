"""The runs that tell the effect of LoRA's rank from that of its scale (A4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from rejeu.evaluation.statistics import Estimate, estimate
from rejeu.report.results import LoraResult

EXPERIMENTS = (
    *("r8", "r4", "r16", "r4_scale_1", "r16_scale_1", "r4_scale_half", "r8_scale_half"),
    *("r8_scale_2", "r16_scale_2", "r4_stabilised", "r16_stabilised"),
)
Pairs = list[tuple[LoraResult, LoraResult]]


@dataclass(frozen=True)
class Grid:
    """Experiments that differ in rank and scale only, by rank and by scale."""

    cells: dict[int, dict[float, LoraResult]]
    stabilised: dict[int, LoraResult]
    as_run: Pairs  # the notebook's own: rank and scale change together

    @property
    def ranks(self) -> list[int]:
        return sorted(self.cells)

    @property
    def scales(self) -> list[float]:
        """Those at which every rank was run."""
        shared = set.intersection(*(set(row) for row in self.cells.values()))
        return sorted(shared)

    @property
    def by_rank(self) -> Pairs:
        """The largest and the smallest rank, at each scale."""
        last, first = self.cells[self.ranks[-1]], self.cells[self.ranks[0]]
        return [(last[scale], first[scale]) for scale in self.scales]

    @property
    def by_scale(self) -> Pairs:
        """The largest and the smallest scale, at each rank."""
        rows = self.cells.values() if self.scales else ()
        return [(row[self.scales[-1]], row[self.scales[0]]) for row in rows]

    @property
    def by_stabilised_rank(self) -> Pairs:
        last, first = max(self.stabilised), min(self.stabilised)
        return [(self.stabilised[last], self.stabilised[first])]

    @property
    def contrasts(self) -> list[tuple[str, Pairs]]:
        """What changes, and the pairs of experiments that show its effect."""
        return [
            ("notebook", self.as_run),
            ("rank", self.by_rank),
            ("scale", self.by_scale),
            ("stabilised", self.by_stabilised_rank),
        ]


def read_grid(lora: Mapping[str, LoraResult]) -> Grid:
    """The runs of finding A4; r8 stands among the rank-stabilised ones too."""
    cells: dict[int, dict[float, LoraResult]] = {}
    stabilised = {lora["r8"].rank: lora["r8"]}
    for name in EXPERIMENTS:
        result = lora[name]
        if result.runs[0]["settings"]["rank_stabilised"]:
            stabilised[result.rank] = result
        else:
            cells.setdefault(result.rank, {})[scale(result)] = result
    as_run = [(lora["r16"], lora["r4"])]
    return Grid(dict(sorted(cells.items())), dict(sorted(stabilised.items())), as_run)


def scale(result: LoraResult) -> float:
    """What multiplies B A: alpha / r, or alpha / sqrt(r) where rank-stabilised (2312.03732)."""
    settings = result.runs[0]["settings"]
    power = 0.5 if settings["rank_stabilised"] else 1
    return round(settings["alpha"] / settings["rank"] ** power, 6)


def effect(pairs: Pairs, losses: str) -> Estimate:
    """Mean over pairs of experiments of how their losses differ, paired by seed.

    Args:
        losses: `train_losses` or `heldout_losses`.
    """
    by_pair = [
        [our - other for our, other in zip(getattr(a, losses), getattr(b, losses), strict=True)]
        for a, b in pairs
    ]
    return estimate([fmean(seed) for seed in zip(*by_pair, strict=True)])


def away_from_r8(
    lora: Mapping[str, LoraResult],
) -> tuple[dict[int, dict[float, list[float]]], dict[float, list[float]]]:
    """Each seed's held-out loss minus r8's: by rank and scale, and by the stabilised scale."""
    found, middle = read_grid(lora), lora["r8"].heldout_losses

    def away(result: LoraResult) -> list[float]:
        pairs = zip(result.heldout_losses, middle, strict=True)
        return [loss - beside for loss, beside in pairs]

    by_rank = {
        rank: {factor: away(result) for factor, result in row.items()}
        for rank, row in found.cells.items()
    }
    return by_rank, {scale(result): away(result) for result in found.stabilised.values()}
