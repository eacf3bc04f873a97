"""What a report is made from is refused before any job, with the file, the place and the remedy."""

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.report import precheck
from rejeu.report.vocabulary import NAMES, WORDS
from rejeu.study.strict_reading import read_yaml
from tests.report.results_folder import ROOT, claims_of, read_context, study_of, write_results

REPORT = ROOT / "report"
Change = Callable[[Path], object]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    shutil.copytree(REPORT, tmp_path / "report")
    return tmp_path / "report"


def replace(file: str, old: str, new: str) -> Change:
    def change(report: Path) -> None:
        text = (report / file).read_text(encoding="utf-8")
        assert old in text, old
        (report / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


CITED = {"models.minilm_l3.citation": "wang2020minilm"}


def check(report: Path) -> None:
    precheck.check_sources(report, ["fr", "en"], CITED, claims_of(study_of()).named())


def test_the_repository_s_own_passes() -> None:
    check(REPORT)
    precheck.check_look(REPORT)


def test_the_names_are_those_that_a_template_is_given(tmp_path: Path) -> None:
    assert read_context(tmp_path, write_results(tmp_path, 5), "en").keys() == NAMES


def test_the_words_are_those_that_figures_take() -> None:
    """By reading the code: each word is taken somewhere, and none is taken that isn't listed."""
    taken: set[str] = {"language"}  # by join_report
    sources = [*ROOT.glob("rejeu/report/*figures.py"), ROOT / "scripts" / "draw_finding.py"]
    for node in (found for path in sources for found in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            held = ast.unparse(node.value)
            if held.endswith("words"):
                taken.add(str(node.slice.value))
    assert taken <= set(WORDS)
    listed = {"precision", "recall"}  # taken by a variable
    assert set(WORDS) - taken - listed <= {"step"}
    for language in ("fr", "en"):
        assert read_yaml(REPORT / language / "words.yaml").keys() == set(WORDS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            replace("en/report.qmd.j2", "{{ note | yaml }}", "{{ notte | yaml }}"),
            "en/report.qmd.j2, line 8: no value is called 'notte'; did you mean 'note'?",
        ),
        (
            replace("fr/hidden.qmd.j2", 'verdicts("a1")', 'verdict("a1")'),
            "no value is called 'verdict'; did you mean 'verdicts'?",
        ),
        (
            replace("en/hidden.qmd.j2", "{% else %}", "{% elss %}"),
            "en/hidden.qmd.j2, line 1: Encountered unknown tag 'elss'",
        ),
        (
            replace("en/report.qmd.j2", "result.arguments | code", "result.arguments | coda"),
            "No filter named 'coda'",
        ),
        (
            replace("en/report.qmd.j2", "@loshchilov2017adamw", "@loschilov2017adamw"),
            "cites 'loschilov2017adamw', which",
        ),
        (
            replace("refs.bib", "@misc{wang2020minilm", "@misc{wang2021minilm"),
            "config.yaml: models.minilm_l3.citation: cites 'wang2020minilm'",
        ),
        (lambda report: (report / "refs.bib").unlink(), "refs.bib: No such file or directory"),
        (lambda report: (report / "fr/hidden.qmd.j2").unlink(), "hidden.qmd.j2: No such file"),
        (
            replace("fr/words.yaml", "accuracy:", "acuracy:"),
            "fr/words.yaml: the word 'accuracy' is missing; a figure needs it",
        ),
        (
            replace("en/words.yaml", "scale:", "unheard: of\nscale:"),
            "en/words.yaml: unknown word 'unheard'; known: ",
        ),
        (
            replace("en/words.yaml", "accuracy: Accuracy", "accuracy: 3"),
            "en/words.yaml: accuracy: expected words, found 3",
        ),
        (
            lambda report: (report / "en/words.yaml").write_text("- a"),
            "en/words.yaml: expected words by their names, found ['a']",
        ),
    ],
)
def test_what_is_refused(report: Path, change: Change, said: str) -> None:
    change(report)
    with pytest.raises(RejeuError) as caught:
        check(report)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (replace("crossref.lua", "local function", "lokal function"), "crossref.lua"),
        (replace("portable.lua", "local function raw", "local funktion raw"), "portable.lua"),
        (replace("typst/typst-template.typ", "#let", "#lett"), "typst failed"),
        (replace("html/embedded.html", "$for(css)$", "$for(css$"), "embedded.html"),
        (replace("refs.bib", "@misc{sanh2019distilbert,", "@misc sanh2019distilbert,"), "refs.bib"),
        (lambda report: (report / "crossref.lua").unlink(), "crossref.lua"),
    ],
)
def test_a_look_that_does_not_render(report: Path, change: Change, said: str) -> None:
    change(report)
    with pytest.raises(RejeuError) as caught:
        precheck.check_look(report)
    assert "so nothing was run" in str(caught.value)
    assert said in str(caught.value)


def test_cited_keys_of_a_line() -> None:
    assert precheck.cited_in("As [@a2020x; see @b_2, p. 3] and @fig-x, [@sec-y-en].") == [
        "a2020x",
        "b_2",
    ]
    assert precheck.cited_in("[@{{ data.citation | file }}] and me@example.org") == []


@pytest.mark.parametrize(
    ("kind", "name", "arm", "said"),
    [
        ("claims", "baseline_learns", None, "claims.baseline_learns: the template names it"),
        ("compared", "low_decay_hurts", None, "compared.low_decay_hurts: the template names it"),
        ("compared", "more_false_negatives", "notebook", "compared.more_false_negatives.notebook"),
        ("seen", "fresh_start", None, "hidden.qmd.j2, line"),
    ],
)
def test_a_template_names_only_what_the_claims_file_has(
    kind: str, name: str, arm: str | None, said: str
) -> None:
    judged = claims_of(study_of()).named()
    if arm is None:
        del judged[kind][name]
    else:
        judged[kind][name].remove(arm)
    with pytest.raises(RejeuError) as caught:
        precheck.check_sources(REPORT, ["fr", "en"], CITED, judged)
    assert said in str(caught.value)
