"""Profiles for clusters: what they must repeat, must leave to the site, and explain."""

import re
from pathlib import Path
from typing import Any

import pytest

from rejeu.study.strict_reading import read_yaml

PROFILES = Path(__file__).parent.parent / "profiles"
CLUSTERS = sorted(
    path.parent.name for path in PROFILES.glob("*/config.yaml") if path.parent.name != "default"
)
MACHINES = {"cores", "resources"}  # of the one machine that profiles/default is for


def profile(name: str) -> dict[str, Any]:
    return read_yaml(PROFILES / name / "config.yaml")


@pytest.mark.parametrize("name", CLUSTERS)
def test_what_holds_everywhere_is_repeated(name: str) -> None:
    """Snakemake reads one workflow profile: of profiles/default nothing is left beside it."""
    everywhere = {key: value for key, value in profile("default").items() if key not in MACHINES}
    assert {key: profile(name).get(key) for key in everywhere} == everywhere


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_entry_says_why(name: str) -> None:
    """A comment stands above an entry, beside it, or beside what it holds."""
    text = (PROFILES / name / "config.yaml").read_text()
    entries = re.findall(r"^(#.*\n)?(\w.*\n(?:[ ].*\n)*)", text, re.MULTILINE)
    assert len(entries) == len(profile(name))
    assert [entry for above, entry in entries if not above and "# " not in entry] == []


def test_the_sites_keys_are_left_to_it() -> None:
    """A key that stands in both files is taken from the workflow profile alone."""
    sites = read_yaml(PROFILES / "slurm" / "site.example.yaml")
    assert not {*sites, "set-resources"} & {*profile("slurm")}
