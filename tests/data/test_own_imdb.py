"""Kaggle's copy of IMDB in place of the hub's, by the lines that docs/paper.md shows."""

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rejeu.data import labelled_texts, raw_data
from rejeu.errors import RejeuError
from rejeu.graph.paths import INPUTS
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.workflow.project import Project, copy_of_the_project

ROOT = Path(__file__).parents[2]
# As Kaggle's file is written: fields in quotation marks where they hold one, a comma or a break.
HEAD = "review,sentiment\n"
HARD = (
    '"One ""fine"", long film.<br /><br />It has\n\ntwo breaks, a comma\nand ""so on"".",positive\n'
    '"""Bad"" is the word",negative\n'
    "Plain and short: it’s déjà vu 👎,Negative\n"
    '"Carriage\r\nreturns, too",positive\n'
)
TEXTS = [
    'One "fine", long film.<br /><br />It has\n\ntwo breaks, a comma\nand "so on".',
    '"Bad" is the word',
    "Plain and short: it’s déjà vu 👎",
    "Carriage\r\nreturns, too",
]
MORE = "".join(
    f'"A {mood}, {mood} film number {n}, ""it says"".\nTwice.",{label}\n'
    for n in range(40)
    for mood, label in (("dull", "negative"), ("fine", "positive"))
)


def merged(known: Any, changes: Any) -> Any:
    if not isinstance(known, dict) or not isinstance(changes, dict):
        return changes
    return known | {key: merged(known.get(key), value) for key, value in changes.items()}


def settings(folder: Path) -> dict[str, Any]:
    """The repository's config.yaml with the page's lines."""
    (text,) = re.findall(r"```yaml\n(.*?)```", section(), re.DOTALL)
    (folder / "page.yaml").write_text(text)
    page, raw = read_yaml(folder / "page.yaml"), read_yaml(ROOT / "config.yaml")
    changed = merged(raw, {"tiers": page["tiers"]})
    changed["inputs"] |= page["inputs"]
    return changed


def section() -> str:
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    return page.split("## Your own copy of IMDB\n")[1].split("\n## ")[0]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return load(settings(tmp_path), "config.yaml")


def check(study: Study, content: str) -> None:
    """Do what is done before any job."""
    Path("data", "IMDB Dataset.csv").write_bytes(content.encode())
    given = study.tiers["paper"].parts["sentiment"]
    spec = study.inputs["imdb"].model_dump(mode="json", include={"files", "sources"})
    raw_data.check(
        "imdb", spec, "classifier", given.model_dump(), given.seeds, Path(INPUTS, "imdb")
    )


def test_breaks_and_quotation_marks_are_read(study: Study) -> None:
    check(study, HEAD + HARD + MORE)
    given = study.tiers["paper"].parts["sentiment"].model_dump()
    rows = labelled_texts.read_texts([Path("data", "IMDB Dataset.csv")], given)
    assert rows["text"].tolist()[:4] == TEXTS
    assert rows["text"].tolist()[4] == 'A dull, dull film number 0, "it says".\nTwice.'
    assert rows["label"].tolist()[:4] == [1, 0, 0, 1]
    assert len(rows) == 84


def test_other_writers_files_pass(study: Study) -> None:
    check(study, "\ufeff" + HEAD + HARD + MORE)
    check(study, HEAD + HARD + MORE.removesuffix("\n"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            "Fine,neutral\n",
            r"row 84 \(from 0\), column 'sentiment': the label 'neutral' is unknown",
        ),
        ("Fine,\n", r"row 84 .*the label '' is unknown|row 84 .*no label"),
        ('"",positive\n', "row 84 .*column 'review': expected a text, found"),
        ('" ",positive\n', "row 84 .*column 'review': expected a text, found ' '"),
        ("Fine, I think,positive\n", "malformed CSV"),
        ("Fine\n", "malformed CSV"),
        ('"never closed,positive\n', "malformed CSV|row 84"),
    ],
)
def test_bad_rows_are_refused_before_any_job(study: Study, rows: str, said: str) -> None:
    with pytest.raises(RejeuError) as caught:
        check(study, HEAD + HARD + MORE + rows)
    assert re.search(said, str(caught.value))
    assert "input 'imdb' (IMDB Dataset.csv of path data) was refused" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,label\na,positive\n", "no column 'review'; it has .*'text', 'label'"),
        ("", "is empty"),
        (HEAD, "has no rows"),
    ],
)
def test_other_files_are_refused(study: Study, content: str, said: str) -> None:
    with pytest.raises(RejeuError, match=said):
        check(study, content)


def test_the_tier_s_rules_read_it(tmp_path: Path) -> None:
    """Fetched, cleaned as in the assignment and split by the real rules."""
    project: Project = copy_of_the_project(ROOT, tmp_path / "a study", inputs=False)
    changed = settings(tmp_path)
    (project.folder / "config.yaml").write_text(yaml_text(changed, short=False))
    (project.folder / "data").mkdir()
    (project.folder / "data" / "IMDB Dataset.csv").write_bytes((HEAD + HARD + MORE).encode())
    clean = "results/paper/data/sentiment/clean.parquet"
    project.snakemake(clean, "--config", "tier=paper")
    rows = pd.read_parquet(project.folder / clean)
    assert len(rows) == 84
    assert rows["label"].tolist()[:4] == [1, 0, 0, 1]
    assert rows["text"].tolist()[:2] == ["fine long film break comma", "bad word"]
    log = (project.folder / "logs/fetch/imdb.log").read_text()
    assert re.search(r"to pin them, write:\n  IMDB Dataset\.csv: [0-9a-f]{64}\n", log)
