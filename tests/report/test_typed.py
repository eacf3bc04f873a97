"""A number that somebody types into a template is refused, with its place."""

from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.report.typed import refuse_typed, refuse_typed_words
from rejeu.report.write import ENGINE, environment
from tests.report.results_folder import LANGUAGES, ROOT

HEAD = "---\ntitle: 3 things\ntoc-depth: 3\n---\n"


def check(folder: Path, text: str) -> None:
    path = folder / "report.qmd.j2"
    path.write_text(text, encoding="utf-8")
    refuse_typed(environment(folder), path)


@pytest.mark.parametrize("text", ["The accuracy is 0.842.", "In 3 of them", "| 0.5 |", "95% of"])
def test_a_number_in_the_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(RejeuError) as refused:
        check(tmp_path, f"{HEAD}\nNo number.\n\n{text}\n")
    assert "report.qmd.j2, line 8: '" in str(refused.value)
    assert "<# typed: " in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\n{{ {\n  'x': 'It has 7 seeds.',\n}[y] | fill }}", 3),
        ("{{ n.decimal(0.842) }}", 1),
        ("{% set a = 'about 5 %' %}", 1),
        ("{{ 0.842 }}", 1),
        ("{{ 3 if x else y }}", 1),
        ("{{ y }} 12{{ y }}", 1),
    ],
)
def test_a_number_in_an_expression_is_refused(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(RejeuError, match=f"line {line}: '"):
        check(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "$$ W_0 x + \\frac{1}{2} $$ {#eq-a2}",
        "At $r = 4$ [@hu2021lora; @mangrulkar2022peft], see @sec-a10-en and @molder2021snakemake.",
        "## A heading {.unnumbered #sec-a1-en}",
        "![A figure.](figures/hidden_a1.en.svg){#fig-a1-en width=88% fig-alt='A line.'}",
        "{{ words.metrics_caption | fill(n=n.integer(x)) }} {#tbl-a1-{{ language }}}",
        "![A.](a.svg){#fig-{{ x | id }} width={{ 92 if y else 50 }}% fig-alt='{{ z }}'}",
        "```{=typst}\n#[#set text(size: 8pt)\n```",
        "{{ reference.loss[500] }} {{ n.decimal(x, 4) }} {{ lora.r8.rank }} {{ x | round(2) }}",
        "{{ 'r8' if a else 'figures/a_3.svg' }} {{ commit[:12] }} {{ 'It is {value1}' | fill }}",
        "<# a comment with 3 digits #>",
        "Part 1 and 95 % of F1 <# typed: Part 1; 95 %; F1 #>",
    ],
)
def test_what_is_no_number_of_the_text_passes(tmp_path: Path, text: str) -> None:
    check(tmp_path, f"{HEAD}\n{text}\n")


def test_what_is_listed_is_all_that_passes(tmp_path: Path) -> None:
    check(tmp_path, "95% <# typed: 95% #>")
    for text in ("95.5%", "195%", "94%"):
        with pytest.raises(RejeuError, match="is typed by hand"):
            check(tmp_path, f"{text} <# typed: 95% #>")


def test_words_are_held_to_it_too(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("# typed: F1\nf1: F1 score\nbest: 0.9 at best\n", encoding="utf-8")
    refuse_typed_words(path, {"f1": "F1 score"})
    with pytest.raises(RejeuError, match=r"words\.yaml: best: '0\.9' is typed"):
        refuse_typed_words(path, {"best": "0.9 at best"})


def test_the_engine_s_own_and_the_study_s_hold_none() -> None:
    for path in (*ENGINE.glob("*.j2"), *(ROOT / "report").glob("*.j2")):
        refuse_typed(environment(path.parent), path)
    for language in LANGUAGES:
        for path in (ROOT / "report" / language).glob("*.j2"):
            refuse_typed(environment(path.parent), path)
