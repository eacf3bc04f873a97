"""Beside a Snakemake that was installed alone, YAML is read as it is with ruamel.yaml."""

from pathlib import Path

import pytest

from rejeu.errors import RejeuError
from rejeu.study import plain_yaml, yaml_reader

ROOT = Path(__file__).parents[2]
VALUES = """\
    no yes on y true TRUE ~ null 1 010 0o7 08 0x1f -0x1F 0b1 1_000 1:30 2e-5 2.0e-5 1. .5 +.5 .5e3
    .5e-3 1e5 -.inf .nan 2026-11-28 2026-11-28T07:50:04Z _1 . 1.5.6 'no' "2e-5" [no,1] {no:1}
"""
FILES = sorted(
    str(path.relative_to(ROOT))
    for place in (
        "*.yaml",
        "report/*.yaml",
        "envs/*.yaml",
        "profiles/*/config.yaml",
        "examples/**/*.yaml",
    )
    for path in ROOT.glob(place)
)


@pytest.mark.parametrize("value", VALUES.split())
def test_values_are_the_same(value: str) -> None:
    text = f"a: {value}"
    alone, here = plain_yaml.parse_yaml(text, "x"), yaml_reader.parse_yaml(text, "x")
    assert alone == here or value == ".nan"
    assert type(alone["a"]) is type(here["a"])


@pytest.mark.parametrize("file", FILES)
def test_files_are_the_same(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert plain_yaml.parse_yaml(text, file) == yaml_reader.parse_yaml(text, file)


def test_merged_keys_are_the_same() -> None:
    text = "a: &a {p: 1, q: 1}\nb: &b\n  <<: *a\n  q: 2\nc: {<<: *b, q: 3}\n"
    assert plain_yaml.parse_yaml(text, "x") == yaml_reader.parse_yaml(text, "x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {c: 1, c: 2}", "malformed YAML: the key 'c' stands twice in one mapping"),
        ("a: [", "malformed YAML: while parsing a flow node"),
        ("a: !!python/object:os.system {}", "malformed YAML: could not determine a constructor"),
        ("a: 2026-13-45", "malformed YAML: month must be in 1..12"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(RejeuError, match=r"^x: ") as refused:
        plain_yaml.parse_yaml(text, "x")
    assert said in str(refused.value)
