"""Write docs/benchmarks.md and its figures from benchmarks/results/*.json. No number is typed."""

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rejeu.evaluation.statistics import estimate  # noqa: E402
from rejeu.job.whole_files import read_json, replacing, write_text  # noqa: E402

RESULTS = ROOT / "benchmarks/results"
DOCS = ROOT / "docs"
UNITS = {"sentiment": "rows_per_second", "lora": "steps_per_second"}


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Median, and from the least to the greatest."""
    low, middle, high = min(values), statistics.median(values), max(values)
    if len(values) == 1:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def speeds(speed: dict[str, Any]) -> list[dict[str, str]]:
    """Per part: both rates, their ratio round by round, and the share of the matrix peak."""
    rows = []
    threads = max(int(name.split(", ")[1].split()[0]) for name in speed["peak_gflops"])
    for part, unit in UNITS.items():
        stock = [sum(run[unit] for run in jobs) for jobs in speed["runs"][part]["notebook"]]
        ours = [sum(run[unit] for run in jobs) for jobs in speed["runs"][part]["ours"]]
        first = speed["runs"][part]["ours"][0][0]
        kind = {"bf16": "bfloat16"}.get(first["precision"], "float32")
        peak = speed["peak_gflops"][f"{kind}, {threads} threads"]
        computed = [
            sum(run["flop_per_token"] * run["tokens_per_second"] for run in jobs) / 1e9 / peak
            for jobs in speed["runs"][part]["ours"]
        ]
        rows.append(
            {
                "part": part,
                "unit": unit.replace("_per_second", "/s"),
                "notebook": spread(stock, 2),
                "ours": spread(ours, 2),
                "jobs": str(len(speed["runs"][part]["ours"][0])),
                "ratio": spread([one / other for one, other in zip(ours, stock, strict=True)]),
                "precision": first["precision"],
                "peak": spread([100 * share for share in computed], 0),
            }
        )
    return rows


def compared(numerics: dict[str, Any]) -> list[dict[str, str]]:
    """Ours minus the notebook's numerics, paired by seed, with a 95 % t interval."""
    rows = []
    for part, key, margin in (
        ("sentiment", "accuracy", "above -0.01"),
        ("lora", "heldout_loss", "below +0.02"),
    ):
        pairs = [
            (runs[f"{part}, ours"][key], runs[f"{part}, notebook"][key])
            for runs in numerics["seeds"].values()
            if f"{part}, ours" in runs and f"{part}, notebook" in runs
        ]
        if pairs:
            found = estimate([ours - theirs for ours, theirs in pairs])
            interval = "one seed" if found.low is None else f"[{found.low:+.4f}, {found.high:+.4f}]"
            rows.append(
                {
                    "part": part,
                    "measure": key.replace("_", "-"),
                    "seeds": str(len(pairs)),
                    "notebook": spread([theirs for _, theirs in pairs], 4),
                    "ours": spread([ours for ours, _ in pairs], 4),
                    "difference": f"{found.mean:+.4f} {interval}",
                    "wanted": margin,
                }
            )
    return rows


def not_training(seconds: dict[str, float]) -> float:
    """Percentage of all jobs' seconds that jobs of other rules than training took."""
    training = sum(value for rule, value in seconds.items() if rule.startswith("train_"))
    return 100 * (1 - training / sum(seconds.values()))


def sampling(studies: int) -> float:
    """Two standard errors of a rate of 5 % over so many studies, in points."""
    return 200 * (0.05 * 0.95 / studies) ** 0.5


def lengths() -> str:
    """How many tokens the probe's rows have, in words."""
    from rejeu.training.probe_parts import LENGTHS  # noqa: PLC0415  torch, for this line alone

    return ", ".join(
        f"a median of {median} tokens ({role.replace('_', ' ')}; log-normal, deviation "
        f"{deviation:g}, {longest} at most)"
        for role, (median, deviation, longest) in LENGTHS.items()
    )


def draw_scaling(scaling: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(8, 3), layout="constrained")
    for place, (key, label) in enumerate({"rows": "rows", "length": "tokens a row"}.items()):
        axes = figure.add_subplot(1, 2, place + 1)
        sizes = [run[key] for run in scaling[key]]
        axes.plot(sizes, [run["wall_seconds"] for run in scaling[key]], "o-", color="#2b6ca3")
        axes.set(xlabel=f"{label} ({scaling[key][0]['encoder']})", xlim=(0, None), ylim=(0, None))
        axes.set_ylabel("seconds (circles)", color="#2b6ca3")
        memory = axes.twinx()
        used = [run["peak_memory_mb"] / 1000 for run in scaling[key]]
        memory.plot(sizes, used, "s--", color="#c8553d")
        memory.set_ylabel("peak memory, GB (squares)", color="#c8553d")
        memory.set_ylim(0, None)
    save(figure, path)


def draw_plan(graph: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.add_subplot()
    counts = [row["experiments"] for row in graph["plan"]]
    axes.plot(counts, [statistics.median(row["seconds"]) for row in graph["plan"]], "o-")
    axes.set(xlabel="experiments in the study", ylabel="seconds to plan", ylim=(0, None))
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=160, metadata={"Software": None})


def main() -> None:
    known = {path.stem: read_json(path) for path in RESULTS.glob("*.json")}
    values: dict[str, Any] = {"spread": spread, **known}
    if "speed" in known:
        values["speeds"] = speeds(known["speed"])
        values["machine"] = known["speed"]["runs"]["sentiment"]["ours"][0][0]["machine"]
    if "numerics" in known:
        values["compared"] = compared(known["numerics"])
    if "scaling" in known:
        draw_scaling(known["scaling"], DOCS / "scaling.png")
    if "verdicts" in known:
        values["sampling"] = sampling(known["verdicts"]["studies"])
    if "graph" in known:
        draw_plan(known["graph"], DOCS / "planning.png")
        values["not_training"] = not_training(known["graph"]["by_rule"])
    if "share" in known:
        values["not_training_there"] = not_training(known["share"]["by_rule"])
    # Markdown for people who read the repository, of numbers that this program made.
    environment = jinja2.Environment(  # noqa: S701
        loader=jinja2.FileSystemLoader(ROOT / "benchmarks"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    values["lengths"] = lengths()
    pages = ["benchmarks.md", "plan.md", *(["verdicts.md"] if "verdicts" in known else [])]
    for page in pages:
        write_text(DOCS / page, environment.get_template(f"{page}.j2").render(values))


if __name__ == "__main__":
    main()
