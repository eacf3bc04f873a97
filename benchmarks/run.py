"""Measure Rejeu: `make bench`. Writes benchmarks/results/*.json, then page.py writes the page.

Rivals are timed side by side, in alternation, several times; every figure is kept. Nothing else
should run on the machine meanwhile.
"""

import argparse
import contextlib
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import yaml
from rich.progress import track

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rejeu.build.environment import prepare  # noqa: E402
from rejeu.job.whole_files import read_json, write_json  # noqa: E402
from rejeu.study.strict_reading import read_yaml  # noqa: E402

sys.path.insert(0, str(ROOT / "benchmarks"))

from verdicts import verdicts  # noqa: E402

HERE = ROOT / "benchmarks"
RESULTS = HERE / "results"
CORES = os.cpu_count() or 1
TIER = "laptop"
MODELS = {"sentiment": "minilm_l6", "lora": "smollm2_135m"}
DATA = {"sentiment": "sentiment", "lora": "chat"}
ROWS = {"sentiment": "train.arrow", "lora": "train.plain.arrow"}
SPLIT = "seed42"  # every training is on this seed's split
MORE = (0, 10, 30, 100)  # experiments added, to see how planning grows
SMOKE = ["all", "--config", "tier=smoke", "renderer=embedded"]
KEPT = (
    *("rows", "steps", "rows_per_second", "steps_per_second", "tokens_per_second"),
    *("flop_per_token", "peak_memory_mb", "precision", "attention", "threads", "machine"),
)
SIZES = {  # a run long enough to be past its first steps, short enough to be repeated
    "sentiment": {"notebook": ["--rows", "192"], "ours": ["--rows", "384"]},
    "lora": {"notebook": ["--steps", "40"], "ours": ["--steps", "60"]},
}


def command(program: str, part: str, output: Path, *more: str, project: Path = ROOT) -> list[str]:
    """A training of one program; its data are `project`'s."""
    return [
        sys.executable,
        str(HERE / f"{program}.py"),
        part,
        *("--model", str(ROOT / ".cache/rejeu/models" / MODELS[part])),
        *("--data", str(project / "results" / TIER / "data" / DATA[part] / SPLIT)),
        *("--output", str(output)),
        *more,
    ]


def data_files() -> list[str]:
    """What training reads, below a project's folder."""
    return [f"results/{TIER}/data/{DATA[part]}/{SPLIT}/{rows}" for part, rows in ROWS.items()]


def together(commands: list[list[str]], outputs: list[Path], environment: dict[str, str]) -> Any:
    """Run commands side by side; return what each wrote."""
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(  # noqa: S603
                    given, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            for given in commands
        ]
    failed = [given for given, job in zip(commands, running, strict=True) if job.returncode]
    if failed:
        raise SystemExit(f"failed: {' '.join(failed[0])}")
    return [json.loads(path.read_text(encoding="utf-8")) for path in outputs]


def speed(rounds: int) -> dict[str, Any]:
    """Both parts, ours (a job per core) and the notebook's (one job on all cores), in turn."""
    stock = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    runs: dict[str, Any] = {part: {"notebook": [], "ours": []} for part in MODELS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in track(range(rounds), "Side by side with the notebook's loop"):
            for part in MODELS:
                for program in ("notebook", "ours"):
                    jobs = CORES if program == "ours" else 1
                    outputs = [Path(folder) / f"{job}.json" for job in range(jobs)]
                    commands = [
                        command(program, part, output, *SIZES[part][program]) for output in outputs
                    ]
                    environment = dict(os.environ) if program == "ours" else stock
                    records = together(commands, outputs, environment)
                    runs[part][program].append(
                        [{key: run[key] for key in KEPT if key in run} for run in records]
                    )
    return {"peak_gflops": peaks(), "runs": runs}


def peaks() -> dict[str, float]:
    """Best rate of a product of square matrices, in GFLOP/s, by precision and threads."""
    measure = (
        "import sys, time, torch\n"
        "torch.set_num_threads(int(sys.argv[2]))\n"
        "side = 2048\n"
        "one = torch.randn(side, side).to(getattr(torch, sys.argv[1]))\n"
        "best = 9.0\n"
        "for _ in range(20):\n"
        "    start = time.perf_counter()\n"
        "    one @ one\n"
        "    best = min(best, time.perf_counter() - start)\n"
        "print(2 * side**3 / best / 1e9)\n"
    )
    return {
        f"{precision}, {threads} threads": float(
            output([sys.executable, "-c", measure, precision, str(threads)])
        )
        for precision in ("float32", "bfloat16")
        for threads in (1, CORES)
    }


def numerics(seeds: list[int]) -> dict[str, Any]:
    """Each seed in the notebook's numerics and in ours: accuracy on all test rows, held-out loss.

    Takes long: float32 is slow. Seeds that the last results hold are not run again.
    """
    path = RESULTS / "numerics.json"
    found = read_json(path) if path.is_file() else {"seeds": {}}
    wanted = [
        (seed, part, program)
        for seed in seeds
        for part in MODELS
        for program in ("notebook", "ours")
        if f"{part}, {program}" not in found["seeds"].get(str(seed), {})
    ]
    with own_copy() as project, ThreadPoolExecutor(CORES) as pool:
        study = read_yaml(project / "config.yaml")
        study["tiers"][TIER]["parts"]["sentiment"]["test_rows"] = None
        write_study(project, study)
        snakemake(project, *data_files())

        def run(seed: int, part: str, program: str) -> tuple[int, str, dict[str, Any]]:
            written = project / f"{part}.{program}.{seed}.json"
            more = ("--predict", "--threads", "1", "--seed", str(seed))
            given = command(program, part, written, *more, project=project)
            (record,) = together([given], [written], dict(os.environ))
            names = ("accuracy", "test_rows", "heldout_loss", "heldout_tokens")
            return seed, f"{part}, {program}", {key: record[key] for key in names if key in record}

        jobs = [pool.submit(run, *case) for case in wanted]
        for job in track(as_completed(jobs), "In both numerics", total=len(jobs)):
            seed, name, record = job.result()
            found["seeds"].setdefault(str(seed), {})[name] = record
            write_json(path, found)
    return found


def scaling() -> dict[str, Any]:
    """Time and memory of Part 1 by rows (small encoder, short rows) and by sequence length."""
    sizes = {
        "rows": [("minilm_l3", rows, 64) for rows in (1000, 2000, 4000, 8000, 16000)],
        "length": [("minilm_l6", 256, length) for length in (64, 128, 256, 512)],
    }
    with own_copy() as project:
        return {
            name: [one_run(project, *size) for size in track(chosen, f"By {name}")]
            for name, chosen in sizes.items()
        }


def one_run(project: Path, encoder: str, rows: int, length: int) -> dict[str, Any]:
    """Train on so many rows of so many tokens at most, in a tier made for it."""
    tier = f"{encoder}_{rows}_{length}"
    study = read_yaml(project / "config.yaml")
    study["tiers"][tier] = copy.deepcopy(study["tiers"]["smoke"])
    study["tiers"][tier]["parts"]["sentiment"] |= {
        "encoder": encoder,
        "train_rows": rows,
        "max_length": length,
    }
    write_study(project, study)
    model = f".cache/rejeu/models/{encoder}"
    data = f"results/{tier}/data/sentiment/{SPLIT}"
    snakemake(project, f"{data}/train.arrow", f"{model}/config.json")
    written = project / "run.json"
    given = [
        *(sys.executable, str(HERE / "ours.py"), "sentiment", "--output", str(written)),
        *("--model", str(project / model), "--data", str(project / data)),
    ]
    (record,) = together([given], [written], dict(os.environ))
    told = {key: record[key] for key in ("wall_seconds", "peak_memory_mb", "rows_per_second")}
    return {"encoder": encoder, "rows": rows, "length": length} | told


def write_study(project: Path, study: dict[str, Any]) -> None:
    text = yaml.safe_dump(study, sort_keys=False, allow_unicode=True)
    (project / "config.yaml").write_text(text, encoding="utf-8")


@contextlib.contextmanager
def own_copy() -> Iterator[Path]:
    """A copy of the project's files, with raw inputs that are there already."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        for name in output(["git", "-C", str(ROOT), "ls-files"]).splitlines():
            if (ROOT / name).is_file():
                (project / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, project / name)
        inputs = ROOT / ".cache/rejeu/inputs"
        if inputs.is_dir():
            shutil.copytree(inputs, project / ".cache/rejeu/inputs")
        yield project


def graph(rounds: int) -> dict[str, Any]:
    """Time of a small report built whole, of nothing to do, and of small changes to it."""
    with own_copy() as project:
        found: dict[str, Any] = {"whole": timed(lambda: snakemake(project, *SMOKE), 1)}
        found["by_rule"] = job_seconds(project, "smoke")
        found["nothing"] = timed(lambda: snakemake(project, *SMOKE), rounds)
        sentence = ("report/en/report.qmd.j2", "settle nothing about speed", " ({})")
        plot = ("rejeu/report/figures.py", "dpi=160", " + 0 * {}")
        for name, place in {"sentence": sentence, "plot": plot}.items():
            found[name] = [
                timed(lambda at=at, to=place: changed(project, to, at), 1)[0]
                for at in range(rounds)
            ]
        study = read_yaml(project / "config.yaml")
        study["parts"]["lora"]["experiments"]["added"] = {"rank": 2}
        write_study(project, study)
        found["experiment"] = timed(lambda: snakemake(project, *SMOKE), 1)
        found["plan"] = [planned(project, copy.deepcopy(study), more, rounds) for more in MORE]
    return found


def changed(project: Path, change: tuple[str, str, str], number: int) -> None:
    """Build after something new was added behind a text in a file; put the file back."""
    name, text, added = change
    path = project / name
    before = path.read_text(encoding="utf-8")
    if text not in before:
        raise SystemExit(f"{path}: {text!r} is not there any more; mend the benchmark")
    path.write_text(before.replace(text, text + added.format(number), 1), encoding="utf-8")
    snakemake(project, *SMOKE)
    path.write_text(before, encoding="utf-8")


def planned(project: Path, study: dict[str, Any], more: int, rounds: int) -> dict[str, Any]:
    """Time to plan the builds of a study with so many experiments more."""
    for number in range(more):
        study["parts"]["lora"]["experiments"][f"more_{number}"] = {"rank": 2}
    write_study(project, study)
    experiments = len(study["parts"]["lora"]["experiments"]) + len(
        study["parts"]["sentiment"]["experiments"]
    )
    seconds = timed(lambda: snakemake(project, "-n", *SMOKE), rounds)
    return {"experiments": experiments, "seconds": seconds}


def job_seconds(project: Path, tier: str) -> dict[str, float]:
    """Seconds of all jobs of each rule in a tier, as Snakemake recorded them."""
    found: dict[str, dict[str, float]] = {}
    for path in (project / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            job = json.loads(path.read_text(encoding="utf-8"))  # one record per output
            if job["log"] and job["log"][0].startswith(f"logs/{tier}/"):
                seconds = job["endtime"] - job["starttime"]
                found.setdefault(job["rule"], {})[job["log"][0]] = seconds
    return {rule: sum(seconds.values()) for rule, seconds in found.items()}


def share() -> dict[str, Any]:
    """Where the time of this project's own last build of the tier went, by rule."""
    found = job_seconds(ROOT, TIER)
    if "train_lora" not in found:
        raise SystemExit(f"tier {TIER} was not built here; say: make report TIER={TIER}")
    return {"tier": TIER, "by_rule": found}


def snakemake(project: Path, *given: str) -> str:
    return output([sys.executable, "-m", "snakemake", *given], project)


def output(given: list[str], folder: Path = ROOT) -> str:
    done = subprocess.run(given, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(given)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    seconds = []
    for _ in range(rounds):
        start = time.monotonic()
        work()
        seconds.append(time.monotonic() - start)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure Rejeu; alone on the machine, please")
    parser.add_argument("parts", nargs="*", default=["speed", "scaling", "graph", "verdicts"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[42, 43, 44, 45, 46], help="of numerics"
    )
    given = parser.parse_args()
    prepare(ROOT)
    parts = {
        "speed": lambda: speed(given.rounds),
        "numerics": lambda: numerics(given.seeds),
        "scaling": scaling,
        "graph": lambda: graph(given.rounds),
        "share": share,
        "verdicts": verdicts,
    }
    if set(given.parts) - {"share", "verdicts"}:
        needed = [f".cache/rejeu/models/{model}/config.json" for model in MODELS.values()]
        snakemake(ROOT, *needed, *data_files())
    for part in given.parts:
        write_json(RESULTS / f"{part}.json", parts[part]())


if __name__ == "__main__":
    main()
