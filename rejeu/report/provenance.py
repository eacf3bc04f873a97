"""Where a report's numbers come from: inputs, versions, hardware, code, time spent."""

import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rejeu.build.packages import NUMERIC, installed, versions
from rejeu.build.stale import stale
from rejeu.job.whole_files import read_json
from rejeu.report.results import LoraResult, SentimentResult

PACKAGES = (
    *(*NUMERIC, "safetensors", "scipy", "numpy", "pandas", "matplotlib"),
    *("snakemake", "jinja2", "pypandoc-binary", "typst"),
)


def provenance(
    study: dict[str, Any],
    sources: dict[str, Path],
    sentiment: dict[str, SentimentResult],
    lora: dict[str, LoraResult],
    root: Path,
) -> dict[str, Any]:
    """Facts about one tier's results, as `provenance.json` holds them.

    They are recorded when the report is written and trigger nothing. `study` is what the report is
    told: its tier, licences, and each experiment's finding.
    """
    tier, licences = study["tier"], study["licences"]
    runs = [
        (part, result, run)
        for part, results in (("sentiment", sentiment), ("lora", lora))
        for result in results.values()
        for run in result.runs
    ]
    machines = {tuple(sorted(run["machine"].items())) for _, _, run in runs}
    return {
        "tier": tier,
        "command": f"make report TIER={tier}",
        "retrain": f"make retrain TIER={tier}",
        "git": git(root),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: installed(name) for name in PACKAGES},
        "runs": len(runs),
        "stale": [asdict(found) for found in stale((run for *_, run in runs), versions())],
        "machines": [dict(machine) for machine in sorted(machines, key=str)],
        "computed": sorted(
            {
                (run["device"], run["precision"], run["attention"], run["threads"])
                for *_, run in runs
            }
        ),
        "inputs": {
            name: {"licence": licences[name], **read_json(path)} for name, path in sources.items()
        },
        "training": [
            {
                "part": part,
                "experiment": result.name,
                "finding": study["experiments"][part][result.name]["finding"],
                "seeds": result.seeds,
                "wall_seconds": sum(run["wall_seconds"] for run in result.runs),
                "peak_memory_mb": max(run["peak_memory_mb"] for run in result.runs),
            }
            for part, results in (("sentiment", sentiment), ("lora", lora))
            for result in results.values()
        ],
    }


def by_finding(training: list[dict[str, Any]], timings: dict[str, Any]) -> dict[str | None, float]:
    """Seconds of training or timing for each finding; None: the document's own experiments."""
    names = dict.fromkeys(row["finding"] for row in training)
    spent: dict[str | None, float] = {
        name: sum(row["wall_seconds"] for row in training if row["finding"] == name)
        for name in names
    }
    for finding, name, each, count in (
        ("a3", "batch", "seconds_per_row", "rows"),
        ("a5", "rank", "seconds_per_step", "steps"),
    ):
        if name in timings:
            measured = timings[name]
            spent[finding] = measured[count] * sum(map(sum, measured[each].values()))
    return spent


def git(root: Path) -> dict[str, Any]:
    """{commit, modified}: the code's commit and whether files differ from it; None outside git."""
    commit = ask_git(root, "rev-parse", "HEAD")
    changes = ask_git(root, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "modified": None if changes is None else bool(changes)}


def ask_git(root: Path, *words: str) -> str | None:
    try:
        command = ["git", *words]
        answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
