"""Plan a tier, build it from scratch, and compare: how far `rejeu plan` is from what it takes.

    python benchmarks/plan.py --tier smoke
    python benchmarks/plan.py --tier laptop --seeds 1 --cores 1

Adds a run to benchmarks/results/plan.json, in place of an earlier one of the same kind. Raw inputs
that are here are not fetched again. Nothing else should run on the machine meanwhile.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from run import RESULTS, output, own_copy, write_study  # noqa: E402

from rejeu.build.environment import prepare  # noqa: E402
from rejeu.job.machine import machine  # noqa: E402
from rejeu.job.whole_files import read_json, write_json  # noqa: E402
from rejeu.study.strict_reading import read_yaml  # noqa: E402


def measured(tier: str, seeds: int | None, *, probe: bool) -> dict[str, Any]:
    """What the plan says and what the build takes, in seconds, in all and by rule."""
    with own_copy() as project:
        if seeds is not None:
            study = read_yaml(project / "config.yaml")
            for part in study["tiers"][tier]["parts"].values():
                part["seeds"] = part["seeds"][:seeds]
            write_study(project, study)
        if probe:
            output([sys.executable, "-m", "rejeu", "probe"], project)
        load = os.getloadavg()[0]  # of what else runs
        plan = [sys.executable, "-m", "rejeu", "plan", "--tier", tier, "--json"]
        planned = json.loads(output(plan, project))
        start = time.monotonic()
        output([sys.executable, "-m", "rejeu", "report", "--tier", tier], project)
        seconds = time.monotonic() - start
        return {
            "tier": tier,
            "seeds": seeds,
            "machine": machine(),
            "cores": planned["cores"],
            "load_before": load,
            "probed": read_json(project / ".cache/rejeu/probe.json")["speed"] if probe else None,
            "jobs": planned["jobs"],
            "planned_seconds": planned["seconds"],
            "seconds": seconds,
            "planned_over_real": planned["seconds"] / seconds,
            "rules": by_rule(planned["by_rule"], project),
        }


def by_rule(planned: dict[str, Any], project: Path) -> dict[str, Any]:
    """Seconds of all jobs of each rule: those of the plan, and as Snakemake recorded them."""
    real: dict[str, dict[str, float]] = {}
    for path in (project / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            job = read_json(path)  # one record per output
            real.setdefault(job["rule"], {})[job["log"][0]] = job["endtime"] - job["starttime"]
    return {
        rule: each | {"real_seconds": sum(real.get(rule, {}).values())}
        for rule, each in planned.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How far is the plan from the build?")
    parser.add_argument("--tier", default="smoke")
    parser.add_argument("--seeds", type=int, help="of each part, the first ones; all unless given")
    parser.add_argument("--cores", type=int, help="of this machine, as if it had no more")
    parser.add_argument("--no-probe", action="store_true", help="take expected_seconds as they are")
    given = parser.parse_args()
    if given.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.cores])
    prepare(ROOT)
    found = measured(given.tier, given.seeds, probe=not given.no_probe)
    path = RESULTS / "plan.json"
    runs = read_json(path)["runs"] if path.is_file() else []
    kind = ("tier", "seeds", "cores", "machine")
    others = [run for run in runs if any(run[key] != found[key] for key in kind)]
    write_json(path, {"runs": [*others, found]})
    print(f"planned {found['planned_seconds']:.0f} s, took {found['seconds']:.0f} s")


if __name__ == "__main__":
    main()
