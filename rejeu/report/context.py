"""Everything that a template may name."""

from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Any

from rejeu.evaluation.judge import FIRST, RISK
from rejeu.report import hidden
from rejeu.report.assignment import NAMED, SENTIMENT
from rejeu.report.numbers import Numbers
from rejeu.report.provenance import by_finding
from rejeu.report.results import LoraResult, SentimentResult, rank_sweep
from rejeu.report.verdicts import Told


def context(
    language: str,
    study: dict[str, Any],
    sentiment: dict[str, SentimentResult],
    lora: dict[str, LoraResult],
    statistics: dict[str, Any],
    reference: dict[str, Any],
    provenance: dict[str, Any],
    claims: list[dict[str, Any]],
    observations: list[dict[str, Any]],
    timings: dict[str, Any],
) -> dict[str, Any]:
    """Names and values for `language`'s template.

    Args:
        study: plain settings {tier, report, generation, encoder, causal_lm, max_length, findings,
            experiments: by part, each experiment's {arm, finding}, statements: of the claims}.
        statistics: the data's {sentiment, chat} stats.json.
        claims: the entries of claims.json.
        observations: the entries of observations.json.
        timings: timing/{batch, rank}.json, those that the tier measured.
    """
    numbers = Numbers(language)
    first = next(iter(sentiment.values())).runs[0]
    seeds = {
        "sentiment": len(sentiment["baseline"].seeds),
        "lora": len(lora["r8"].seeds),
    }
    reviews = statistics["sentiment"]
    results = {
        f"{part}.{name}": result
        for part, found in (("sentiment", sentiment), ("lora", lora))
        for name, result in found.items()
    }
    told = Told(
        numbers,
        study["statements"],
        {name: result.title for name, result in results.items()},
        {name: fmean(run["wall_seconds"] for run in it.runs) for name, it in results.items()},
        study["late_margins"],
    )
    return {
        "n": numbers,
        "hidden": hidden,
        "tier": study["tier"],
        "waiting": study["waiting"],
        "report": study["report"] | {"date": date.fromisoformat(study["report"]["date"])},
        "note": note(language, study, {"sentiment": sentiment, "lora": lora}, numbers),
        "generation": study["generation"],
        "seeds": seeds,
        "sentiment": sentiment,
        "extra_sentiment": extra("sentiment", sentiment, study),
        "lora": lora,
        "extra_lora": extra("lora", lora, study),
        "sweep": rank_sweep(lora),
        "claims": told.claims(claims),
        "compared": told.compared(claims),
        "seen": told.seen(observations),
        "risk": risk([*claims, *observations], study["late_margins"], numbers),
        "ran": study["findings"],
        "batch_timing": timings.get("batch"),
        "rank_timing": timings.get("rank"),
        "minutes": by_finding(provenance["training"], timings),
        "reference": reference,
        "provenance": with_listings(provenance),
        "numerics": first | first["settings"],
        "diverged": diverged([*sentiment.values(), *lora.values()]),
        "fresh": all(not sentiment[name].runs[0]["settings"]["start_from"] for name in SENTIMENT),
        "data": {
            "encoder": study["encoder"],
            "causal_lm": study["causal_lm"],
            "causal_lm_citation": study["causal_lm_citation"],
            "citation": study["citation"],
            "where": study["where"],
            "max_length": study["max_length"],
            "sentiment": reviews,
            "chat": statistics["chat"],
            "conflicts": reviews["conflicts_before_cleaning"] + reviews["conflicts_after_cleaning"],
        },
    }


def risk(judged: list[dict[str, Any]], late_margins: list[str], numbers: Numbers) -> dict[str, Any]:
    """What a report's verdicts risk together, and at which level a claim's interval is."""
    count = sum(entry["verdict"] != "untested" for entry in judged)
    levels = {entry["level"] for entry in judged if entry["level"] is not None}
    return {
        "each": RISK,
        "judged": count,
        "expected": RISK * count,
        "level": numbers.percent(min(levels, default=1 - RISK * FIRST)),
        "margins": sum(entry["kind"] == "claim" and bool(entry["arms"]) for entry in judged),
        "after": len(late_margins),
    }


def diverged(results: list[Any]) -> list[dict[str, Any]]:
    """Runs that ended early: {title, seed, step: whose loss or gradient was no number}."""
    return [
        {"title": result.title, "seed": seed, "step": run["diverged_at"]}
        for result in results
        for seed, run in zip(result.seeds, result.runs, strict=True)
        if run["diverged_at"] is not None
    ]


def extra(part: str, results: dict[str, Any], study: dict[str, Any]) -> list[Any]:
    """The experiments with a section of their own: neither the assignment's nor a finding's."""
    told = study["experiments"][part]
    return [
        result
        for name, result in results.items()
        if name not in NAMED and told[name]["finding"] is None
    ]


def note(
    language: str, study: dict[str, Any], parts: dict[str, dict[str, Any]], numbers: Numbers
) -> str:
    """The title page's line on what this copy is.

    Its seeds are those of the document's own experiments, of which `make decide` may add to some.
    """
    day = numbers.day(date.fromisoformat(study["report"]["date"]))
    lines = {
        "fr": "Édition du {day}, produite par Rejeu. Palier {tier}. "
        "Graines{nbsp}: {sentiment} pour la partie 1, {lora} pour la partie 2",
        "en": "Edition of {day}, made by Rejeu. Tier: {tier}. "
        "Seeds: {sentiment} for part 1, {lora} for part 2",
    }
    counts = {
        part: sorted({len(result.seeds) for name, result in found.items() if name in NAMED})
        for part, found in parts.items()
    }
    to = {"fr": " à ", "en": " to "}[language]
    seeds = {part: to.join(map(str, dict.fromkeys((c[0], c[-1])))) for part, c in counts.items()}
    said = lines[language].format(day=day, tier=study["tier"], nbsp="\N{NO-BREAK SPACE}", **seeds)
    waiting = {
        "fr": ". Premier état\N{NO-BREAK SPACE}: la suite se calcule encore",
        "en": ". First state: the rest is still being computed",
    }
    return said + (waiting[language] if study["waiting"] else "")


def with_listings(provenance: dict[str, Any]) -> dict[str, Any]:
    """Add to each input its files as sha256sum prints them, and the folder's own name.

    The whole path of a folder is its user's business.
    """
    inputs = {
        name: record
        | {
            "listing": "\n".join(
                f"{file['sha256']}  {path}" for path, file in record["files"].items()
            ),
            "folder": Path(record["source"].get("folder", "")).name,
        }
        for name, record in provenance["inputs"].items()
    }
    return provenance | {"inputs": inputs}
