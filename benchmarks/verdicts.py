"""How often a verdict is wrong: simulated studies of known truth, judged by the judge itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.progress import track
from scipy.stats import t

from rejeu.evaluation.judge import (
    RISK,
    Runs,
    judge_all,
    looks,
    mean_over_seeds,
    share_of_seeds,
)

SEEDS = (3, 5, 6, 8, 12)
STUDIES = 2000
REPORTS = 1000  # of 24 claims each
CLAIMS = 24
LOOKS = (12,)  # after six seeds
MOST_ADDED = 4  # seeds, one by one
FIXED = 10  # seeds, of a study that looks once
MARGIN = 1.0
SPREAD = 0.5  # of the noise over seeds, in margins
COLLAPSE = 3.0  # how far a collapsed run falls, in margins
POOL, TESTED = 25_000, 800  # reviews in all, and in each seed's test set

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
# Around their means, of about one standard deviation.
NOISES: dict[str, Noise] = {
    "normal": lambda draw, shape: draw.standard_normal(shape),
    "Student, 3 degrees": lambda draw, shape: draw.standard_t(3, shape) / np.sqrt(3),
    "exponential": lambda draw, shape: draw.exponential(1, shape) - 1,
    "lognormal, shape 1": lambda draw, shape: (
        (draw.lognormal(0, 1, shape) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    ),
    "two groups, 1 in 4": lambda draw, shape: (
        (draw.random(shape) < 0.25) - 0.25 + 0.2 * draw.standard_normal(shape)
    ),
}


def comparison(**more: Any) -> dict[str, Any]:
    given = {"of": "sentiment.ours.metrics.accuracy", "against": None, "by": "difference"}
    return given | {"test": "mean", "side": "above", "around": 0.0, "margin": MARGIN} | more


def words(values: np.ndarray, risk: float = RISK) -> list[str]:
    """What is said of each row of values, of shape (studies, seeds)."""
    return [mean_over_seeds(comparison(), row.tolist(), risk, risk)["state"] for row in values]


def decided(values: np.ndarray, risk: float = RISK) -> float:
    found = words(values, risk)
    return sum(word in ("holds", "fails") for word in found) / len(found)


def at_the_margin(draw: np.random.Generator) -> dict[str, list[float]]:
    """Shares of studies with a false word though the truth is the margin, by kind of noise."""
    found = {
        name: [decided(MARGIN + SPREAD * noise(draw, (STUDIES, n))) for n in SEEDS]
        for name, noise in NOISES.items()
    }
    found["each seed its own split of one pool"] = [decided(split(draw, n)) for n in SEEDS]
    found["an event in half of all runs"] = [events(draw, n) for n in SEEDS]
    return found


def others(draw: np.random.Generator) -> dict[str, list[float]]:
    """How often rules that are not taken say something false of the most skewed noise."""
    found: dict[str, list[float]] = {"Student’s t": [], "t, and all seeds on one side": []}
    for n in SEEDS:
        noise = NOISES["lognormal, shape 1"](draw, (STUDIES, n))
        student = noise.mean(axis=1) / (noise.std(axis=1, ddof=1) / np.sqrt(n))
        said = np.abs(student) > t.ppf(1 - RISK / 2, n - 1)
        agreed = (noise > 0).all(axis=1) | (noise < 0).all(axis=1)
        found["Student’s t"].append(float(said.mean()))
        found["t, and all seeds on one side"].append(float((said & agreed).mean()))
    return found


def split(draw: np.random.Generator, n: int) -> np.ndarray:
    """Means over each seed's own test set, drawn from a pool whose mean is the margin."""
    pool = draw.standard_normal(POOL) * 20
    pool += MARGIN - pool.mean()
    chosen = draw.integers(0, POOL, (STUDIES, n, TESTED))
    return pool[chosen].mean(axis=2) + 0.2 * draw.standard_normal((STUDIES, n))


def events(draw: np.random.Generator, n: int) -> float:
    happened = draw.random((STUDIES, n)) < 0.5
    states = [share_of_seeds(int(row.sum()), n, RISK, RISK)["state"] for row in happened]
    return sum(state in ("holds", "fails") for state in states) / STUDIES


def power(draw: np.random.Generator) -> dict[str, list[float]]:
    """Shares of studies that find an effect, by how far beyond the margin it lies (spreads)."""
    return {
        f"{away:g}": [
            words(MARGIN + SPREAD * (away + draw.standard_normal((STUDIES, n)))).count("holds")
            / STUDIES
            for n in SEEDS
        ]
        for away in (1, 2, 3, 4, 6)
    }


def mixed(draw: np.random.Generator) -> dict[str, list[dict[str, float]]]:
    """Studies in which a share of runs collapses, so that the mean does fall by the margin.

    Of all studies: with a false word where seeds disagree, and with one where all ran as usual,
    beside which the share of collapses that such seeds can't exclude is said.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for share in (0.1, 0.2):
        rows = []
        for n in SEEDS:
            fell = draw.random((STUDIES, n)) < share
            values = 0.1 * draw.standard_normal((STUDIES, n)) - 10 * MARGIN * fell
            said = [judged_alone(row, kinds) for row, kinds in zip(values, fell, strict=True)]
            agree = fell.all(axis=1) | ~fell.any(axis=1)
            false = np.array([state == "fails" for state in said])
            rows.append(
                {
                    "disagreeing": float((false & ~agree).mean()),
                    "agreeing": float((false & agree).mean()),
                    "unexcluded": 1 - RISK ** (1 / n),
                }
            )
        found[f"{share:.0%}"] = rows
    return found


def judged_alone(values: np.ndarray, fell: np.ndarray) -> str:
    """The state of one claim that a value falls by the margin, by runs of two kinds."""
    claim = claim_of("alone", comparison(side="below"))
    kinds = {seed: "collapsed" if each else "usual" for seed, each in enumerate(fell)}
    runs = Runs(
        lambda _: dict(enumerate(values.tolist())), lambda _: kinds, lambda _: None, device=None
    )
    (entry,) = judge_all([claim], "simulated", runs, lambda _: None, [])
    return entry["verdict_by_arm"]["corrected"]


def claim_of(name: str, compared: dict[str, Any]) -> dict[str, Any]:
    return {
        **{"id": name, "kind": "claim", "section": "simulated", "finding": None},
        **{"reference": None, "tiers": ["simulated"], "device": None, "needs": None},
        **{"corrected": [compared], "notebook": []},
    }


def reports(draw: np.random.Generator, noise: Noise, later: tuple[int, ...]) -> dict[str, float]:
    """Whole reports of claims that all lie at their margins: how many say something false.

    Args:
        later: the looks after six seeds; without one all seeds are there at once.
    """
    false, firm, per_claim = 0, 0, 0
    seeds = max([6, *later])
    claims = [
        claim_of(f"claim_{place}", comparison(of=f"sentiment.claim_{place}.metrics.accuracy"))
        for place in range(CLAIMS)
    ]
    for _ in range(REPORTS):
        values = MARGIN + SPREAD * noise(draw, (CLAIMS, seeds))
        by_path = {
            claim["corrected"][0]["of"]: dict(enumerate(row.tolist()))
            for claim, row in zip(claims, values, strict=True)
        }
        runs = Runs(by_path.get, lambda _: {}, lambda _: range(6), device=None)
        entries = judge_all(claims, "simulated", runs, lambda _: None, list(later))
        wrong = [entry for entry in entries if entry["why"] is None]
        per_claim += len(wrong)
        false += bool(wrong)
        firm += any(entry["firm"] for entry in wrong)
    return {
        "a claim": per_claim / REPORTS / CLAIMS,
        "a report": false / REPORTS,
        "a report, firm": firm / REPORTS,
    }


def looking(draw: np.random.Generator) -> dict[str, Any]:
    """Seeds that `make decide` takes, and claims it decides, beside a study of FIXED seeds."""
    plan = [(look.seeds or 6, look.risk) for look in looks(LOOKS)]
    rows = {}
    for effect in (0.0, 1.0, 2.0, 3.0):
        values = MARGIN * effect + SPREAD * draw.standard_normal((STUDIES, max(FIXED, *LOOKS)))
        open_ = np.ones(STUDIES, dtype=bool)
        taken = np.zeros(STUDIES)
        for n, risk in plan:
            said = np.array(words(values[:, :n], risk))
            taken[open_] = n
            open_ &= said == "unclear"
        rows[f"{effect:g}"] = {
            "seeds": float(taken.mean()),
            "decided": float(1 - open_.mean()),
            "decided_fixed": decided(values[:, :FIXED]),
        }
    return {"looks": [n for n, _ in plan], "fixed": FIXED, "rows": rows}


def by_hand(draw: np.random.Generator) -> list[float]:
    """Studies with a false word where a seed is added, by hand, as long as nothing is decided.

    Returns:
        Their share after 0 to MOST_ADDED seeds more than six, of skewed noise at the margin.
    """
    noise = NOISES["lognormal, shape 1"](draw, (STUDIES, 6 + MOST_ADDED))
    open_ = np.ones(STUDIES, dtype=bool)
    shares = []
    for n in range(6, 6 + MOST_ADDED + 1):
        open_ &= np.array(words(MARGIN + SPREAD * noise[:, :n])) == "unclear"
        shares.append(float(1 - open_.mean()))
    return shares


def verdicts() -> dict[str, Any]:
    """All that docs/verdicts.md shows."""
    draw = np.random.default_rng(20261126)
    steps: dict[str, Callable[[], Any]] = {
        "margin": lambda: at_the_margin(draw),
        "others": lambda: others(draw),
        "power": lambda: power(draw),
        "mixed": lambda: mixed(draw),
        "reports": lambda: {
            f"{name}, {'looks' if later else 'one look'}": reports(draw, NOISES[name], later)
            for name in ("normal", "lognormal, shape 1")
            for later in ((), LOOKS)
        },
        "looking": lambda: looking(draw),
        "by_hand": lambda: by_hand(draw),
    }
    found = {name: step() for name, step in track(steps.items(), "Simulating verdicts")}
    return {"seeds": SEEDS, "studies": STUDIES, "simulated_reports": REPORTS} | found
