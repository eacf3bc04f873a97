"""Everything that a template may name."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from statistics import fmean
from typing import Any

from markupsafe import Markup

from rejeu.evaluation.judge import FIRST, RISK
from rejeu.report.evidence import Evidence, titled, titles
from rejeu.report.numbers import Numbers
from rejeu.report.provenance import by_group
from rejeu.report.verdicts import Told

# The study's own deductions: of the evidence, of what the report says itself, of each claim's
# comparisons and of the claims.
Facts = Callable[[Evidence, Any, Any, Any], dict[str, Any]]


def context(
    language: str,
    study: Mapping[str, Any],
    words: Mapping[str, str],
    evidence: Evidence,
    statistics: Mapping[str, Mapping[str, Any]],
    provenance: Mapping[str, Any],
    claims: list[dict[str, Any]],
    observations: list[dict[str, Any]],
    facts: Facts | None = None,
) -> dict[str, Any]:
    """Names and values for `language`'s template: those of `vocabulary.NAMES`, and each part's.

    Args:
        study: what `study_settings.report_settings` gives.
        words: the engine's and the study's, of this language.
        evidence: what was measured.
        statistics: of each data folder, its first seed's stats.json.
        provenance: what `provenance` gives.
        claims: the entries of claims.json.
        observations: the entries of observations.json.
        facts: the study's, if it has any.
    """
    numbers = Numbers(language)
    evidence = titled(evidence, study, language)
    results = evidence.results
    everything = [
        (f"{part}.{name}", it)
        for part, experiments in results.items()
        for name, it in experiments.items()
    ]
    teller = Told(
        numbers,
        study["statements"],
        {name: result.title for name, result in everything},
        {name: fmean(run["wall_seconds"] for run in it.runs) for name, it in everything},
        study["late_margins"],
    )
    judged, compared, seen = (
        teller.claims(claims),
        teller.compared(claims),
        teller.seen(observations),
    )
    named = {
        "n": numbers,
        # The study's own text, which may hold Markdown as its templates do.
        "words": {name: Markup(text) for name, text in words.items()},  # noqa: S704
        "language": language,
        "tier": study["tier"],
        "waiting": study["waiting"],
        "groups": study["groups"],
        "report": in_language(study["report"], language)
        | {"date": date.fromisoformat(study["report"]["date"])},
        "note": note(words, numbers, study, results),
        "parts": {
            name: part | {"number": place, "title": part["title"][language]}
            for place, (name, part) in enumerate(study["parts"].items(), start=1)
        },
        "results": results,
        "extra": {part: extra(part, experiments, study) for part, experiments in results.items()},
        "seeds": {
            part: max((len(result.seeds) for result in experiments.values()), default=0)
            for part, experiments in results.items()
        },
        "titles": titles(study, language),
        "claims": judged,
        "compared": compared,
        "seen": seen,
        "risk": risk([*claims, *observations], study["late_margins"], numbers),
        "timings": evidence.timings,
        "seconds": by_group(provenance["training"], evidence.timings, study["timing"]),
        "reference": evidence.reference,
        "provenance": with_listings(provenance),
        "diverged": diverged(result for _, result in everything),
        "data": statistics,
        "facts": facts(evidence, seen, compared, judged) if facts else {},
    }
    return named | results


def in_language(settings: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Settings whose texts are those of one language."""
    return {
        name: value.get(language) if isinstance(value, Mapping) else value
        for name, value in settings.items()
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


def diverged(results: Iterable[Any]) -> list[dict[str, Any]]:
    """Runs that ended early: {title, seed, step: whose loss or gradient was no number}."""
    return [
        {"title": result.title, "seed": seed, "step": run["diverged_at"]}
        for result in results
        for seed, run in zip(result.seeds, result.runs, strict=True)
        if run.get("diverged_at") is not None
    ]


def extra(part: str, results: Mapping[str, Any], study: Mapping[str, Any]) -> list[Any]:
    """The experiments with a section of their own: neither named by a template nor of a group."""
    settings = study["parts"][part]["experiments"]
    named = study["named"].get(part, [])
    return [
        result
        for name, result in results.items()
        if name not in named and settings[name]["group"] is None
    ]


def note(
    words: Mapping[str, str],
    numbers: Numbers,
    study: Mapping[str, Any],
    results: Mapping[str, Mapping[str, Any]],
) -> str:
    """The title page's line on what this copy is.

    Its seeds are those of the experiments that the report names, of which `rejeu decide` may add to
    some; of a part whose experiments no template names, of all those without a group.
    """
    counts = {}
    for part, experiments in results.items():
        settings, named = study["parts"][part]["experiments"], study["named"].get(part, [])
        own = {
            name: len(it.seeds)
            for name, it in experiments.items()
            if settings[name]["group"] is None
        }
        of_named = [count for name, count in own.items() if name in named] or [*own.values()] or [0]
        ends = dict.fromkeys((min(of_named), max(of_named)))
        counts[part] = words["from_to"].join(map(str, ends))
    seeds = (
        ", ".join(
            words["note_part"].format(seeds=count, number=number)
            for number, count in enumerate(counts.values(), start=1)
        )
        if len(counts) > 1
        else "".join(counts.values())
    )
    day = numbers.day(date.fromisoformat(study["report"]["date"]))
    line = words["note"].format(day=day, tier=study["tier"], seeds=seeds)
    return line + (words["note_waiting"] if study["waiting"] else "")


def with_listings(provenance: Mapping[str, Any]) -> dict[str, Any]:
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
    return {**provenance, "inputs": inputs}
