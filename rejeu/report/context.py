"""Everything that a template may name."""

from datetime import date
from pathlib import Path
from typing import Any

from rejeu.evaluation.statistics import estimate
from rejeu.report import findings, grid, hidden
from rejeu.report.assignment import NAMED, SENTIMENT
from rejeu.report.numbers import Numbers
from rejeu.report.provenance import by_finding
from rejeu.report.results import LoraResult, SentimentResult, rank_sweep
from rejeu.report.verdicts import judged


def context(
    language: str,
    study: dict[str, Any],
    sentiment: dict[str, SentimentResult],
    lora: dict[str, LoraResult],
    statistics: dict[str, Any],
    reference: dict[str, Any],
    provenance: dict[str, Any],
    claims: list[dict[str, Any]],
    timings: dict[str, Any],
) -> dict[str, Any]:
    """Names and values for `language`'s template.

    Args:
        study: plain settings {tier, report, generation, encoder, causal_lm, max_length, findings,
            experiments: by part, each experiment's {arm, finding}, statements: of the claims}.
        statistics: the data's {sentiment, chat} stats.json.
        claims: the entries of claims.json.
        timings: timing/{batch, rank}.json, those that the tier measured.
    """
    numbers = Numbers(language)
    first = next(iter(sentiment.values())).runs[0]
    seeds = {
        "sentiment": len(next(iter(sentiment.values())).seeds),
        "lora": len(next(iter(lora.values())).seeds),
    }
    reviews = statistics["sentiment"]
    return {
        "n": numbers,
        "findings": findings,
        "hidden": hidden,
        "grid": grid,
        "tier": study["tier"],
        "report": study["report"] | {"date": date.fromisoformat(study["report"]["date"])},
        "note": note(language, study, seeds, numbers),
        "generation": study["generation"],
        "seeds": seeds,
        "sentiment": sentiment,
        "extra_sentiment": extra("sentiment", sentiment, study),
        "lora": lora,
        "extra_lora": extra("lora", lora, study),
        "sweep": rank_sweep(lora),
        "claims": judged(claims, study["statements"], numbers),
        "ran": study["findings"],
        "batch_timing": timings.get("batch"),
        "rank_timing": timings.get("rank"),
        "estimate": estimate,
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


def note(language: str, study: dict[str, Any], seeds: dict[str, int], numbers: Numbers) -> str:
    """The title page's line on what this copy is."""
    day = numbers.day(date.fromisoformat(study["report"]["date"]))
    lines = {
        "fr": "Reconstruit par Rejeu le {day}. Palier {tier}. "
        "Graines{nbsp}: {sentiment} pour la partie 1, {lora} pour la partie 2",
        "en": "Rebuilt by Rejeu on {day}. Tier: {tier}. "
        "Seeds: {sentiment} for part 1, {lora} for part 2",
    }
    return lines[language].format(day=day, tier=study["tier"], nbsp="\N{NO-BREAK SPACE}", **seeds)


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
