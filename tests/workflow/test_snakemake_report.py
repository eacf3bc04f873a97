"""`snakemake --report` of a finished build: figures, tables and the report, by language."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rejeu.report.words import FOLDER, engine_words, known_languages
from tests.workflow.project import ROOT, SMOKE, Project

LABELS = {"figures": 2, "tables": 2, "whole_report": 3}


def embedded(page: str, name: str) -> Any:
    """A value that the page's script of this name has."""
    text = page.split(f'<script id="{name}">')[1].split(" = ", 1)[1]
    return json.JSONDecoder().raw_decode(text.lstrip())[0]


@pytest.fixture(scope="module")
def page(built: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    overview = tmp_path_factory.mktemp("overview") / "overview.html"
    built.snakemake(*SMOKE, "--report", str(overview))
    return overview.read_text(encoding="utf-8")


def test_every_language_has_its_figures_tables_and_report(page: str, built: Project) -> None:
    categories, results = embedded(page, "categories"), embedded(page, "results")
    folder = built.folder / "results" / "smoke"
    assert set(categories) == {engine_words(language)["language"] for language in ("fr", "en")}
    for language in ("fr", "en"):
        words = engine_words(language)
        shown = categories[words["language"]]
        assert set(shown) == {words[kind] for kind in LABELS}
        drawn = {path.name for path in folder.glob(f"figures/*.{language}.svg")}
        assert {Path(path).name for path in shown[words["figures"]]} == drawn
        assert {Path(path).name for path in shown[words["tables"]]} == {f"tables.{language}.html"}
        assert {Path(path).suffix for path in shown[words["whole_report"]]} == {".pdf", ".html"}
        for kind, count in LABELS.items():
            labels = [tuple(results[path]["labels"].items()) for path in shown[words[kind]]]
            assert len(set(labels)) == len(labels)  # of two alike one would be shown
            assert {len(each) for each in labels} == {count}
        assert all(results[path]["caption"] for paths in shown.values() for path in paths)


def test_labels_and_captions_are_in_the_category_s_language(page: str) -> None:
    results = embedded(page, "results")
    french, english = (
        results[f"results/smoke/figures/confusion_baseline.{language}.svg"]
        for language in ("fr", "en")
    )
    assert french["labels"]["Figure"].endswith(" · Modèle de base")
    assert english["labels"]["Figure"].endswith(" · Baseline")
    assert "Tracée par la règle" in french["caption"]
    assert "Drawn by the rule" in english["caption"]
    # As the report's own caption begins.
    study = results["results/smoke/figures/hidden_a1.fr.svg"]["labels"]
    assert study["Figure"].startswith("Perte d'entraînement le long de la chaîne")
    whole = results["results/smoke/report/report.fr.pdf"]
    assert list(whole["labels"]) == ["Rapport", "Format", "Palier"]
    assert "Le rapport entier au palier" in whole["caption"]


def test_the_tables_are_those_of_the_report(built: Project) -> None:
    folder = built.folder / "results" / "smoke" / "report"
    for language in ("fr", "en"):
        whole = (folder / f"report.{language}.html").read_text(encoding="utf-8")
        tables = (folder / f"tables.{language}.html").read_text(encoding="utf-8")
        captions = re.findall(r"<caption.*?</caption>", whole, re.DOTALL)
        assert len(captions) > 10
        assert tables.count("<table") == len(captions)
        assert f'<html lang="{language}">' in tables
        assert "Content-Security-Policy" in tables
        assert "<a " not in tables
        assert "<script" not in tables


def test_captions_speak_every_language_of_the_engine() -> None:
    captions = ROOT / "rules" / "captions"
    for language in known_languages():
        assert (captions / f"figure.{language}.rst").is_file()
    assert {path.stem for path in FOLDER.glob("*.yaml")} == {
        "fr",
        "en",
    }  # whole_report, tables: both
