"""Nothing is typed by hand: no result of one build stands in the report of another."""

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rejeu.evaluation.judge import RISK
from rejeu.report.numbers import Numbers
from rejeu.report.write import write
from tests.report.results_folder import (
    LORA_FINDINGS,
    claims_of,
    read_context,
    study_of,
    write_results,
)

TEMPLATES = Path(__file__).parents[2] / "report"
FRACTION = r"(?<![\w.,])\d+[.,]\d+(?![\w.,]*\d)"


class Precise(Numbers):
    """Shows twelve digits, so that two values that differ don't meet by rounding."""

    def decimal(self, value: float | None, digits: int = 3) -> str:
        return super().decimal(value, 12 if digits else 0)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_no_number_of_one_report_stands_in_the_other(
    tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rejeu.report.context.Numbers", Precise)
    first, second = (fractions(rendered(tmp_path / str(seed), seed, language)) for seed in (1, 2))
    assert min(len(first), len(second)) > 100
    assert first & second <= settings()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_templates_hold_no_fraction(language: str) -> None:
    template = (TEMPLATES / language / "report.qmd.j2").read_text(encoding="utf-8")
    body = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", template.split("\n---\n", 1)[1])
    assert not fractions(body)


def rendered(folder: Path, seed: int, language: str) -> str:
    """A report up to its appendix, from results and reference values that both depend on `seed`."""
    study = write_results(folder, seed, findings=LORA_FINDINGS)
    names = read_context(folder, study, language)
    chance = random.Random(seed)
    for part in ("sentiment", "lora"):
        for result in names[part].values():
            if result.reference:
                object.__setattr__(result, "reference", changed(result.reference, chance))
    names["claims"] = {  # their statements and references are the document's, in both reports
        name: replace(claim, statement="", reference="") for name, claim in names["claims"].items()
    }
    names["risk"]["expected"] = chance.random()  # as many are judged in both
    names["reference"]["lora"] = changed(names["reference"]["lora"], chance)
    text = write(TEMPLATES / language / "report.qmd.j2", names)
    return text.split("#sec-provenance", maxsplit=1)[0]  # there stand versions


def changed(data: Any, chance: random.Random) -> Any:
    """The same structure with each number multiplied by one of its own."""
    if isinstance(data, dict):
        return {key: changed(value, chance) for key, value in data.items()}
    return data * chance.uniform(0.9, 1.1) if isinstance(data, float | int) else data


def fractions(text: str) -> set[float]:
    bare = text.replace("\\", "").replace("\N{NARROW NO-BREAK SPACE}", "")
    bare = re.sub(r"(?<=\d),(?=\d{3}\b)", "", bare)  # English thousands; ours show more digits
    return {float(number.replace(",", ".")) for number in re.findall(FRACTION, bare)}


def settings() -> set[float]:
    """What both reports may show: the settings that both studies share, margins and the bounds that
    they give, the levels at which claims are judged, and 0 and 1 as metrics.
    """
    study = study_of()
    chosen = [
        value
        for part in (study.parts["sentiment"], study.parts["lora"])
        for experiment in part.experiments.values()
        for value in experiment.model_dump().values()
        if isinstance(value, float)
    ]
    base = study.parts["sentiment"].experiments["baseline"]
    low = study.parts["sentiment"].experiments["low_weight_decay"]
    slots = study.tiers["smoke"].parts["lora"].max_steps * 2
    doses = [
        100 * settings.dose / slots
        for settings in study.parts["lora"].experiments.values()
        if settings.dose
    ]
    shares = {round(share, 12) for share in doses}
    judged = claims_of(study).judged(study)
    compared = [
        found for each in judged for arm in ("corrected", "notebook") for found in each[arm]
    ]
    margins = {found["margin"] for found in compared}
    bounds = {
        round(found["around"] + side * found["margin"], 10)
        for found in compared
        for side in (-1, 1)
    }
    # The comparisons of one arm share its risk.
    levels = {round(100 * (1 - RISK / count), 12) for count in range(1, 9)}
    decays = low.weight_decay / base.weight_decay
    return {*chosen, *shares, *margins, *map(abs, bounds), *levels, decays, 0.0, 1.0}
