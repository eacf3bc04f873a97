"""What a report is made from is refused before any job, with the file, the place and the remedy."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.report import precheck
from rejeu.report.render import LOOK
from rejeu.report.template_names import refuse_missing_figures
from rejeu.report.vocabulary import NAMES
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


PARTS = ["sentiment", "lora"]
CITED = {"models.minilm_l3.citation": "wang2020minilm"}


def check(report: Path) -> None:
    precheck.check_sources(report, ["fr", "en"], CITED, claims_of(study_of()).named(), PARTS)


def test_the_repository_s_own_passes() -> None:
    check(REPORT)
    precheck.check_look(REPORT)


def test_the_names_are_those_that_a_template_is_given(tmp_path: Path) -> None:
    assert read_context(tmp_path, write_results(tmp_path, 5), "en").keys() == NAMES | set(PARTS)


def test_a_study_without_templates_passes(tmp_path: Path) -> None:
    """It gets the plain one; nothing of it is named, and a bibliography isn't needed."""
    (tmp_path / "report").mkdir()
    precheck.check_sources(tmp_path / "report", ["fr", "en"], {}, {}, ["own"])
    assert precheck.experiments_named(tmp_path / "report", ["fr", "en"], ["own"]) == {"own": []}
    assert precheck.sections_shown(tmp_path / "report", ["fr"]) is None
    precheck.check_look(tmp_path / "report")


def test_experiments_that_templates_name() -> None:
    named = precheck.experiments_named(REPORT, ["fr", "en"], PARTS)
    assert {"baseline", "high_learning_rate", "low_weight_decay"} <= set(named["sentiment"])
    assert {"r4", "r8", "r16", "unrelated", "related"} <= set(named["lora"])
    known = {part: study_of().parts[part].experiments for part in PARTS}
    assert all(set(names) <= known[part].keys() for part, names in named.items())


@pytest.mark.parametrize(
    ("languages", "parts", "said"),
    [
        (["fr", "de"], PARTS, "config.yaml: languages: de: no such file"),
        (["fr"], ["claims"], "parts.claims: templates call something else 'claims'"),
    ],
)
def test_languages_and_parts_that_are_refused(
    languages: list[str], parts: list[str], said: str
) -> None:
    with pytest.raises(RejeuError) as caught:
        precheck.check_sources(REPORT, languages, {}, {}, parts)
    assert said in str(caught.value)


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
            replace("shared.qmd.j2", "result.arguments | code", "result.arguments | coda"),
            "no filter is called 'coda'; did you mean 'code'?",
        ),
        (
            replace("en/hidden.qmd.j2", "{% else %}", "{% else %}{{ note is nonne }}"),
            "en/hidden.qmd.j2, line 1: no test is called 'nonne'; did you mean 'none'?",
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
        (lambda report: (report / "fr/hidden.qmd.j2").unlink(), "hidden.qmd.j2: no such template"),
        (
            replace("en/report.qmd.j2", "facts.example", "facts.exmple"),
            "facts.exmple: the template names it, and `facts` of report/findings doesn't give it; "
            "did you mean 'example'?",
        ),
        (
            replace("en/report.qmd.j2", "{{ note | yaml }}", "{{ words.acuracy | yaml }}"),
            "line 8: words.acuracy: the template names it, and no words.yaml has it; did you mean",
        ),
        (
            replace("fr/words.yaml", "accuracy:", "acuracy:"),
            "fr/words.yaml: the word 'accuracy' is missing; figures take it",
        ),
        (
            replace("en/words.yaml", "scale:", "unheard: of\nscale:"),
            "fr/words.yaml: the word 'unheard' is missing; another language has it",
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
    ("file", "old", "new", "said"),
    [
        ("crossref.lua", "local function", "lokal function", "crossref.lua"),
        ("portable.lua", "local function raw", "local funktion raw", "portable.lua"),
        ("typst/typst-template.typ", "#let", "#lett", "typst failed"),
        ("html/embedded.html", "$for(css)$", "$for(css$", "embedded.html"),
        ("refs.bib", "@misc{sanh2019distilbert,", "@misc sanh2019distilbert,", "refs.bib"),
    ],
)
def test_a_look_that_does_not_render(
    report: Path, file: str, old: str, new: str, said: str
) -> None:
    """A study may have any file of the look in place of the engine's."""
    if not (report / file).exists():
        (report / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(LOOK / file, report / file)
    replace(file, old, new)(report)
    with pytest.raises(RejeuError) as caught:
        precheck.check_look(report)
    assert "so nothing was run" in str(caught.value)
    assert said in str(caught.value)


def test_what_passed_is_not_rendered_again(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a file of the look, the code, or the characters in use change; a refusal is no pass."""
    monkeypatch.chdir(report.parent)
    rendered: list[str] = []
    monkeypatch.setattr(precheck, "check_look", lambda _: rendered.append("look"))
    sentence, own = report / "en" / "report.qmd.j2", report / "portable.lua"
    shutil.copyfile(LOOK / own.name, own)

    def check(code: str = "a") -> int:
        precheck.check_rendering(report, [str(own)], code)
        return len(rendered)

    assert (check(), check()) == (1, 1)
    text = sentence.read_text(encoding="utf-8")
    sentence.write_text(f"{text}\nOne more sentence.\n", encoding="utf-8")
    assert check() == 1
    sentence.write_text(f"{text}\nA sign: \N{DOUBLE DAGGER}.\n", encoding="utf-8")
    assert check() == 2
    own.write_text(f"{own.read_text(encoding='utf-8')}\n-- more\n", encoding="utf-8")
    assert check() == 3
    assert check("b") == 4
    sentence.write_text(f"{text}\nNo font has \U0001f600.\n", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(RejeuError, match="U\\+1F600"):
            check("b")


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
        precheck.check_sources(REPORT, ["fr", "en"], CITED, judged, PARTS)
    assert said in str(caught.value)


def test_a_figure_that_nobody_draws(tmp_path: Path) -> None:
    folder = ROOT / "report"
    figures = read_yaml(folder / "comparisons.yaml")["figures"]
    refuse_missing_figures(folder, figures)
    with pytest.raises(
        RejeuError, match=r"figures.hidden_a12: no function draws it; .* mean 'hidden_a"
    ):
        refuse_missing_figures(folder, ["hidden_a12"])
    with pytest.raises(RejeuError, match="no function draws it"):
        refuse_missing_figures(tmp_path, ["mine"])
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "figures.py").write_text("FIGURES = dict(mine=print)\n")
    refuse_missing_figures(tmp_path, ["mine"])  # computed: it can't be seen from here
