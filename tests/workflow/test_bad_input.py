"""What a user gets wrong, told in a line or two by the real Snakefile; what was made stays."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.project import SMOKE, Project

Copy = Callable[[], Project]
# Trained weights, measures, reports, and what the jobs logged.
MADE = ("results/**/*", ".cache/rejeu/**/*", "logs/**/*", "report.pdf")

FOLDER = "données d’été (1)"
FILE = "critiques à lire.csv"
REVIEWS = "text,label\n" + "".join(
    f'"{mood}, film ""{n}"",\nle {n}e",{label}\n'
    for n in range(500)
    for label, mood in enumerate(("Bad « très mauvais »", "Good « très bon »"))
)
CLEAN = "results/smoke/data/sentiment/clean.parquet"


def made(project: Project) -> dict[Path, int]:
    """Every file that a build makes, with the time of its last change."""
    found = (path for pattern in MADE for path in project.folder.glob(pattern))
    return {path: path.stat().st_mtime_ns for path in found if path.is_file()}


def refused(project: Project) -> str:
    """Start a build that must fail; return what was said, once no job ran and nothing was lost."""
    before = made(project)
    assert len(before) > 100
    said = project.snakemake(*SMOKE, check=False)
    assert "Traceback" not in said
    assert made(project) == before
    return said


CONFIG, CLAIMS = "config.yaml", "report/claims.yaml"
SMOKE_ROWS = ("        train_rows: 320\n", "        heldout_rows: 24\n")
# What is changed in which file, from what to what, and what is said of it.
FAULTS = [
    (
        CONFIG,
        "      r4: {rank: 4, ",
        "      r4: {rank: 0, ",
        "r4.rank: Input should be greater than 0",
    ),
    (
        CONFIG,
        "renderer: auto ",
        "tier: paper\nrenderer: auto ",
        "the key 'tier' stands twice in one",
    ),
    (
        CONFIG,
        'fr: "Rejouer le devoir 6"',
        'fr: "Rejouer le devoir 6',
        "config.yaml, line 13: malformed YAML: ",
    ),
    (CONFIG, 'fr: "Rejouer le devoir 6"', 'fr: " "', "report.title.fr: is blank"),
    (CONFIG, SMOKE_ROWS[0], "        train_rows: 1\n", "train wants 1 rows of both classes"),
    (CONFIG, SMOKE_ROWS[0], "        train_rows: 10_000_000\n", "train wants 10000000 rows"),
    (CONFIG, SMOKE_ROWS[1], "        heldout_rows: 7168_00\n", "716800 held-out pairs are wanted"),
    (
        CONFIG,
        "        encoder: minilm_l3\n        input: movie_reviews\n        where: {source: imdb}\n",
        "        encoder: minilm_l3\n        input: movie_reviews\n        where: {sorce: imdb}\n",
        "no column 'sorce'; it has ['text', 'label', 'source']. Did you mean 'source'?",
    ),
    (
        CONFIG,
        "        encoder: minilm_l3\n        input: movie_reviews\n",
        "        encoder: minilm_l3\n        input: movie_reviews\n        label: stars\n",
        "no column 'stars'",
    ),
    (
        CONFIG,
        "        encoder: minilm_l3\n        input: movie_reviews\n",
        "        encoder: minilm_l3\n        input: chitchat\n",
        "can't read a '.json' file",
    ),
    (
        CONFIG,
        "        max_length: 128\n        seeds: [42]\n"
        "      lora:\n        causal_lm: smollm2_135m\n"
        "        input: chitchat\n        words: [5, 60]          # fewest and most words a side\n"
        "        train_rows: 300",
        "        max_length: 1024\n        seeds: [42]\n"
        "      lora:\n        causal_lm: smollm2_135m\n"
        "        input: chitchat\n        words: [5, 60]          # fewest and most words a side\n"
        "        train_rows: 300",
        "tiers.smoke.parts.sentiment.max_length: 1024; expected at most 512, since the model has",
    ),
    (CONFIG, "dose: 64, title", "dose: 6400, title", "dose: 6400; expected at most 100"),
    (
        CONFIG,
        "predict_classifier: 8, train_lora: 16",
        "predict_clasifier: 8, train_lora: 16",
        "no rule is called 'predict_clasifier'; did you mean 'predict_classifier'?",
    ),
    (
        CONFIG,
        "citation: allal2025smollm2",
        "citation: allal2026smollm2",
        "config.yaml: models.smollm2_135m.citation: cites 'allal2026smollm2', which report/refs",
    ),
    (CLAIMS, "  - id: baseline_learns\n", "  - id: a\n    id: b\n", "the key 'id' stands twice"),
    (
        CLAIMS,
        "of: sentiment.baseline.log.final_loss, around",
        "of: sentiment.baseline.log.final_los, around",
        "'final_los' is not defined; did you mean 'final_loss'?",
    ),
    (
        "report/fr/words.yaml",
        "accuracy: ",
        "acuracy: ",
        "report/fr/words.yaml: the word 'accuracy' is missing; figures take it",
    ),
    (
        "report/en/report.qmd.j2",
        "title: {{ report.title | yaml }}\nsubtitle",
        "title: {{ reprt.title | yaml }}\nsubtitle",
        "report/en/report.qmd.j2, line 2: no value is called 'reprt'; did you mean 'report'?",
    ),
    ("rejeu/report/look/typst/typst-template.typ", "#let article", "#lett article", "typst failed"),
    ("rejeu/report/look/portable.lua", "local function raw", "locale function raw", "portable.lua"),
]


def test_what_a_finished_build_survives(copy: Copy) -> None:
    """Each is refused before any job: nothing is lost, and taken back it leaves nothing to do."""
    project = copy()
    for file, old, new, fault in FAULTS:
        project.replace(file, old, new)
        said = refused(project)
        assert fault in said, said
        project.replace(file, new, old)
    assert project.planned(*SMOKE) == {}


@pytest.mark.skipif(shutil.which("quarto") is not None, reason="Quarto is on PATH")
def test_quarto_that_is_not_there(copy: Copy) -> None:
    project = copy()
    project.replace(CONFIG, "renderer: auto ", "renderer: quarto ")
    assert "renderer: quarto is set, but no `quarto` is on PATH" in refused(project)


def test_a_template_that_is_gone(copy: Copy) -> None:
    project = copy()
    (project.folder / "report/en/hidden.qmd.j2").unlink()
    assert "hidden.qmd.j2: no such template" in refused(project)


def test_the_command_line(copy: Copy) -> None:
    """What --config says is read as YAML is, and blamed on --config; unknown targets are named."""
    project = copy()
    for words, fault in (
        (("tier=smok",), "--config was refused, and nothing was run:\n  tier: 'smok' is not"),
        (
            ("tier=smoke", "parts={sentiment: {common: {learning_rate: fast}}}"),
            "--config was refused, and nothing was run:\n  parts.sentiment.common.learning_rate",
        ),
    ):
        assert fault in project.snakemake("-n", "all", "--config", *words, check=False)
    good = ("parts={sentiment: {common: {learning_rate: 3e-5}}}", "report={date: 2026-01-05}")
    planned = project.planned("all", "--config", "tier=smoke", *good)
    assert planned["train_classifier"] == 4  # those with that rate, and those after them
    assert planned["render_report"] == 2
    for target, hint in (
        ("report.pfd", "did you mean 'report.pdf'?"),
        ("results/smoke/clams.json", "expected a rule or a file of this study"),
    ):
        said = project.snakemake(target, *SMOKE[1:], check=False).splitlines()
        assert said[1:] == [f"error: target '{target}': no rule makes it; {hint}. Nothing was run."]


def test_braces_in_the_project_s_path(copy: Copy, tmp_path: Path) -> None:
    folder = copy().folder.rename(tmp_path / "an {experiment}")
    said = Project(folder).snakemake("-n", *SMOKE, check=False)
    assert f"error: {folder}: Snakemake takes braces in a path for its own" in said
    assert "Traceback" not in said


def test_a_fault_after_a_kill_and_then_none(copy: Copy) -> None:
    """The lock that a killed Snakemake leaves stops neither the message nor the next build."""
    project = copy()
    lock = project.folder / ".snakemake/locks/0.output.lock"
    lock.parent.mkdir(exist_ok=True)
    lock.write_text("results/smoke/claims.json\n", encoding="utf-8")
    (project.folder / "results/smoke/claims.json").unlink()
    project.replace(CONFIG, "      r4: {rank: 4, ", "      r4: {rank: 0, ")
    said = project.snakemake("report.pdf", *SMOKE[1:], check=False)
    assert "r4.rank: Input should be greater than 0" in said
    assert "--unlock" not in said
    project.replace(CONFIG, "    r4: {rank: 0, ", "    r4: {rank: 4, ")
    said = project.snakemake("report.pdf", *SMOKE[1:])
    assert "The last build was killed; this one goes on from what it finished." in said
    assert project.planned(*SMOKE) == {}


def test_own_reviews(copy: Copy) -> None:
    """Bad ones stop the build before any job and cost nothing; corrected ones are read at once."""
    project = copy()
    (project.folder / FOLDER).mkdir()
    path = project.folder / FOLDER / FILE
    project.replace(
        "config.yaml",
        "        encoder: minilm_l3\n        input: movie_reviews\n        where: {source: imdb}\n",
        "        encoder: minilm_l3\n        input: mine\n",
    )
    project.replace(
        "config.yaml",
        "\ninputs:\n",
        f'\ninputs:\n  mine:\n    licence: mine\n    files: {{"{FILE}": null}}\n'
        f'    sources: [{{kind: path, folder: "{FOLDER}"}}]\n',
    )
    place = f"input 'mine' ({FILE} of path {FOLDER}) was refused, and nothing was run"
    for content, fault in (
        (None, f"{FOLDER}/{FILE}: No such file or directory"),
        (REVIEWS.encode("utf-16"), f"{FOLDER}/{FILE}, line 1, byte 0: not UTF-8 (0xff)"),
        ((REVIEWS + "so so,2\n").encode(), "row 1000 (from 0), column 'label': the label 2 is"),
    ):
        if content:
            path.write_bytes(content)
        said = refused(project)
        assert place in said
        assert fault in said

    clean = (CLEAN, "--config", "tier=smoke")
    path.write_text(REVIEWS, encoding="utf-8")
    project.snakemake(*clean)
    texts = pd.read_parquet(project.folder / CLEAN)["text"]
    assert (texts[0], len(texts)) == ('Bad « très mauvais », film "0", le 0e', 1000)
    path.touch()
    assert project.planned(*clean) == {}
    path.write_text(REVIEWS + "so so,2\n", encoding="utf-8")
    assert place in refused(project)
    path.write_text(REVIEWS, encoding="utf-8")
    assert project.planned(*clean) == {}
    path.write_text(REVIEWS + "so so,1\n", encoding="utf-8")
    assert project.planned(*clean).keys() == {"fetch", "clean_texts"}
