"""The border between engine and study: the engine knows no name of the repository's own study."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rejeu.job.whole_files import sha256_of
from rejeu.study.configuration import Study
from rejeu.study.strict_reading import read_yaml

ROOT = Path(__file__).parents[1]
PYTHON = [path for place in ("rejeu", "scripts") for path in sorted((ROOT / place).rglob("*.py"))]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "rules").glob("*.smk"))]
# The study's words that are the engine's too: a kind of part and its settings, an architecture.
SHARED = {"lora", "rank", "placebo", "separated", "distilbert"}


def names_of(study: Study) -> set[str]:
    """What the study calls its parts, experiments, groups, tiers, models, inputs and languages."""
    comparisons = read_yaml(ROOT / "report" / "comparisons.yaml")
    return {
        *study.parts,
        *(name for part in study.parts.values() for name in part.experiments),
        *(row for name in study.of_kind("lora") for row in study.parts[name].rows),  # pyright: ignore
        *study.groups,
        *(f"a{number}" for number in range(1, 12)),
        *study.tiers,
        *study.models,
        *(model.name for model in study.models.values()),
        *study.inputs,
        *study.languages,
        *comparisons["comparisons"],
        *comparisons["figures"],
    } - SHARED


# Words that code may well use in a sense of its own: only a text that is nothing else counts.
COMMON = {"related", "unrelated", "rules", "grid", "sweep", "doses", "chain"}
COMMON |= {
    "crossing",
    "endings",
    "asked",
    "baseline",
    "imdb",
    "paper",
    "laptop",
    "smoke",
    "en",
    "fr",
}


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each text of Python code with its line, but for docstrings."""
    bare = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.lineno, node.value


def words_of(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, word, and whether it is a whole text: of texts and attributes of a file of code."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tree = ast.parse(source)
        for line, text in texts(tree):
            yield line, text, True
            yield from ((line, word, False) for word in re.findall(r"\w+", text))
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute | ast.Name):
                yield node.lineno, node.attr if isinstance(node, ast.Attribute) else node.id, False
        return
    for number, line in enumerate(source.splitlines(), 1):
        for text in re.findall(r"\"([^\"]*)\"", line.partition("# ")[0]):
            yield number, text, True
        yield from ((number, word, False) for word in re.findall(r"\w+", line.partition("# ")[0]))


@pytest.mark.parametrize("path", [*PYTHON, *RULES], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_name_of_the_study_is_in_the_engine(path: Path, study: Study) -> None:
    names = names_of(study)
    assert {"r8", "a1", "sentiment", "smollm2_135m", "fr", "laptop", "hidden_a1"} <= names
    if path.name == "cleaning.py":  # whose lemmas are English, whatever the report's languages
        names -= {"en"}
    known = [
        f"line {line}: {word}"
        for line, word, whole in words_of(path)
        if word in names and (whole or word not in COMMON)
    ]
    assert not known


def test_the_test_sees_names() -> None:
    """It would see them where they stood before: in the study's own Python."""
    findings = ROOT / "report" / "findings"
    words = {word for path in findings.rglob("*.py") for _, word, _ in words_of(path)}
    assert {"r8", "baseline", "sentiment", "lora"} <= words


def test_the_example_is_built_by_no_line_of_its_own_in_the_engine() -> None:
    example = ROOT / "examples" / "two_classifiers"
    names = read_yaml(example / "config.yaml")["parts"]["reviews"]["experiments"]
    for path in (*PYTHON, *RULES):
        assert not {word for _, word, _ in words_of(path)} & set(names)
    assert sha256_of(example / "Snakefile")
