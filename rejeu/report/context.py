"""Everything that a template may name."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rejeu.evaluation.judge import FIRST, RISK
from rejeu.report.addresses import Ledger
from rejeu.report.evidence import Evidence, titled, titles
from rejeu.report.numbers import Numbers
from rejeu.report.provenance import by_group
from rejeu.report.traced import Address, at, computed, counted, mean, traced
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
    ledger: Ledger | None = None,
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
        ledger: where each number is noted with its addresses; None: nowhere.
    """
    numbers = Numbers(language) if ledger is None else Numbers(language, ledger)
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
        {name: mean(run["wall_seconds"] for run in it.runs) for name, it in everything},
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
        "report": in_language(study["report"], language) | {"date": day_of(study)},
        "note": note(words, numbers, study, results),
        "parts": {
            name: traced_part(name, part, study["tier"])
            | {
                "number": at(place, (Address("config.yaml", "/parts"),)),
                "title": part["title"][language],
            }
            for place, (name, part) in enumerate(study["parts"].items(), start=1)
        },
        "results": results,
        "extra": {part: extra(part, experiments, study) for part, experiments in results.items()},
        "seeds": {
            part: max((counted(result.seeds) for result in experiments.values()), default=0)
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


def day_of(study: Mapping[str, Any]) -> date:
    """The report's date, which the study sets."""
    text = study["report"]["date"]
    return at(date.fromisoformat(text), (Address("config.yaml", "/report/date", text),))


def traced_part(name: str, part: Mapping[str, Any], tier: str) -> dict[str, Any]:
    """A part's settings, of which those that are numbers know where config.yaml has them."""
    places = {"max_length": f"/tiers/{tier}/parts/{name}", "where": f"/tiers/{tier}/parts/{name}"}
    places["generation"] = f"/parts/{name}"
    known = {
        key: traced(part[key], "config.yaml", f"{place}/{key}")
        for key, place in places.items()
        if part.get(key) is not None
    }
    return {**part, **known}


def in_language(settings: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Settings whose texts are those of one language."""
    return {
        name: value.get(language) if isinstance(value, Mapping) else value
        for name, value in settings.items()
    }


def risk(judged: list[dict[str, Any]], late_margins: list[str], numbers: Numbers) -> dict[str, Any]:
    """What a report's verdicts risk together, and at which level a claim's interval is."""
    verdicts = [entry["verdict"] for entry in judged]
    count = computed(sum(verdict != "untested" for verdict in verdicts), verdicts)
    each = at(RISK, (Address("rejeu/evaluation/judge.py", "RISK", RISK),))
    levels = {entry["level"] for entry in judged if entry["level"] is not None}
    return {
        "each": each,
        "judged": count,
        "expected": each * count,
        "level": numbers.percent(min(levels, default=1 - RISK * FIRST)),
        "margins": computed(
            sum(entry["kind"] == "claim" and bool(entry["arms"]) for entry in judged),
            [entry["id"] for entry in judged],
        ),
        "after": at(len(late_margins), (Address("report/margins.yaml", ""),)),
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
            name: counted(it.seeds)
            for name, it in experiments.items()
            if settings[name]["group"] is None
        }
        of_named = [count for name, count in own.items() if name in named] or [*own.values()] or [0]
        ends = dict.fromkeys((min(of_named), max(of_named)))
        counts[part] = words["from_to"].join(map(numbers.integer, ends))
    seeds = (
        ", ".join(
            words["note_part"].format(seeds=count, number=number)
            for number, count in enumerate(counts.values(), start=1)
        )
        if len(counts) > 1
        else "".join(counts.values())
    )
    day = numbers.day(day_of(study))
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
