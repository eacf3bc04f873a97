from datetime import date

import pytest

from rejeu.evaluation.statistics import Estimate, estimate
from rejeu.report.numbers import Numbers

FR, EN = Numbers("fr"), Numbers("en")
NARROW, NO_BREAK = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "digits", "french", "english"),
    [
        (0.8949, 3, "0,895", "0.895"),
        (0.5, 4, "0,5000", "0.5000"),
        (1234567.891, 2, f"1{NARROW}234{NARROW}567,89", "1,234,567.89"),
        (12345, 0, f"12{NARROW}345", "12,345"),
        (999, 0, "999", "999"),
        (-0.25, 2, "\N{MINUS SIGN}0,25", "\N{MINUS SIGN}0.25"),
        (0, 3, "0,000", "0.000"),
        (None, 3, "—", "—"),
    ],
)
def test_decimal(value: float | None, digits: int, french: str, english: str) -> None:
    assert FR.decimal(value, digits) == french
    assert EN.decimal(value, digits) == english


def test_integer() -> None:
    assert FR.integer(5749) == f"5{NARROW}749"
    assert EN.integer(5749) == "5,749"
    assert FR.integer(12.6) == "13"
    assert FR.integer(None) == EN.integer(None) == "—"


def test_percent() -> None:
    assert FR.percent(0.895) == f"89,5{NO_BREAK}%"
    assert EN.percent(0.895) == "89.5%"
    assert FR.percent(0.2016, 0) == f"20{NO_BREAK}%"
    assert FR.percent(None) == EN.percent(None) == "—"


@pytest.mark.parametrize(
    ("value", "english"),
    [(2e-5, "0.00002"), (0.002, "0.002"), (1.0, "1"), (0, "0"), (0.1 + 0.2, "0.3")],
)
def test_setting_has_all_its_digits(value: float, english: str) -> None:
    assert EN.setting(value) == english
    assert FR.setting(value) == english.replace(".", ",")


def test_interval() -> None:
    found = Estimate(0.85, 0.8349, 0.8651, 3)
    assert EN.interval(found) == "0.850 [0.835, 0.865]"
    assert FR.interval(found) == f"0,850 [0,835{NO_BREAK}; 0,865]"
    assert EN.interval(found, 1) == "0.8 [0.8, 0.9]"


def test_interval_that_can_t_be_had() -> None:
    assert FR.interval(estimate([0.25])) == "0,250"
    assert FR.interval(estimate([0.25, None])) == EN.interval(estimate([None])) == "—"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.4, "0 s"), (119.4, "119 s"), (120, "2 min 00 s"), (1318, "21 min 58 s")],
)
def test_duration(seconds: float, said: str) -> None:
    assert FR.duration(seconds) == EN.duration(seconds) == said.replace(" ", NO_BREAK)


def test_day() -> None:
    assert FR.day(date(2024, 12, 20)) == "20 décembre 2024"
    assert EN.day(date(2024, 12, 20)) == "December 20, 2024"


def test_what_rounds_to_zero_has_no_sign() -> None:
    for language, zero in (("en", "0.000"), ("fr", "0,000")):
        assert Numbers(language).decimal(-0.0002, 3) == zero
        assert Numbers(language).decimal(-0.0006, 3) == f"\N{MINUS SIGN}{zero[:-1]}1"
        assert Numbers(language).setting(-0.0) == "0"
