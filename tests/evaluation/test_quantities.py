from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rejeu.evaluation.metrics import measure_by_rule
from rejeu.evaluation.quantities import Results, referred
from rejeu.job.whole_files import read_json, write_json
from rejeu.study.strict_reading import read_yaml
from rejeu.training.outputs import write_jsonl

ROOT = Path(__file__).parents[2]
SEEDS = {
    "sentiment": {"baseline": [42, 43, 44], "large_batch": [42, 43, 44]},
    "lora": {"r8": [7, 8, 9], "dose_4": [7, 8, 9]},
    "fit": {"plain": [1, 2]},
}
RUN = {"device": "cpu", "diverged_at": None}


def written(tmp_path: Path, learning: str = "learned") -> Results:
    """Results of two classifiers, of which the first has come to this state, and of other parts."""
    folder, draw = tmp_path / "results" / "smoke", np.random.default_rng(3)
    for name, seeds in SEEDS["sentiment"].items():
        state = learning if name == "baseline" else "learned"
        for place, seed in enumerate(seeds):
            run = folder / "sentiment" / name / f"seed{seed}"
            labels, logits = predicted(draw, "learned" if state == "mixed" and place % 2 else state)
            write_json(run / "run.json", RUN | {"train_loss": draw.uniform(0.2, 0.7)})
            write_json(run / "metrics.json", measure_by_rule(labels, logits))
            write_losses(run, draw)
    for name, seeds in SEEDS["lora"].items():
        for seed in seeds:
            write_lora_run(folder / "lora" / name / f"seed{seed}", draw)
    for seed in SEEDS["fit"]["plain"]:
        run = folder / "fit" / "plain" / f"seed{seed}"
        write_json(run / "run.json", RUN)
        write_json(run / "metrics.json", {"slope": draw.uniform(), "word": f"word {seed}"})
    seconds = {rank: draw.uniform(0.3, 0.4, 6).tolist() for rank in ("4", "8")}
    write_json(folder / "timing" / "rank.json", {"seconds_per_step": seconds})
    given = {str(path) for path in folder.rglob("*")}
    return Results(folder, SEEDS, SEEDS, {"lora": "placebo"}, given)


def predicted(draw: np.random.Generator, state: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels (rows,) and logits (rows, 2) of a model that learned, names one class, or guesses."""
    labels = np.repeat([0, 1], [70, 50])
    if state in ("collapsed", "mixed"):
        return labels, np.column_stack([draw.uniform(0.1, 0.4, 120), draw.uniform(-0.4, -0.1, 120)])
    wrong = draw.random(120) < (0.15 if state == "learned" else 0.5)
    margin = draw.uniform(0.2, 3, 120) * np.where((labels == 1) != wrong, 1, -1)
    return labels, np.column_stack([-margin / 2, margin / 2])


def write_losses(run: Path, draw: np.random.Generator) -> None:
    losses = draw.uniform(0.1, 5, 25)
    rows = [{"step": step, "loss": loss} for step, loss in enumerate(losses.tolist(), start=1)]
    write_jsonl(str(run / "log.jsonl"), rows)


def write_lora_run(run: Path, draw: np.random.Generator) -> None:
    write_json(run / "run.json", RUN | {"train_loss": draw.uniform(3, 5)})
    write_losses(run, draw)
    write_json(run / "heldout.json", {"loss": draw.uniform(3, 5), "tokens": 900, "rows": 24})
    texts = {state: f"{state} {draw.integers(1000)}" for state in ("base", "trained")}
    write_json(
        run / "generation.json", [{"state": state, "text": text} for state, text in texts.items()]
    )
    replies = {
        name: {"tokens": 9, "base": draw.uniform(-6, -5), "trained": draw.uniform(-5, -4)}
        for name in ("related", "placebo")
    }
    write_json(run / "replies.json", replies)
    write_json(run / "stops.json", {"prompts": 32, "stopped": int(draw.integers(33))})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return written(tmp_path_factory.mktemp("results"))


def first(results: Results, part: str, name: str, file: str) -> Path:
    return results.folder / part / name / f"seed{results.seeds[part][name][0]}" / file


def test_values_by_seed(results: Results) -> None:
    metrics = read_json(first(results, "sentiment", "baseline", "metrics.json"))
    argmax, rule = metrics["by_rule"]["argmax"], metrics["by_rule"]["logit_above_half"]
    cells = argmax["confusion"]
    larger = max(cells["tn"] + cells["fp"], cells["tp"] + cells["fn"]) / argmax["n"]
    log = first(results, "sentiment", "baseline", "log.jsonl").read_text().splitlines()
    losses = [float(line.split('"loss":')[1].rstrip("}")) for line in log]
    middle = losses[round(0.4 * len(losses)) : round(0.6 * len(losses))]
    said = read_json(first(results, "lora", "r8", "generation.json"))
    replies = read_json(first(results, "lora", "dose_4", "replies.json"))
    stops = read_json(first(results, "lora", "r8", "stops.json"))
    expected = {
        "sentiment.baseline.metrics.accuracy": metrics["accuracy"],
        "sentiment.baseline.metrics.by_rule.argmax.confusion.fn": cells["fn"],
        "sentiment.baseline.metrics.larger_class": larger,
        "sentiment.baseline.metrics.above_larger_class": argmax["accuracy"] - larger,
        "sentiment.baseline.metrics.by_rule.argmax.predicted_negative": cells["tn"] + cells["fn"],
        "sentiment.baseline.metrics.by_rule.argmax.predicted_positive": cells["tp"] + cells["fp"],
        "sentiment.baseline.metrics.by_rule.logit_above_half.precision_or_zero": rule["precision"],
        "sentiment.baseline.log.middle_loss": np.mean(middle),
        "sentiment.baseline.log.final_loss": np.mean(losses[round(0.8 * len(losses)) :]),
        "lora.r8.run.train_loss": read_json(first(results, "lora", "r8", "run.json"))["train_loss"],
        "lora.r8.generation.trained.text": {row["state"]: row for row in said}["trained"]["text"],
        "lora.r8.stops.share_stopped": stops["stopped"] / stops["prompts"],
        "lora.dose_4.replies.related.beyond_placebo": replies["related"]["trained"]
        - replies["placebo"]["trained"],
        "fit.plain.metrics.slope": read_json(first(results, "fit", "plain", "metrics.json"))[
            "slope"
        ],
        "fit.plain.metrics.word": "word 1",
    }
    for path, value in expected.items():
        values = results.quantity(path)
        part, name, *_ = path.split(".")
        assert values is not None
        assert list(values) == results.seeds[part][name], path
        found = next(iter(values.values()))
        assert found == (value if isinstance(value, str | int) else pytest.approx(value)), path


def test_precision_of_naming_nothing_positive(tmp_path: Path) -> None:
    """As the notebook prints it: 0, where it is undefined."""
    results = written(tmp_path, learning="collapsed")
    rule = "sentiment.baseline.metrics.by_rule.argmax"
    assert set((results.quantity(f"{rule}.precision") or {}).values()) == {None}
    assert set((results.quantity(f"{rule}.precision_or_zero") or {}).values()) == {0.0}


@pytest.mark.parametrize(
    "path",
    [
        "sentiment.large_batch.metrics.accuracy",
        "sentiment.unheard_of.metrics.accuracy",
        "fit.plain.metrics.slope",
        "timing.rank.seconds_per_step.4",
    ],
)
def test_what_was_not_run_is_none(results: Results, path: str) -> None:
    """Not by this tier, whose seeds name neither the experiment nor the part, or not timed."""
    seeds = {"sentiment": {"baseline": SEEDS["sentiment"]["baseline"]}, "lora": SEEDS["lora"]}
    given = {file for file in results.given if "/timing/" not in file}
    here = replace(results, seeds=seeds, own=seeds, given=given)
    assert here.quantity(path) is None
    assert here.quantity("sentiment.baseline.metrics.accuracy") is not None


def test_what_a_changed_study_left_behind_is_not_read(results: Results) -> None:
    path = "sentiment.large_batch.metrics.accuracy"
    assert results.quantity(path) is not None
    given = {file for file in results.given if "/large_batch/" not in file}
    assert replace(results, given=given).quantity(path) is None


def test_runs_that_are_not_all_there_are_not_read(results: Results) -> None:
    lost = str(first(results, "sentiment", "baseline", "metrics.json"))
    partly = replace(results, given=set(results.given) - {lost})
    assert partly.quantity("sentiment.baseline.metrics.accuracy") is None
    assert partly.quantity("sentiment.baseline.log.final_loss") is not None


def test_experiments_have_their_own_seeds(results: Results) -> None:
    seeds, path = results.seeds["lora"]["dose_4"], "lora.dose_4.heldout.loss"
    fewer = {"lora": {"dose_4": seeds[:2], "r8": seeds}}
    here = replace(results, seeds=fewer, own={"lora": {"dose_4": seeds[:1]}})
    assert list(here.quantity(path) or {}) == seeds[:2]
    assert list(here.quantity("lora.r8.heldout.loss") or {}) == seeds
    assert here.own_seeds(path) == seeds[:1]
    assert here.own_seeds("lora.r8.heldout.loss") == []
    assert here.own_seeds("timing.rank.seconds_per_step.4") is None


def test_a_part_may_have_no_placebo(results: Results) -> None:
    path = "lora.r8.replies.related.trained"
    assert replace(results, placebos={}).quantity(path) == results.quantity(path)
    assert results.quantity(path) is not None


def test_timings_have_a_value_per_repeat(results: Results) -> None:
    seconds = read_json(results.folder / "timing" / "rank.json")["seconds_per_step"]["4"]
    assert results.quantity("timing.rank.seconds_per_step.4") == dict(enumerate(seconds))


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        ("learned", ["usual"] * 3),
        ("chance", ["usual"] * 3),
        ("collapsed", ["collapsed"] * 3),
        ("mixed", ["collapsed", "usual", "collapsed"]),
    ],
)
def test_kinds_of_runs(tmp_path: Path, state: str, kinds: list[str]) -> None:
    results = written(tmp_path, state)
    seeds = results.seeds["sentiment"]["baseline"]
    path = "sentiment.baseline.log.final_loss"  # whatever is measured on them
    assert results.kinds(path) == dict(zip(seeds, kinds, strict=True))
    assert set(results.kinds("lora.r8.heldout.loss").values()) == {"usual"}
    assert set(results.kinds("fit.plain.metrics.slope").values()) == {"usual"}
    assert results.kinds("timing.rank.seconds_per_step.4") == {}


@pytest.mark.parametrize("part", ["sentiment", "lora"])
def test_a_run_that_diverged_is_of_that_kind(tmp_path: Path, part: str) -> None:
    """Even where what it left names one class."""
    results = written(tmp_path, learning="collapsed")
    name = {"sentiment": "baseline", "lora": "r8"}[part]
    run = first(results, part, name, "run.json")
    write_json(run, read_json(run) | {"diverged_at": 7})
    found = list(results.kinds(f"{part}.{name}.run.train_loss").values())
    assert found == ["diverged", *2 * [{"sentiment": "collapsed", "lora": "usual"}[part]]]


def test_the_device_is_the_one_that_all_runs_had(tmp_path: Path) -> None:
    results = written(tmp_path)
    assert results.device() == "cpu"
    run = first(results, "lora", "r8", "run.json")
    write_json(run, read_json(run) | {"device": "cuda"})
    assert results.device() is None
    assert replace(results, seeds={"lora": {"r8": results.seeds["lora"]["r8"][:1]}}).device() == (
        "cuda"
    )
    assert replace(results, given=set()).device() is None


def test_the_document_s_values() -> None:
    reference = read_yaml(ROOT / "report" / "reference.yaml")
    assert referred(reference, "sentiment.experiments.baseline.loss.2000") == 0.2588
    cells = reference["sentiment"]["experiments"]["baseline"]["confusion"]
    positive, total = cells["fn"] + cells["tp"], sum(cells.values())
    larger = max(positive, total - positive) / total
    above = (cells["tn"] + cells["tp"]) / total - larger
    of = "sentiment.experiments.baseline"
    assert referred(reference, f"{of}.above_larger_class") == pytest.approx(above)
    assert referred(reference, f"{of}.larger_class") == pytest.approx(larger)
