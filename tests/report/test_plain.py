"""A study that brings no template gets the plain report, of whatever parts it has."""

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from rejeu.evaluation.statistics import estimate, share
from rejeu.job.whole_files import read_json, write_json
from rejeu.report import figures
from rejeu.report.context import context
from rejeu.report.evidence import read_evidence
from rejeu.report.provenance import provenance
from rejeu.report.render import render
from rejeu.report.results import read_part
from rejeu.report.words import FOLDER, known_languages, read_words
from rejeu.report.write import template_of, write
from rejeu.study.strict_reading import read_yaml
from tests.report.results_folder import LANGUAGES, files_below, words, write_results
from tests.report.sample import TIMESTAMP, squeezed
from tests.report.test_write import fences_out, prose

OWN: dict[str, Any] = {
    "kind": "command",
    "title": {"fr": "Ajustement", "en": "Fitting"},
    "model": None,
    "data": None,
    "metrics": {"accuracy": "share", "error": "number"},
    "experiments": {
        "line": {
            "title": {"fr": "Droite", "en": "Line"},
            "arm": "corrected",
            "group": None,
            "seeds": [3, 4],
            "place": 0,
            "figure": "line",
        }
    },
}
METRICS = [{"accuracy": 0.75, "error": 12.5}, {"accuracy": 0.5, "error": 13.5}]


def write_command(folder: Path) -> None:
    """The runs of a study's own command, which logs no loss."""
    for seed, metrics in zip((3, 4), METRICS, strict=True):
        run = {
            "settings": {"degree": 1, "seed": seed},
            "device": "cpu",
            "threads": 1,
            "machine": {"cpu": words(random.Random(seed), 2), "cores": 2, "gpu": None},
            "wall_seconds": 2.5,
            "peak_memory_mb": 90.0,
            "diverged_at": None,
        }
        write_json(folder / f"seed{seed}" / "run.json", run)
        write_json(folder / f"seed{seed}" / "metrics.json", metrics)


def plain_report(folder: Path, study: dict[str, Any], language: str) -> str:
    results = folder / "results" / study["tier"]
    evidence = read_evidence(files_below(results), study, {})
    names = context(
        language,
        study,
        read_words([FOLDER / f"{language}.yaml"])[language],
        evidence,
        statistics={path.parents[1].name: read_json(path) for path in results.rglob("stats.json")},
        provenance=provenance(study, {}, evidence.results, "embedded", folder),
        claims=read_json(results / "claims.json"),
        observations=read_json(results / "observations.json"),
    )
    return write(template_of(folder / "no report", language), names)


def write_study(folder: Path) -> dict[str, Any]:
    study = write_results(folder, 3, runs=2, findings=["a1"])
    study["parts"] = {"own": OWN, **study["parts"]}
    study["named"] = {}
    write_command(folder / "results" / study["tier"] / "own" / "line")
    return study


def test_a_command_s_metrics_are_shares_or_numbers(tmp_path: Path) -> None:
    write_command(tmp_path / "line")
    line = read_part(tmp_path, OWN, {}, files_below(tmp_path))["line"]
    assert line.losses == []
    assert line.measured == {
        "accuracy": share([0.75, 0.5]),
        "error": estimate([12.5, 13.5]),
        "seconds": estimate([2.5, 2.5]),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plain_report_of_three_kinds(tmp_path: Path, language: str) -> None:
    study = write_study(tmp_path)
    text = plain_report(tmp_path, study, language)
    shown, own = re.sub(r"\\(.)", r"\1", fences_out(text)), words_of_own(language)
    for part in study["parts"].values():
        assert f"# {part['title'][language]} " in shown
        for settings in part["experiments"].values():
            assert (f"## {settings['title'][language]} " in shown) == bool(settings["seeds"])
    assert f"| {own['metric_accuracy']} |" in shown
    assert "| error |" in shown
    for statement in study["statements"].values():
        assert prose(text).count(statement[language]) == 1  # in the table
    body = prose(text)
    assert own["judges_nothing"].partition("{")[0] in body  # two seeds decide nothing
    assert not re.search(r"\b(None|True|nan|Estimate|Markup|Undefined)\b", body)
    if language == "fr":
        # Not of names such as Apache-2.0.
        assert not re.search(r" [;:!?»%]|« |(?<![-\d])\d+\.\d+ ?[\]|%;]", body)


def words_of_own(language: str) -> dict[str, str]:
    return read_yaml(FOLDER / f"{language}.yaml")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_plain_report_is_set(tmp_path: Path, language: str) -> None:
    """By the same way as a study's own, which refuses a hole and a figure without its text."""
    study = write_study(tmp_path)
    source = tmp_path / "source" / "report.qmd"
    (source.parent / "figures").mkdir(parents=True)
    source.write_text(plain_report(tmp_path, study, language), encoding="utf-8")
    drawn = re.findall(rf"\(figures/(\w+)\.{language}\.svg\)", source.read_text(encoding="utf-8"))
    expected = {
        "confusion_baseline",
        "loss_of_baseline",
        "loss_sentiment",
        "loss_of_r8",
        "loss_lora",
    }
    assert expected <= set(drawn)
    assert "loss_of_line" not in drawn  # which logs none
    assert "confusion_low_weight_decay_chained" not in drawn  # of a group
    fixture = Path(__file__).parent / "fixture" / "figure.svg"
    for name in drawn:
        shutil.copyfile(fixture, source.parent / "figures" / f"{name}.{language}.svg")
    pdf, html = tmp_path / "report.pdf", tmp_path / "report.html"
    empty = tmp_path / "no report"
    render(source, empty, pdf, html, renderer="embedded", timestamp=TIMESTAMP)
    pages = squeezed("".join(page.extract_text() for page in PdfReader(pdf).pages))
    assert squeezed(OWN["title"][language]) in pages
    assert str(PdfReader(pdf).root_object["/Lang"]).startswith(language)


def test_a_language_is_a_file() -> None:
    assert known_languages() == ["en", "fr"]
    assert {code: each.words["language"] for code, each in languages().items()} == {
        "en": "English",
        "fr": "Français",
    }


def languages() -> dict[str, figures.Language]:
    return figures.languages(FOLDER / f"{code}.yaml" for code in known_languages())
