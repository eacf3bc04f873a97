"""What the README says of the tiers' sizes is what the configuration says."""

import re
from pathlib import Path
from typing import Any

import pytest

from rejeu.study.configuration import Study

ROOT = Path(__file__).parents[1]


def row(tier: str) -> list[str]:
    """The cells of a tier's row in the README's table of tiers."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(rf"^\| `{tier}` \|.*$", text, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def numbers(cell: str) -> list[int]:
    """The numbers of a cell that stand apart from letters: not those in names of models."""
    return [int(each.replace(",", "")) for each in re.findall(r"(?<![\w-])\d[\d,]*(?![\w-])", cell)]


@pytest.mark.parametrize("tier", ["smoke", "laptop", "paper"])
def test_the_readme_has_the_configuration_s_sizes(study: Study, tier: str) -> None:
    parts: dict[str, Any] = dict(study.tiers[tier].parts)
    _, _, first, second, seeds, _ = row(tier)
    sentiment, lora = parts["sentiment"], parts["lora"]
    if sentiment.train_rows is not None:  # null takes all there are
        assert numbers(first) == [sentiment.train_rows]
    assert numbers(second)[-1] == lora.max_steps
    assert numbers(seeds)[:2] == [len(sentiment.seeds), len(lora.seeds)]
