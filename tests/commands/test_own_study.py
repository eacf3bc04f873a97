"""What docs/own-study.md shows builds, as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

from rejeu.commands.new import main
from tests.commands.command_line import ROOT

PAGE = (ROOT / "docs" / "own-study.md").read_text(encoding="utf-8")


def shown(language: str) -> list[str]:
    """The page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_a_text_and_a_figure_of_one_s_own(tmp_path: Path) -> None:
    study = tmp_path / "study"
    main(study)
    report = study / "report"
    (report / "en").mkdir()
    (report / "findings").mkdir()
    plain = (ROOT / "rejeu" / "report" / "plain.qmd.j2").read_text(encoding="utf-8")
    section, words, comparisons = *shown("jinja"), *shown("yaml")
    before_parts = plain.index("{% for name, part in parts.items() %}")
    template = f"{plain[:before_parts]}{section}\n{plain[before_parts:]}"
    (report / "en" / "report.qmd.j2").write_text(template, encoding="utf-8")
    (report / "en" / "words.yaml").write_text(words, encoding="utf-8")
    (report / "comparisons.yaml").write_text(comparisons, encoding="utf-8")
    (report / "findings" / "figures.py").write_text(*shown("python"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "rejeu", "report"],
        cwd=study,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = (study / "results" / "full" / "report" / "en" / "report.qmd").read_text(encoding="utf-8")
    assert "\n80 points are split in halves; the one tells the other.\n" in text
    drawn = study / "results" / "full" / "figures" / "by_neighbours.en.csv"
    head, *rows = drawn.read_text(encoding="utf-8").splitlines()
    assert head == "Series,Neighbours asked,Share told right"
    assert len(rows) == 12, "two experiments on six seeds"
