"""The plain settings of a study that the report's scripts get as `params.study`."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rejeu.study.configuration import Study


def report_settings(
    study: Study,
    tier: str,
    seeds: Mapping[str, Mapping[str, list[int]]],
    *,
    compared: Mapping[str, list[str]],
    named: Mapping[str, list[str]],
    statements: Mapping[str, Mapping[str, str]],
    late_margins: Iterable[str] = (),
    waiting: bool = False,
) -> dict[str, Any]:
    """What a report says of its study and no result file holds.

    Args:
        study: as config.yaml has it.
        seeds: by part and experiment, those of the runs that are there; an experiment that isn't
            named was not run.
        compared: the experiments of each comparison that can be made (`Comparisons.compared`).
        named: by part, the experiments that the templates name (`precheck.experiments_named`).
        statements: the words of each claim, by language.
        late_margins: ids of claims whose margin was set after the first results.
        waiting: whether this is a first report, with the groups' runs still to come.
    """
    here = study.tiers[tier]
    report = study.report
    return {
        "tier": tier,
        "languages": study.languages,
        "report": {
            "title": study.in_each_language(report.title),
            "subtitle": study.in_each_language(report.subtitle),
            "date": report.date.isoformat(),
            "repository": report.repository,
        },
        "groups": [] if waiting else list(here.groups),
        "parts": {
            name: part_settings(study, name, here.parts[name], seeds.get(name, {}))
            for name in study.parts
            if name in here.parts
        },
        "comparisons": dict(compared),
        "timing": {name: timing.group for name, timing in study.timing.items()},
        "named": {part: list(names) for part, names in named.items()},
        "statements": {claim: study.in_each_language(text) for claim, text in statements.items()},
        "late_margins": list(late_margins),
        "waiting": waiting,
        "licences": {name: settings.licence for name, settings in study.inputs.items()},
    }


def part_settings(
    study: Study, name: str, here: Any, seeds: Mapping[str, list[int]]
) -> dict[str, Any]:
    """A part's {kind, title, experiments}, and of its kind the model, data and so on.

    Args:
        here: the part in the tier.
        seeds: of each experiment that was run.
    """
    part = study.parts[name]
    called = {each: drawn for drawn, (owner, each) in study.figure_names().items() if owner == name}
    model = getattr(here, "encoder", None) or getattr(here, "causal_lm", None)
    return {
        "kind": part.kind,
        "title": study.in_each_language(part.title),
        "model": study.models[model].name if model else None,
        "model_citation": study.models[model].citation if model else None,
        "data": None if part.kind == "command" else study.data_folder(name),
        "citation": getattr(here, "citation", None),
        "where": getattr(here, "where", None) or {},
        "max_length": getattr(here, "max_length", None),
        "quantised": getattr(here, "quantisation", "none") != "none",
        "generation": part.generation.model_dump() if part.kind == "lora" else None,
        "metrics": dict(part.metrics) if part.kind == "command" else None,
        "experiments": {
            experiment: {
                "title": study.in_each_language(settings.title),
                "arm": settings.arm,
                "group": settings.group,
                "seeds": list(seeds.get(experiment, [])),
                "figure": called[experiment],
                "place": place,
            }
            for place, (experiment, settings) in enumerate(part.experiments.items())
        },
    }


def figure_settings(
    settings: Mapping[str, Any], compares: Iterable[str], parts: Collection[str] | None = None
) -> dict[str, Any]:
    """Of a report's settings what a figure of these comparisons depends on.

    So that a title or a claim elsewhere draws nothing anew. A part keeps the compared experiments.

    Args:
        parts: whose experiments are compared; None: any.
    """
    compared = {name: settings["comparisons"][name] for name in compares}
    wanted = {experiment for names in compared.values() for experiment in names}
    kept = {
        name: {
            "kind": part["kind"],
            "metrics": part["metrics"],
            "experiments": {
                experiment: {key: it[key] for key in ("title", "seeds", "place")}
                for experiment, it in part["experiments"].items()
                if experiment in wanted
            },
        }
        for name, part in settings["parts"].items()
        if parts is None or name in parts
    }
    return {
        "tier": settings["tier"],
        "groups": settings["groups"],
        "comparisons": compared,
        "parts": {name: part for name, part in kept.items() if part["experiments"]},
    }
