"""Where a report's numbers come from: inputs, versions, hardware, code, time spent."""

import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rejeu.build.accepted import accepted
from rejeu.build.commit import git
from rejeu.build.conda_environments import locked
from rejeu.build.engine import engine
from rejeu.build.packages import NUMERIC, QUANTISING, installed, versions
from rejeu.build.stale import stale
from rejeu.job.whole_files import read_json
from rejeu.sharing.licences import of_packages, table

PACKAGES = (*NUMERIC, "safetensors", "matplotlib", "snakemake", "jinja2", "typst")


def provenance(
    study: Mapping[str, Any],
    sources: Mapping[str, Path],
    results: Mapping[str, Mapping[str, Any]],
    renderer: str,
    root: Path,
) -> dict[str, Any]:
    """Facts about one tier's results, as `provenance.json` holds them.

    They are recorded when the report is written and trigger nothing.

    Args:
        study: settings {tier, licences: by input, parts: {name: {experiments: {name: {group}}}}}.
        sources: each input's source.json.
        results: by part and experiment.
        renderer: as `renderer.chosen` gives it.
    """
    tier = study["tier"]
    parts = [
        (part, result) for part, experiments in results.items() for result in experiments.values()
    ]
    runs = [run for _, result in parts for run in result.runs]
    quantised = any(QUANTISING in run.get("packages", {}) for run in runs)
    used = (*PACKAGES, QUANTISING) if quantised else PACKAGES
    machines = {tuple(sorted(run["machine"].items())) for run in runs}
    return {
        "tier": tier,
        "command": f"rejeu report --tier {tier}",
        "retrain": f"rejeu retrain --tier {tier}",
        "git": git(root),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: installed(name) for name in used} | turned_by(renderer),
        "licences": table(
            of_packages(pinned(engine() / "requirements.lock")),
            {name: study["licences"][name] for name in sources},
        ),
        "runs": len(runs),
        "accepted": accepted(Path()),
        "stale": [asdict(stale_package) for stale_package in stale(runs, versions(quantised=True))],
        "machines": [dict(machine) for machine in sorted(machines, key=str)],
        # A study's own command computes as it likes.
        "computed": sorted(
            {
                (run["device"], run["precision"], run["attention"], run["threads"])
                for run in runs
                if run.get("precision") is not None
            }
        ),
        "inputs": {
            name: {"licence": study["licences"][name], **read_json(path)}
            for name, path in sources.items()
        },
        "training": [
            {
                "part": part,
                "experiment": result.name,
                "group": study["parts"][part]["experiments"][result.name]["group"],
                "seeds": result.seeds,
                "wall_seconds": sum(run["wall_seconds"] for run in result.runs),
                "peak_memory_mb": max(run["peak_memory_mb"] for run in result.runs),
            }
            for part, result in parts
        ],
    }


def pinned(lock: Path) -> list[str]:
    """The names of the packages that a lock file pins."""
    return [pin.partition("==")[0] for pin, *_ in locked(lock.read_text("utf-8")).values()]


def turned_by(renderer: str) -> dict[str, str | None]:
    """The program, with its version, that turns the report's Markdown into pages."""
    if renderer == "embedded":
        return {"pypandoc-binary": installed("pypandoc-binary")}
    name, _, version = renderer.partition(" ")
    return {name: version}


def by_group(
    training: Iterable[Mapping[str, Any]],
    timings: Mapping[str, Mapping[str, Any]],
    timing_groups: Mapping[str, str],
) -> dict[str | None, float]:
    """Seconds of training or timing for each group; None: the report's own experiments.

    Args:
        timings: timing/{name}.json by name.
        timing_groups: the group that each timing belongs to.
    """
    spent: dict[str | None, float] = {}
    for row in training:
        spent[row["group"]] = spent.get(row["group"], 0) + row["wall_seconds"]
    for name, measured in timings.items():
        group = timing_groups[name]
        spent[group] = spent.get(group, 0) + timed_seconds(measured)
    return spent


def timed_seconds(measured: Mapping[str, Any]) -> float:
    """What a timing took: of rows by batch size, or of steps by rank."""
    each, count = (
        ("seconds_per_row", "rows")
        if "seconds_per_row" in measured
        else ("seconds_per_step", "steps")
    )
    return measured[count] * sum(map(sum, measured[each].values()))
