"""Judged claims, and what else was judged, as a template shows them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rejeu.errors import RejeuError
from rejeu.evaluation.fields import SHARE, quantities, run_of
from rejeu.evaluation.judge import shown_by_arm, still_open
from rejeu.evaluation.statistics import Estimate
from rejeu.report.numbers import Numbers
from rejeu.report.traced import counted


@dataclass(frozen=True)
class Mixed:
    """An experiment whose runs came out in different kinds: how many of each."""

    experiment: str
    counts: dict[str, int]

    @property
    def seeds(self) -> int:
        """How many runs there are, of all kinds together."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Seen:
    """One judged comparison.

    Attributes:
        word: `higher` or `lower` by more than the margin, `same` or `unclear`; of an event
            `mostly`, `seldom` or `unclear`; of either `missing`, `undefined` on some seed, or
            `needs` where a claim doesn't hold that the comparison needs.
        lean: within the margin, the side of no effect on which it clearly lies, else `unclear`.
        value: with its interval.
        mixed: experiments whose runs came out in several kinds, where that keeps it from being
            judged.
    """

    word: str
    lean: str
    value: str
    margin: str
    count: int | None
    seeds: int
    mixed: list[Mixed]

    @property
    def moved(self) -> str:
        """How to tell it as a change: `word`, but that one within the margin that clearly leans is
        `little_higher` or `little_lower`, and one that can't be judged for runs of several kinds
        `mixed`.
        """
        if self.word == "same" and self.lean in ("higher", "lower"):
            return f"little_{self.lean}"
        told = ("higher", "lower", "same", "needs")
        return "mixed" if self.mixed and self.word not in told else self.word


@dataclass(frozen=True)
class Weighed:
    """One comparison that a verdict rests on.

    Attributes:
        quantity: as the result files call it.
        side: on which the claim puts it: `above`, `below`, `within` or `not_below`.
        edges: the bound there, or the two.
        counted: whether seeds are counted, instead of taking their mean.
        values: of each seed.
        measured: all together, with the interval, at `level`.
    """

    arm: str
    quantity: str
    side: str
    edges: list[str]
    counted: bool
    values: dict[int, str]
    measured: str
    level: str
    state: str


@dataclass(frozen=True)
class Judged:
    """One entry of claims.json with its statement in one language.

    Attributes:
        why: what keeps it from being decided, if it isn't.
        firm: whether the verdict survives Holm's correction over all that was judged.
        unexcluded: the largest share of runs of a kind not seen that the seeds can't exclude.
        detectable: the smallest effect that these seeds would have found in 80 of 100 studies.
        more: how many seeds more would decide it, if what was measured is the truth.
        minutes: of training that these would take.
        after: whether its margin was set when results were there already.
    """

    id: str
    section: str
    finding: str | None
    statement: str
    verdict: str
    why: str | None
    firm: bool
    look: int
    states: dict[str, str]  # by arm
    reference: str
    margin: str
    measured: dict[str, str]  # by arm, as `judge.shown_by_arm` says
    seeds: int
    unexcluded: str | None
    detectable: str | None
    more: int | None
    minutes: float | None
    mixed: list[Mixed]
    needs: str | None
    after: bool
    evidence: list[Weighed]


class Named(dict[str, Any]):
    """What a template takes by its name; one that isn't there is a fault of the study's files."""

    def __missing__(self, name: str) -> Any:
        raise RejeuError(
            f"a template names '{name}', which the claims file doesn't have; known: "
            f"{', '.join(self)}"
        )


@dataclass(frozen=True)
class Told:
    """Tells in one language what was judged.

    Attributes:
        statements: of the claims, by language.
        titles: of experiments, by `part.experiment`.
        seconds: that one run of each experiment takes to train.
        late_margins: ids of claims whose margin was set after the first results.
    """

    numbers: Numbers
    statements: Mapping[str, Mapping[str, str]]
    titles: Mapping[str, str]
    seconds: Mapping[str, float]
    late_margins: Collection[str]

    def claims(self, entries: list[dict[str, Any]]) -> dict[str, Judged]:
        """Claims by their id, in the claims file's order."""
        return Named({entry["id"]: self.claim(entry) for entry in entries})

    def seen(self, entries: list[dict[str, Any]]) -> dict[str, Seen]:
        """What the report says on its own account, by id."""
        return Named(
            {entry["id"]: self.comparison(entry["arms"]["corrected"][0]) for entry in entries}
        )

    def compared(self, entries: list[dict[str, Any]]) -> dict[str, dict[str, list[Seen]]]:
        """Each claim's comparisons by arm, for sentences about the same quantities."""
        return Named(
            {
                entry["id"]: Named(
                    {
                        arm: [self.comparison(each) for each in arms]
                        for arm, arms in entry["arms"].items()
                    }
                )
                for entry in entries
            }
        )

    def claim(self, entry: dict[str, Any]) -> Judged:
        """One entry of claims.json, with its numbers as the language writes them."""
        arms, numbers = entry["arms"], self.numbers
        by_arm = shown_by_arm(arms)
        first = by_arm.get("corrected")
        unclear = still_open(arms)
        more = seeds_more(unclear)
        effects = [each["detectable"] for each in unclear if possible(each)]
        means = first is not None and first["test"] == "mean" and entry["why"] is None
        return Judged(
            id=entry["id"],
            section=entry["section"],
            finding=entry["finding"],
            statement=self.statements[entry["id"]][numbers.language],
            verdict=entry["verdict"],
            why=entry["why"],
            firm=entry["firm"],
            look=entry["look"],
            states=entry["verdict_by_arm"],
            reference=value(entry["reference"], first, numbers),
            margin=numbers.decimal(None)
            if first is None or first["by"] == "equal"
            else numbers.setting(first["margin"]),
            measured={arm: shown(each, numbers) for arm, each in by_arm.items()}
            or {"corrected": numbers.decimal(None)},
            seeds=counted(first["values"]) if first else 0,
            unexcluded=numbers.percent(first["unexcluded"], 0)
            if first and means and first["kinds"]["counts"]
            else None,
            detectable=numbers.decimal(max(effects), 3) if effects else None,
            more=more,
            minutes=None if more is None else more * self.cost(arms) / 60,
            mixed=self.mixed(*(each for compared in arms.values() for each in compared)),
            needs=self.statements[entry["needs"]][numbers.language] if entry["needs"] else None,
            after=entry["id"] in self.late_margins,
            evidence=[
                weighed(arm, each, numbers) for arm, compared in arms.items() for each in compared
            ],
        )

    def comparison(self, comparison: dict[str, Any]) -> Seen:
        """What `judge.compare` measured, with its numbers as the language writes them."""
        return Seen(
            word=comparison["word"],
            lean=comparison.get("beside_no_effect", "unclear"),
            value=shown(comparison, self.numbers),
            margin=self.numbers.setting(comparison["margin"]),
            count=comparison.get("count"),
            seeds=counted(comparison["values"]),
            mixed=self.mixed(comparison),
        )

    def mixed(self, *comparisons: dict[str, Any]) -> list[Mixed]:
        """Experiments whose runs came out in several kinds, each once, of comparisons of means."""
        counts_by_name = {
            name: counts
            for comparison in comparisons
            if comparison["test"] == "mean"
            for name, counts in comparison["kinds"]["counts"].items()
            if len(counts) > 1
        }
        return [
            Mixed(self.titles.get(name, name), counts) for name, counts in counts_by_name.items()
        ]

    def cost(self, arms: Mapping[str, list[dict[str, Any]]]) -> float:
        """Seconds of training that one seed more of all experiments compared takes."""
        names = {run_of(path) for compared in arms.values() for path in quantities(compared)}
        return sum(self.seconds.get(name, 0.0) for name in names)


def weighed(arm: str, comparison: dict[str, Any], numbers: Numbers) -> Weighed:
    """A comparison with all its values."""
    around, margin, side = (comparison[key] for key in ("around", "margin", "side"))
    ends = {
        "above": [around + margin],
        "within": [around - margin, around + margin],
    }.get(side, [around - margin])
    digits = 0 if comparison["by"] == "equal" else 3
    return Weighed(
        arm=arm,
        quantity=comparison["quantity"],
        side=side,
        edges=[numbers.setting(end) for end in ends],
        counted=comparison["test"] == "most",
        values={
            seed: numbers.decimal(each, digits)
            for seed, each in zip(comparison["seeds"], comparison["values"], strict=True)
        },
        measured=shown(comparison, numbers),
        level=numbers.percent(comparison["level"]),
        state=comparison["state"],
    )


def seeds_more(unclear: list[dict[str, Any]]) -> int | None:
    """How many seeds more would decide all these comparisons; None: unknown, or too many."""
    needed = [each["seeds_needed"] for each in unclear]
    if not needed or None in needed:
        return None
    return max(needed) - min(counted(each["values"]) for each in unclear)


def shown(comparison: dict[str, Any], numbers: Numbers) -> str:
    """A comparison's value with its interval, or on how many seeds an event was seen."""
    if comparison["test"] == "most":
        if not comparison["values"]:
            return numbers.decimal(None)
        count, seeds = comparison["count"], counted(comparison["values"])
        return f"{numbers.integer(count)} / {numbers.integer(seeds)}"
    low, high = comparison["interval"] or (None, None)
    if (ends := bounds(comparison)) and low is not None and high is not None:
        low, high = max(low, ends[0]), min(high, ends[1])
    estimate = Estimate(comparison["measured"], low, high, len(comparison["values"]))
    return numbers.signed(sign(estimate.mean, comparison), numbers.interval(estimate, 3))


def possible(comparison: dict[str, Any]) -> bool:
    """Whether there is an effect that would have been found, and the values could have it."""
    return comparison["detectable"] is not None and (
        not bounds(comparison) or comparison["detectable"] <= 1
    )


def bounds(comparison: dict[str, Any]) -> tuple[float, float] | None:
    """What a value can't leave: 0 to 1 for a share, -1 to 1 for the difference of two."""
    share = comparison["unit"] == SHARE
    if comparison["by"] == "share" or (share and comparison["against"] is None):
        return 0.0, 1.0
    return (-1.0, 1.0) if share and comparison["by"] == "difference" else None


def value(number: float | None, comparison: dict[str, Any] | None, numbers: Numbers) -> str:
    """A number with three decimals and the sign that its comparison gives it; a dash for None."""
    return numbers.signed(
        sign(number, comparison) if comparison else "", numbers.decimal(number, 3)
    )


def sign(number: float | None, comparison: dict[str, Any]) -> str:
    """× before a ratio, + before a difference upwards; the minus sign is the number's own."""
    if number is None:
        return ""
    if comparison["by"] == "ratio":
        return "×\N{NO-BREAK SPACE}"
    paired = comparison["against"] is not None and comparison["by"] == "difference"
    return "+" if paired and number > 0 else ""
