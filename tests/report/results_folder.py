"""A whole, consistent set of result files, as the rules before the report leave them.

Results are drawn at random, so two seeds give two sets whose values differ. Experiments, their
settings and titles are those of the repository's config.yaml.
"""

import copy
import math
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from findings.facts import facts
from rejeu.evaluation.judge import Runs, judge_all
from rejeu.evaluation.metrics import measure_by_rule
from rejeu.evaluation.quantities import Results, Seeds, referred
from rejeu.job.whole_files import read_json, write_json
from rejeu.report.context import context
from rejeu.report.evidence import Evidence, read_evidence, titled
from rejeu.report.precheck import experiments_named, sections_shown
from rejeu.report.provenance import provenance
from rejeu.report.study_settings import report_settings
from rejeu.report.words import read_words
from rejeu.study import claims as claims_file
from rejeu.study import comparisons as comparisons_file
from rejeu.study import looks
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml
from rejeu.training.outputs import write_jsonl

ROOT = Path(__file__).parents[2]
LANGUAGES = ("fr", "en")
STATES = ("learned", "collapsed", "chance", "mixed")
# No settings of a training.
UNTRAINED = {"title", "arm", "group", "seeds", "precision", "attention"}
EXTRA = {  # what a user may add to config.yaml
    "sentiment": {"long_training": {"epochs": 2, "title": {"fr": "Long", "en": "Long training"}}},
    "lora": {
        "r32": {"rank": 32, "title": {"fr": "Rang 32", "en": "Rank 32"}},
        "slow_lora": {"learning_rate": 1e-5, "title": {"fr": "Lent", "en": "Slow"}},
    },
}


LORA_FINDINGS = ["a3", "a4", "a5", "a7", "a8", "a11"]  # those that train nothing in Part 1
FINDINGS = ["a1", *LORA_FINDINGS, "a10"]


def study_of(extra: bool = False, findings: list[str] = FINDINGS) -> Any:
    """The repository's study; `extra` adds an experiment to Part 1 and two to Part 2."""
    raw = copy.deepcopy(read_yaml(ROOT / "config.yaml"))
    for tier in raw["tiers"].values():
        tier["groups"] = list(findings)
        if "a7" in findings:  # the largest dose must fit
            tier["parts"]["lora"]["max_steps"] = 200
    for part, experiments in EXTRA.items() if extra else ():
        raw["parts"][part]["experiments"] |= copy.deepcopy(experiments)
    return load(raw, "config.yaml")


def write_results(
    folder: Path,
    seed: int,
    *,
    tier: str = "smoke",
    runs: int = 3,
    arm_runs: int | None = None,
    learning: str | dict[str, str] = "learned",
    texts_change: bool = True,
    extra: bool = False,
    findings: list[str] = FINDINGS,
) -> dict[str, Any]:
    """Write results/{tier}/... and inputs/{name}/source.json into `folder`.

    Args:
        seed: of all numbers and words.
        runs: how many seeds each experiment has.
        arm_runs: how many the experiments of groups have, the first ones; None: as many.
        learning: one of STATES, for all experiments of Part 1 or by their names (`learned` for
            those not named). `mixed`: every other run collapsed.
        texts_change: whether training changes what the language model says.
        extra: whether the study holds more experiments than the assignment.
        findings: the groups of experiments that the tier runs.

    Returns:
        The settings that rules/report.smk gives to scripts/write_report.py as `study`.
    """
    numbers, study = random.Random(seed), study_of(extra, findings)
    here = study.tiers[tier]
    results = folder / "results" / tier
    experiments: dict[str, dict[str, Any]] = {
        part: study.experiments(part, tier) for part in ("sentiment", "lora")
    }
    drawn = {part: sorted(numbers.sample(range(100, 10_000), runs)) for part in experiments}
    seeds = {
        part: {
            name: drawn[part][: arm_runs if settings.group else None]
            for name, settings in found.items()
        }
        for part, found in experiments.items()
    }
    machine = {
        "cpu": f"Processor {numbers.randint(1000, 9999)}",
        "cores": numbers.randint(3, 99),
        "gpu": None,
    }
    reviews = sentiment_statistics(numbers)
    chat = chat_statistics(numbers)
    for part, (name, split) in {
        "sentiment": ("sentiment", reviews),
        "lora": ("chat", chat),
    }.items():
        write_json(results / "data" / name / f"seed{drawn[part][0]}" / "stats.json", split)
    for name, settings in experiments["sentiment"].items():
        state = learning if isinstance(learning, str) else learning.get(name, "learned")
        for place, run in enumerate(seeds["sentiment"][name]):
            write_sentiment_run(
                results / "sentiment" / name / f"seed{run}",
                numbers,
                settings.model_dump(exclude={*UNTRAINED}) | {"seed": run},
                reviews,
                ("learned" if place % 2 else "collapsed") if state == "mixed" else state,
                machine,
            )
    base, prompt = words(numbers, 30), study.parts["lora"].generation.prompt
    for name, settings in experiments["lora"].items():
        row = study.parts["lora"].rows[settings.add_row].model_dump() if settings.add_row else None
        for run in seeds["lora"][name]:
            write_lora_run(
                results / "lora" / name / f"seed{run}",
                numbers,
                settings.model_dump(exclude={*UNTRAINED, "add_row"})
                | {"max_steps": here.parts["lora"].max_steps, "seed": run},
                chat,
                prompt,
                {"base": f"{prompt} {base}", "trained": f"{prompt} {words(numbers, 30)}"}
                if texts_change
                else dict.fromkeys(("base", "trained"), f"{prompt} {base}"),
                row,
                machine,
            )
    for name, written in (("a3", write_batch_timing), ("a5", write_rank_timing)):
        if name in findings:
            written(results / "timing", numbers)
    write_claims(results, study, seeds)
    encoder, causal_lm = here.parts["sentiment"].encoder, here.parts["lora"].causal_lm
    models = [study.models[encoder], study.models[causal_lm]]
    inputs = [here.parts["sentiment"].input, here.parts["lora"].input]
    inputs += [name for model in models for name in (model.input, model.tokenizer) if name]
    for name in dict.fromkeys(inputs):
        write_source(folder / "inputs" / name / "source.json", numbers, name, study)
    return settings_of(study, tier, seeds)


def settings_of(
    study: Study,
    tier: str,
    seeds: Seeds,
    waiting: bool = False,
    late_margins: list[str] | None = None,
) -> dict[str, Any]:
    """What the report's scripts get as `params.study`, made as `ReportFiles.settings` does."""
    return report_settings(
        study,
        tier,
        seeds,
        compared=comparisons_file.read(study, ROOT).compared(study, seeds),
        named=named(),
        statements={claim.id: claim.statement for claim in claims_of(study).claims},
        late_margins=late_margins or [],
        waiting=waiting,
    )


def seeds_of(settings: dict[str, Any]) -> dict[str, dict[str, list[int]]]:
    """The seeds of the experiments that a report's settings say were run."""
    return {
        part: {name: it["seeds"] for name, it in found["experiments"].items() if it["seeds"]}
        for part, found in settings["parts"].items()
    }


@cache
def named() -> dict[str, list[str]]:
    return experiments_named(ROOT / "report", LANGUAGES, ["sentiment", "lora"])


@cache
def sections() -> list[str] | None:
    return sections_shown(ROOT / "report", LANGUAGES)


def claims_of(study: Study) -> claims_file.Claims:
    return claims_file.load(
        read_yaml(ROOT / str(study.report.claims)),
        str(study.report.claims),
        study,
        read_yaml(ROOT / "report" / "reference.yaml"),
        named(),
        {tier: looks.seeds(study, tier, {}) for tier in study.tiers},
        sections(),
    )


def results_of(folder: Path, seeds: Seeds, study: Any) -> Results:
    """Whatever lies in results/{tier}, as the judge may read it; no look has added a seed."""
    given = {str(path) for path in folder.rglob("*")}
    return Results(folder, seeds, seeds, {"lora": study.parts["lora"].placebo}, given)


def write_claims(folder: Path, study: Study, seeds: Seeds) -> None:
    """What the judge says of the results in the folder."""
    reference, results = (
        read_yaml(ROOT / "report" / "reference.yaml"),
        results_of(folder, seeds, study),
    )
    judged = judge_all(
        claims_of(study).judged(study),
        # Numbers are made up, so claims about the original's scale may be judged as well.
        "paper",
        Runs(results.quantity, results.kinds, results.own_seeds, results.device()),
        lambda path: {0: referred(reference, path)},
        later=[],
    )
    for name, kind in (("claims", "claim"), ("observations", "seen")):
        write_json(folder / f"{name}.json", [entry for entry in judged if entry["kind"] == kind])


def write_batch_timing(folder: Path, numbers: random.Random) -> None:
    seconds = {size: [numbers.uniform(0.1, 0.2) for _ in range(6)] for size in ("16", "32")}
    timing = {"threads": 2, "repeats": 6, "rows": 64, "batch_sizes": [16, 32]}
    write_json(folder / "batch.json", timing | {"seconds_per_row": seconds})


def write_rank_timing(folder: Path, numbers: random.Random) -> None:
    ranks = [4, 8, 16]
    write_json(
        folder / "rank.json",
        {
            "threads": 2,
            "repeats": 6,
            "steps": 10,
            "ranks": ranks,
            "seconds_per_step": {
                str(r): [numbers.uniform(0.3, 0.4) for _ in range(6)] for r in ranks
            },
            "trainable_parameters": {str(r): r * numbers.randint(10_000, 99_999) for r in ranks},
        },
    )


def words(numbers: random.Random, count: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return " ".join(
        "".join(numbers.choices(letters, k=numbers.randint(4, 9))) for _ in range(count)
    )


def spread(numbers: random.Random) -> dict[str, int]:
    low, middle, high, most = sorted(numbers.sample(range(5, 2000), 4))
    return {"min": low, "median": middle, "p95": high, "max": most}


def sentiment_statistics(numbers: random.Random) -> dict[str, Any]:
    train, test = 2 * numbers.randint(101, 400), 2 * numbers.randint(101, 200)
    selected, duplicates = numbers.randint(20_000, 60_000), numbers.randint(100, 900)
    return {
        "selected": selected,
        "duplicates_before_cleaning": duplicates,
        "conflicts_before_cleaning": numbers.randint(1, 9),
        "blank_after_cleaning": 0,
        "duplicates_after_cleaning": numbers.randint(10, 90),
        "conflicts_after_cleaning": numbers.randint(1, 9),
        "cleaned": selected - duplicates,
        **{
            side: {
                "rows": rows,
                "negative": rows // 2,
                "positive": rows // 2,
                "words": spread(numbers),
            }
            for side, rows in (("train", train), ("test", test))
        },
    }


def chat_statistics(numbers: random.Random) -> dict[str, Any]:
    return {
        "pairs": numbers.randint(10_000, 99_999),
        "duplicates": numbers.randint(100, 999),
        "conversations": numbers.randint(1000, 5000),
        **{
            side: {
                "rows": rows,
                "conversations": numbers.randint(20, rows),
                "words": {"input": spread(numbers), "output": spread(numbers)},
            }
            for side, rows in (
                ("train", numbers.randint(1000, 9999)),
                ("heldout", numbers.randint(100, 999)),
            )
        },
    }


def write_sentiment_run(
    folder: Path,
    numbers: random.Random,
    settings: dict[str, Any],
    reviews: dict[str, Any],
    state: str,
    machine: dict[str, Any],
) -> None:
    rows = reviews["train"]["rows"]
    steps = math.ceil(rows / settings["batch_size"]) * settings["epochs"]
    losses = falling(numbers, 0.69, 0.3 if state == "learned" else 0.65, steps)
    record = {"settings": settings} | computed(
        numbers, machine, steps, rows, losses, rows * settings["epochs"]
    )
    labels = np.array([0, 1] * (reviews["test"]["rows"] // 2))
    write_json(folder / "run.json", record)
    write_jsonl(str(folder / "log.jsonl"), log(losses, settings["learning_rate"]))
    write_json(folder / "metrics.json", measure_by_rule(labels, logits(numbers, labels, state)))


def logits(numbers: random.Random, labels: np.ndarray, state: str) -> np.ndarray:
    """Logits (rows, 2) of a model that has come to `state`."""
    draw = np.random.default_rng(numbers.getrandbits(32))
    if state == "collapsed":
        return np.column_stack(
            [draw.uniform(0.1, 0.4, len(labels)), draw.uniform(-0.4, -0.1, len(labels))]
        )
    # Right, and wrong more often on positive rows; or as a coin falls, but never better than half.
    if state == "learned":
        wrong = draw.random(len(labels)) < np.where(labels == 1, 0.2, 0.1)
    else:
        wrong = np.repeat(draw.permutation(len(labels) // 2) % 2 == 0, 2)
    margin = draw.uniform(0.2, 3, len(labels)) * np.where((labels == 1) != wrong, 1, -1)
    return np.column_stack([-margin / 2, margin / 2])


def write_lora_run(
    folder: Path,
    numbers: random.Random,
    settings: dict[str, Any],
    chat: dict[str, Any],
    prompt: str,
    texts: dict[str, str],
    row: dict[str, str] | None,
    machine: dict[str, Any],
) -> None:
    steps, start = settings["max_steps"], numbers.uniform(4, 5)
    losses = falling(numbers, start, start - 0.5, steps)
    drawn = steps * settings["batch_size"] * settings["accumulation"]
    rows = chat["train"]["rows"] + (row is not None)
    record = {"settings": settings} | computed(numbers, machine, steps, rows, losses, drawn)
    record |= {
        "target_modules": ["q_proj", "v_proj"],
        "trainable_parameters": settings["rank"] * numbers.randint(10_000, 99_999),
    }
    if row is not None:
        record["added_row"] = {**row, "times_drawn": numbers.randint(0, 1)}
    write_json(folder / "run.json", record)
    write_jsonl(str(folder / "log.jsonl"), log(losses, settings["learning_rate"]))
    heldout = {
        "loss": numbers.uniform(3, 5),
        "tokens": numbers.randint(10_000, 99_999),
        "rows": chat["heldout"]["rows"],
    }
    write_json(folder / "heldout.json", heldout)
    said = [
        {
            "state": state,
            "prompt": prompt,
            "text": text,
            "stopped": False,
            "logprob_per_token": -numbers.uniform(0.5, 2),
            "max_logit_difference_from_base": numbers.uniform(1, 9) if state == "trained" else 0.0,
        }
        for state, text in (*texts.items(), ("reinitialised", texts["base"]))
    ]
    write_json(folder / "generation.json", said)
    replies = {
        name: {
            "tokens": numbers.randint(8, 20),
            "base": -numbers.uniform(5.5, 6.5),
            "trained": -numbers.uniform(4.5, 5.5),
        }
        for name in ("unrelated", "related", "placebo")
    }
    write_json(folder / "replies.json", replies)
    if folder.parent.name in ("r8", "separated"):
        write_json(folder / "stops.json", stops(numbers, prompt))


def stops(numbers: random.Random, prompt: str) -> dict[str, Any]:
    answers = [
        {"prompt": prompt, "text": f"{prompt} {words(numbers, 12)}", "stopped": bool(place)}
        for place in range(3)
    ]
    stopped = numbers.randint(0, 32)
    return {"prompts": 32, "stopped": stopped, "max_new_tokens": 50, "answers": answers}


def falling(numbers: random.Random, first: float, last: float, steps: int) -> list[float]:
    """Losses that fall from `first` to `last` with noise."""
    return [
        first + (last - first) * step / steps + numbers.uniform(-0.04, 0.04)
        for step in range(1, steps + 1)
    ]


def log(losses: list[float], rate: float) -> list[dict[str, float]]:
    return [
        {
            "step": step,
            "loss": loss,
            "learning_rate": rate * (1 - step / len(losses)),
            "grad_norm": 1.5,
        }
        for step, loss in enumerate(losses, start=1)
    ]


def computed(
    numbers: random.Random,
    machine: dict[str, Any],
    steps: int,
    rows: int,
    losses: list[float],
    samples: int,
) -> dict[str, Any]:
    """What every run.json says besides its settings."""
    seconds = numbers.uniform(200, 900)
    return {
        "device": "cpu",
        "precision": "bf16",
        "attention": "eager",
        "threads": 1,
        "machine": machine,
        "steps": steps,
        "rows": rows,
        "train_loss": float(np.mean(losses)),
        "wall_seconds": seconds,
        "samples_per_second": samples / seconds,
        "tokens_per_second": 90 * samples / seconds,
        "peak_memory_mb": numbers.uniform(1000, 3000),
        "resumed": False,
        "resumes": 0,
        "diverged_at": None,
    }


def write_source(path: Path, numbers: random.Random, name: str, study: Study) -> None:
    source = study.inputs[name].sources[0].model_dump(mode="json")
    record = {
        "input": name,
        "source": source,
        "revision": source.get("version") or source.get("revision"),
        "files": {
            file: {
                "sha256": f"{numbers.getrandbits(256):064x}",
                "bytes": numbers.randint(10**5, 10**8),
            }
            for file in study.inputs[name].files
        },
    }
    write_json(path, record)


def read_all(folder: Path, study: dict[str, Any]) -> Evidence:
    """What scripts/write_report.py reads of a results folder."""
    results = folder / "results" / study["tier"]
    reference = read_yaml(ROOT / "report" / "reference.yaml")
    return read_evidence(files_below(results), study, reference)


def files_below(folder: Path) -> list[str]:
    """All files of a folder, as a rule would be given them."""
    return [str(path) for path in folder.rglob("*") if path.is_file()]


def read_results(folder: Path, study: dict[str, Any], language: str) -> dict[str, dict[str, Any]]:
    """Each part's results by experiment, with `language`'s titles."""
    return titled(read_all(folder, study), study, language).results


def words_of(language: str) -> dict[str, str]:
    own = ROOT / "report" / language / "words.yaml"
    return read_words([ROOT / f"rejeu/report/words/{language}.yaml", own])[language]


def read_context(folder: Path, study: dict[str, Any], language: str) -> dict[str, Any]:
    """What a template of `language` may name, made as scripts/write_report.py does."""
    evidence, results = read_all(folder, study), folder / "results" / study["tier"]
    sources = {path.parent.name: path for path in sorted((folder / "inputs").glob("*/source.json"))}
    return context(
        language,
        study,
        words_of(language),
        evidence,
        statistics={path.parents[1].name: read_json(path) for path in results.rglob("stats.json")},
        provenance=provenance(study, sources, evidence.results, "embedded", folder),
        claims=read_json(results / "claims.json"),
        observations=read_json(results / "observations.json"),
        facts=facts,
    )
