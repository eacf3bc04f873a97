"""Judge a claim by its runs: per arm it holds, fails or is unclear; two arms give a verdict.

A claim is about a fresh run: a new split, order and initialisation. What is measured on each seed
is either a value, whose mean over seeds is judged (`guarded`), or an event, whose share of seeds is
(Clopper-Pearson). Several comparisons in one claim share its risk (Bonferroni), and so do the looks
at which seeds were added. What the report says of itself is judged by the same rule.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rejeu.evaluation import guarded
from rejeu.evaluation.fields import Side, quantities, run_of

State = Literal["holds", "fails", "unclear", "missing"]
Verdict = Literal["reproduced", "artefact", "contradicted", "inconclusive", "untested"]
VERDICTS: tuple[Verdict, ...] = (
    *("reproduced", "artefact", "contradicted"),
    *("inconclusive", "untested"),
)
RISK = 0.05  # of a false verdict on one claim, over all its comparisons and looks
# Where looks are declared, the tier's own seeds may take 7 tenths of the risk (six that agree can
# then decide), and each later look 2 thirds of what is left: one more changes none before it.
FIRST, LATER = 0.7, 2 / 3
HALF = 0.5  # an event that a claim asserts must happen in more than half of all fresh runs

Value = float | str | None
# A quantity's values by seed (or repeat), or nothing where it wasn't run.
Read = Callable[[str], Mapping[int, Value] | None]
# The kind of outcome of each of an experiment's runs, by seed: `collapsed`, `diverged` or `usual`.
Kinds = Callable[[str], Mapping[int, str]]


@dataclass(frozen=True)
class Runs:
    """What the judge may ask of a tier's results."""

    read: Read
    kinds: Kinds
    # The seeds of the first look that a quantity is measured on; None: all.
    own: Callable[[str], Collection[int] | None]
    device: str | None  # what runs computed on, cpu or cuda; None: several


@dataclass(frozen=True)
class Look:
    """So many seeds at most, and the risk that may be taken with them, and at the next look."""

    number: int
    seeds: int | None  # None: the tier's own
    risk: float
    next_risk: float


def looks(seeds: Sequence[int]) -> list[Look]:
    """The tier's own seeds, then each declared number of them; together they keep RISK."""
    if not seeds:
        return [Look(1, None, RISK, RISK)]
    left = RISK * (1 - FIRST)
    later = [left * LATER * (1 - LATER) ** place for place in range(len(seeds) + 1)]
    numbered = enumerate(zip([None, *seeds], [RISK * FIRST, *later], later, strict=False), start=1)
    return [Look(number, count, risk, after) for number, (count, risk, after) in numbered]


def judge_all(
    claims: Sequence[dict[str, Any]], tier: str, runs: Runs, reference: Read, later: Sequence[int]
) -> list[dict[str, Any]]:
    """The entries of all that is judged, with what they need of each other.

    Args:
        later: how many seeds each later look has.
    """
    planned = looks(later)
    entries = [judge(claim, tier, runs, reference, planned) for claim in claims]
    return with_firmness(with_needs(entries))


def judge(
    claim: dict[str, Any], tier: str, runs: Runs, reference: Read, planned: Sequence[Look]
) -> dict[str, Any]:
    """One entry of claims.json.

    Args:
        claim: as `rejeu.study.claims.Claim` has it, in plain values.
        reference: gives one value of the document by its path.
        planned: the looks, the tier's own seeds first.
    """
    own, *later = planned
    if not claim["corrected"]:
        return unmeasured(claim, tier, reference)
    arms = measure_arms(claim, runs, own)
    look = own
    for further in later:
        if decided(arms) or fewest_seeds(claim, runs) < (further.seeds or 0):
            break
        look = further
        arms = measure_arms(claim, runs, look)
    states = states_of(arms)
    decisive = deciding(arms["corrected"])
    printed = reference_of(claim, arms["corrected"].index(decisive))
    in_tier = claim["tiers"] is None or tier in claim["tiers"]
    judged = in_tier and claim["device"] in (None, runs.device)
    outcome = verdict(states["corrected"], states.get("notebook")) if judged else "untested"
    return {
        "id": claim["id"],
        "kind": claim["kind"],
        "section": claim["section"],
        "finding": claim["finding"],
        "tier": tier,
        "quantity": decisive["quantity"],
        "reference": refer(printed, reference),
        **{key: decisive[key] for key in ("measured", "interval", "margin")},
        "verdict_by_arm": states,
        "verdict": outcome,
        "why": why_open(outcome, in_tier, judged, arms),
        "p": min(1.0, risk_of(outcome, arms) * (RISK / look.risk)),
        "look": look.number,
        "level": 1 - look.risk,
        "needs": claim["needs"],
        "arms": arms,
        "seeds": len(decisive["values"]),
    }


def unmeasured(claim: dict[str, Any], tier: str, reference: Read) -> dict[str, Any]:
    """A claim that no run tests."""
    return {
        **{key: claim[key] for key in ("id", "kind", "section", "finding", "needs")},
        **dict.fromkeys(("quantity", "measured", "interval", "margin")),
        **{"tier": tier, "reference": refer(reference_of(claim, 0), reference)},
        **{"verdict_by_arm": {"corrected": "missing"}, "verdict": "untested"},
        "why": "no_run",
        **{"p": 1.0, "look": 1, "level": None, "arms": {}, "seeds": 0},
    }


def why_open(
    outcome: Verdict, in_tier: bool, judged: bool, arms: Mapping[str, list[dict[str, Any]]]
) -> str | None:
    """What keeps a claim from being decided.

    `tier`, `device`, `undefined` (a value of some run), `missing`, `mixed` or `unclear`.
    """
    if not judged:
        return "device" if in_tier else "tier"
    if outcome == "untested":
        words = {each["word"] for compared in arms.values() for each in compared}
        return "undefined" if "undefined" in words else "missing"
    if outcome != "inconclusive":
        return None
    unclear = [
        each for compared in arms.values() for each in compared if each["state"] == "unclear"
    ]
    mixed = any(each["test"] == "mean" and each["kinds"]["differ"] for each in unclear)
    return "mixed" if mixed else "unclear"


def measure_arms(claim: dict[str, Any], runs: Runs, look: Look) -> dict[str, list[dict[str, Any]]]:
    """The comparisons of each arm that the claim has, as `compare` measures them at a look.

    The comparisons of an arm share the look's risk equally (Bonferroni).
    """
    return {
        arm: [
            compare(
                comparison,
                runs,
                look.risk / len(claim[arm]),
                most=look.seeds,
                later=look.next_risk / len(claim[arm]),
            )
            for comparison in claim[arm]
        ]
        for arm in ("corrected", "notebook")
        if claim[arm]
    }


def states_of(arms: Mapping[str, list[dict[str, Any]]]) -> dict[str, State]:
    """The state of each arm: those of its comparisons, put `together`."""
    return {arm: together([each["state"] for each in compared]) for arm, compared in arms.items()}


def decided(arms: Mapping[str, list[dict[str, Any]]]) -> bool:
    """Whether the arms give a verdict, and so none of `inconclusive` and `untested`."""
    states = states_of(arms)
    return verdict(states["corrected"], states.get("notebook")) in VERDICTS[:3]


def fewest_seeds(claim: dict[str, Any], runs: Runs) -> int:
    """How many seeds all comparisons of a claim have."""
    compared = [*claim["corrected"], *claim["notebook"]]
    return min(len(measure(comparison, runs)) for comparison in compared)


def deciding(compared: list[dict[str, Any]]) -> dict[str, Any]:
    """The comparison that an arm's state hangs on: the first that has the state of all together."""
    state = together([each["state"] for each in compared])
    return next(each for each in compared if each["state"] == state)


def shown_by_arm(arms: Mapping[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What is shown of each arm: where the corrected one hangs on, and beside it the same quantity.

    Where the arms compare differently, the notebook's own hangs on its own.
    """
    if "corrected" not in arms:
        return {}
    decisive = deciding(arms["corrected"])
    place = arms["corrected"].index(decisive)
    notebook = arms.get("notebook")
    if notebook is None:
        return {"corrected": decisive}
    alike = len(notebook) == len(arms["corrected"])
    return {"corrected": decisive, "notebook": notebook[place] if alike else deciding(notebook)}


def still_open(arms: Mapping[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The unclear comparisons that a verdict waits for.

    Of an arm that lies as claimed all of them; else the one of those against it that needs the
    fewest seeds, since one that fails is enough. And where the corrected arm lies as claimed that
    arm's alone: it then decides without the other.
    """
    waiting = {
        arm: awaited([each for each in compared if each["state"] == "unclear"])
        for arm, compared in arms.items()
        if together([each["state"] for each in compared]) == "unclear"
    }
    ours = waiting.get("corrected")
    if ours and all(leans_to_the_claim(each) for each in ours):
        return ours
    return [each for compared in waiting.values() for each in compared]


def awaited(unclear: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of an arm's unclear comparisons that will settle it."""
    against = [each for each in unclear if not leans_to_the_claim(each)]
    if not against:
        return unclear
    return [min(against, key=lambda each: each["seeds_needed"] or math.inf)]


def leans_to_the_claim(compared: Mapping[str, Any]) -> bool:
    """Whether what was measured is as claimed, if only just."""
    measured = compared["measured"]
    if measured is None:
        return False
    if compared["test"] == "most":
        return measured > HALF
    return on_claimed_side(compared, measured) > 0


def compare(
    comparison: dict[str, Any],
    runs: Runs,
    risk: float,
    *,
    most: int | None = None,
    later: float | None = None,
) -> dict[str, Any]:
    """Measure one comparison and say whether it holds.

    Args:
        risk: of a false word that may be taken.
        most: seeds to take, the first ones; None: those of the first look.
        later: the risk that may be taken with more seeds; None: the same.
    """
    measured = taken(comparison, runs, most)
    values = list(measured.values())
    defined = [value for value in values if value is not None and math.isfinite(value)]
    whole = bool(values) and len(defined) == len(values)
    kinds = seen_kinds(comparison, runs, list(measured))
    outcome: dict[str, Any] = {}
    if comparison["test"] == "most":
        outcome["count"] = sum(happened(comparison, value) for value in defined)
    counted = comparison["test"] == "most"
    # A mean over two kinds of outcome describes neither.
    mixed = not counted and kinds["differ"] and len(values) >= guarded.FEWEST_SEEDS
    if mixed or not whole or len(defined) < guarded.FEWEST_SEEDS:
        word = "unclear" if mixed else "undefined" if values and not whole else "missing"
        outcome |= {"state": "unclear" if mixed else "missing", "word": word, "p": 1.0}
        outcome |= dict.fromkeys(("interval", "detectable", "seeds_needed"))
    elif counted:
        outcome |= share_of_seeds(outcome["count"], len(defined), risk, later or risk)
    else:
        outcome |= mean_over_seeds(comparison, defined, risk, later or risk)
    middle = outcome["count"] if counted else sum(defined)
    return {
        "quantity": named(comparison),
        "values": values,
        "seeds": list(measured),
        "measured": middle / len(defined) if whole else None,  # of an event, its share of seeds
        "level": 1 - risk,
        "kinds": kinds,
        "unexcluded": 1 - RISK ** (1 / len(values)) if values else None,
        **{key: comparison[key] for key in ("of", "against", "by", "test", "side", "around")},
        "margin": comparison["margin"],
        "unit": comparison.get("unit", "number"),
        **outcome,
    }


def mean_over_seeds(
    comparison: dict[str, Any], values: Sequence[float], risk: float, later: float
) -> dict[str, Any]:
    """State, word and interval of a mean of three values or more.

    And what could have been seen, and with how many seeds, at the risk that these may take `later`.
    """
    around, margin = comparison["around"], comparison["margin"]
    lower, upper = (
        guarded.beside(values, around - margin),
        guarded.beside(values, around + margin),
    )
    state, p = state_of(comparison["side"], lower, upper, risk)
    mean = sum(values) / len(values)
    nearest = min(abs(mean - around - margin), abs(mean - around + margin))
    bound = around - margin if comparison["side"] in ("below", "not_below") else around + margin
    distance = nearest if comparison["side"] == "within" else abs(mean - bound)
    interval = guarded.interval(values, risk)
    beyond = guarded.detectable(values, risk)
    return {
        "state": state,
        "word": word_of(lower, upper, risk),
        # An effect may be there that is smaller than what matters.
        "beside_no_effect": beside_no_effect(guarded.beside(values, around), risk),
        "interval": list(interval) if interval else None,
        "p": p,
        "detectable": None if beyond is None else margin + beyond,
        # Of two edges either may be missed.
        "seeds_needed": guarded.seeds_needed(
            values,
            distance,
            later,
            guarded.BOTH if comparison["side"] == "within" else guarded.POWER,
        )
        if state == "unclear"
        else None,
    }


def state_of(
    side: Side, lower: guarded.Place, upper: guarded.Place, risk: float
) -> tuple[State, float]:
    """Whether a value lies on the claimed side of its margin, and the risk in saying so."""
    if side == "within":
        if lower.side > 0 and upper.side < 0:
            p = max(lower.p, upper.p)
            return ("holds" if p <= risk else "unclear"), p
        p = upper.p if upper.side > 0 else lower.p if lower.side < 0 else 1.0
        return ("fails" if p <= risk else "unclear"), p
    edge = upper if side == "above" else lower
    # `below` wants the value beyond the lower edge, `not_below` short of it.
    if edge.p > risk or edge.side == 0:
        return "unclear", edge.p
    beyond = edge.side < 0 if side == "below" else edge.side > 0
    return ("holds" if beyond else "fails"), edge.p


def word_of(lower: guarded.Place, upper: guarded.Place, risk: float) -> str:
    """Where a value lies: `higher` or `lower` by more than the margin, `same`, or `unclear`."""
    if upper.side > 0 and upper.p <= risk:
        return "higher"
    if lower.side < 0 and lower.p <= risk:
        return "lower"
    within = lower.side > 0 and upper.side < 0 and max(lower.p, upper.p) <= risk
    return "same" if within else "unclear"


def beside_no_effect(place: guarded.Place, risk: float) -> str:
    """The side of no effect on which a value lies, `higher` or `lower`, else `unclear`."""
    if place.p > risk or place.side == 0:
        return "unclear"
    return "higher" if place.side > 0 else "lower"


def share_of_seeds(count: int, n: int, risk: float, later: float) -> dict[str, Any]:
    """State and interval of the share of seeds on which an event happened.

    It holds where more than half of all fresh runs would show it, and needs six seeds or more.
    """
    from scipy.stats import binomtest  # noqa: PLC0415  half a second that reports do without

    interval = binomtest(count, n).proportion_ci(1 - risk, method="exact")
    low, high = float(interval.low), float(interval.high)
    state: State = "holds" if low > HALF else "fails" if high < HALF else "unclear"
    return {
        "state": state,
        "word": {"holds": "mostly", "fails": "seldom"}.get(state, "unclear"),
        "interval": [low, high],
        "p": of_coins(count, n),
        "detectable": None,
        "seeds_needed": seeds_for_share(count / n, n, later) if state == "unclear" else None,
    }


def of_coins(count: int, n: int) -> float:
    """The probability of so uneven a count, on either side, of `n` coins."""
    from scipy.stats import binom  # noqa: PLC0415  half a second that reports do without

    tail = min(float(binom.cdf(count, n, HALF)), float(binom.sf(count - 1, n, HALF)))
    return min(1.0, 2 * tail)


def happened(comparison: Mapping[str, Any], value: float) -> bool:
    """Whether one seed shows what is asserted; a value on the margin doesn't, but for rounding."""
    rounding = guarded.EQUAL * max(1.0, abs(comparison["around"]))
    return on_claimed_side(comparison, value) > rounding


def claimed(comparison: Mapping[str, Any]) -> str:
    """Where a claim puts a value, in words for a terminal or a file's reader."""
    around, margin = f"{comparison['around']:g}", f"{comparison['margin']:g}"
    return {
        "above": f"above {around} by more than {margin}",
        "below": f"below {around} by more than {margin}",
        "within": f"within {margin} of {around}",
        "not_below": f"not below {around} by {margin} or more",
    }[comparison["side"]]


def on_claimed_side(comparison: Mapping[str, Any], value: float) -> float:
    """How far a value lies on the claimed side of its bound, in the quantity's unit."""
    away, margin = value - comparison["around"], comparison["margin"]
    by_side = {
        "above": away - margin,
        "below": -away - margin,
        "within": margin - abs(away),
        "not_below": margin + away,
    }
    return by_side[comparison["side"]]


def seeds_for_share(share: float, n: int, risk: float) -> int | None:
    """The fewest seeds above `n` from which on such a share leaves out one half."""

    def open_at(seeds: int) -> bool:
        return of_coins(round(share * seeds), seeds) > risk

    # A count is whole, so that one seed more may leave a share open that one less had decided.
    last = max((seeds for seeds in range(n, guarded.MOST_SEEDS + 1) if open_at(seeds)), default=n)
    return last + 1 if last < guarded.MOST_SEEDS else None


def seen_kinds(comparison: dict[str, Any], runs: Runs, seeds: Sequence[int]) -> dict[str, Any]:
    """How many runs of each experiment are of which kind, and whether seeds differ in it."""
    counts: dict[str, dict[str, int]] = {}
    for path in quantities([comparison]):
        by_seed = runs.kinds(path)
        kinds = [by_seed[seed] for seed in seeds if seed in by_seed]
        if kinds:
            counts[run_of(path)] = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    return {"counts": counts, "differ": any(len(each) > 1 for each in counts.values())}


def taken(comparison: dict[str, Any], runs: Runs, most: int | None) -> dict[int, Any]:
    """The values of a look."""
    measured = measure(comparison, runs)
    if most is not None:
        return dict(list(measured.items())[:most])
    for path in quantities([comparison]):
        own = runs.own(path)
        if own is not None:
            measured = {seed: value for seed, value in measured.items() if seed in own}
    return measured


def measure(comparison: dict[str, Any], runs: Runs) -> dict[int, Any]:
    """The comparison's value on each seed that both sides have; nothing where one wasn't run."""
    ours = runs.read(comparison["of"])
    others = runs.read(comparison["against"]) if comparison["against"] else None
    if ours is None or (comparison["against"] is not None and others is None):
        return {}
    if others is None:
        return dict(ours)
    return {
        seed: combine(comparison["by"], value, others[seed])
        for seed, value in ours.items()
        if seed in others
    }


def combine(by: str, our: Any, other: Any) -> float | None:
    """One seed's value: difference from or ratio to the other, our share of both, or equality."""
    if our is None or other is None:
        return None
    if by == "equal":
        return float(our == other)
    if by == "difference":
        return our - other
    whole = other if by == "ratio" else our + other
    return our / whole if whole else None


def named(comparison: dict[str, Any]) -> str:
    """The quantity in words of the result files."""
    of, against = comparison["of"], comparison["against"]
    sign = {"difference": "-", "ratio": "/", "equal": "==", "share": "as a share of both with"}
    return f"{of} {sign[comparison['by']]} {against}" if against else of


def reference_of(claim: Mapping[str, Any], place: int) -> dict[str, Any] | None:
    """What the document printed of the claim's comparison at a place; one alone is of the first."""
    printed = claim["reference"]
    if isinstance(printed, list):
        return printed[place]
    return printed if place == 0 else None


def refer(comparison: dict[str, Any] | None, reference: Read) -> float | None:
    """The document's own value of a quantity, where it printed one."""
    if comparison is None:
        return None
    printed = Runs(reference, lambda _: {}, lambda _: None, None)
    return next(iter(measure(comparison, printed).values()))


def together(states: Sequence[State]) -> State:
    """A claim of several comparisons holds where all hold, and fails where one fails."""
    if not states or "missing" in states:
        return "missing"
    if "fails" in states:
        return "fails"
    return "holds" if set(states) == {"holds"} else "unclear"


def verdict(corrected: State, notebook: State | None) -> Verdict:
    """Put both arms together; `notebook` is None for a claim that needs no such arm."""
    if "missing" in (corrected, notebook):
        return "untested"
    if corrected == "holds":
        return "reproduced"
    if corrected == "unclear" or notebook == "unclear":
        return "inconclusive"
    return "artefact" if notebook == "holds" else "contradicted"


def risk_of(outcome: Verdict, arms: Mapping[str, list[dict[str, Any]]]) -> float:
    """The risk in a verdict: the larger of those of the arms that it hangs on."""
    if outcome not in VERDICTS[:3]:
        return 1.0
    needed = ["corrected"] if outcome == "reproduced" else list(arms)
    return min(1.0, max(arm_risk(arms[arm]) for arm in needed))


def arm_risk(compared: list[dict[str, Any]]) -> float:
    """All comparisons must hold, or one fail."""
    failing = [each["p"] for each in compared if each["state"] == "fails"]
    return len(compared) * (min(failing) if failing else max(each["p"] for each in compared))


def with_needs(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A claim whose precondition isn't met tells nothing: not as a verdict, nor in a sentence."""
    by_id = {entry["id"]: entry for entry in entries}

    def met(name: str | None) -> bool:
        if name is None:
            return True
        needed = by_id[name]
        return needed["verdict_by_arm"]["corrected"] == "holds" and met(needed["needs"])

    return [
        entry | told_nothing(entry)
        if entry["verdict"] != "untested" and not met(entry["needs"])
        else entry
        for entry in entries
    ]


def told_nothing(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What becomes of an entry whose precondition isn't met; what was measured stays."""
    arms = {
        arm: [each | {"word": "needs", "beside_no_effect": "unclear"} for each in compared]
        for arm, compared in entry["arms"].items()
    }
    return {"verdict": "inconclusive", "why": "needs", "p": 1.0, "arms": arms}


def with_firmness(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say which verdicts survive Holm's correction over all that were judged: these are `firm`."""
    judged = sorted(
        (entry for entry in entries if entry["verdict"] != "untested"), key=lambda each: each["p"]
    )
    firm: set[str] = set()
    for place, entry in enumerate(judged):
        if entry["p"] > RISK / (len(judged) - place):
            break
        firm.add(entry["id"])
    return [entry | {"firm": entry["id"] in firm} for entry in entries]
