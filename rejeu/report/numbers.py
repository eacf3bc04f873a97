"""Numbers and dates as each language writes them."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, get_decimal_symbol

from rejeu.evaluation.statistics import Estimate
from rejeu.report.addresses import Ledger
from rejeu.report.traced import plain

DASH = "—"


@dataclass(frozen=True)
class Numbers:
    """Formats values for one language, by its code; what is undefined becomes a dash.

    With a `ledger`, each text is noted there with its value and addresses, and marked.
    """

    language: str
    ledger: Ledger | None = None

    def _noted(self, text: str, value: Any, *sources: Any) -> str:
        return self.ledger.noted(text, value, *sources) if self.ledger is not None else text

    def decimal(self, value: float | None, digits: int = 3) -> str:
        """A number with so many decimals, its thousands grouped."""
        if value is None:
            return DASH
        places = "0" * digits
        text = self._written(value, f"#,##0.{places}" if digits else "#,##0")
        return self._noted(text, plain(value), value)

    def integer(self, value: float | None) -> str:
        """A number rounded to a whole one, its thousands grouped."""
        return self.decimal(value, 0)

    def percent(self, value: float | None, digits: int = 1) -> str:
        """A share (0 to 1) in per cent, with so many decimals."""
        if value is None:
            return DASH
        pattern = Locale.parse(self.language).percent_formats[None].pattern
        sign = pattern[pattern.rindex("0") + 1 :]  # with a no-break space before it where usual
        return self._noted(f"{self.decimal(100 * value, digits)}{sign}", plain(value), value)

    def setting(self, value: float) -> str:
        """A hyper-parameter with all its digits: 0.00002, never 2e-5."""
        return self._noted(self._written(value, "#,##0.##########"), plain(value), value)

    def significant(self, value: float) -> str:
        """A number with four significant digits, as a figure can be read."""
        return self._written(value, "@@@@" if value else "0")

    def _written(self, value: float, pattern: str) -> str:
        text = format_decimal(plain(value), pattern, locale=self.language)
        if not any(digit in text for digit in "123456789"):
            text = text.replace("-", "")  # what rounds to zero has no sign
        # Babel's minus is the keyboard's hyphen, which typesetters take for either.
        return text.replace("-", "\N{MINUS SIGN}")

    def interval(self, estimate: Estimate, digits: int = 3) -> str:
        """`0.85 [0.83, 0.87]`, or the mean alone where one seed gives no interval."""
        mean = self.decimal(estimate.mean, digits)
        if estimate.low is None or estimate.high is None:
            return mean
        # Where the decimal mark is a comma, another one would be misread.
        comma = get_decimal_symbol(self.language) == ","
        separator = "\N{NO-BREAK SPACE}; " if comma else ", "
        low, high = self.decimal(estimate.low, digits), self.decimal(estimate.high, digits)
        values = {name: plain(getattr(estimate, name)) for name in ("mean", "low", "high")}
        sources = (estimate.mean, estimate.low, estimate.high)
        return self._noted(f"{mean} [{low}{separator}{high}]", values, *sources)

    def signed(self, sign: str, text: str) -> str:
        """A number as this object writes it, with a sign before it that belongs to it."""
        return sign + text if self.ledger is None else self.ledger.signed(sign, text)

    def duration(self, seconds: float) -> str:
        """Whole seconds under two minutes, then minutes and seconds."""
        space = "\N{NO-BREAK SPACE}"
        whole = round(plain(seconds))
        if whole < 120:
            return self._noted(f"{self.integer(seconds)}{space}s", plain(seconds), seconds)
        minutes, rest = divmod(whole, 60)
        text = f"{self.integer(minutes)}{space}min{space}{rest:02d}{space}s"
        return self._noted(text, plain(seconds), seconds)

    def one(self, count: float) -> bool:
        """Whether the language has the singular for so many."""
        return Locale.parse(self.language).plural_form(plain(count)) == "one"

    def day(self, day: date) -> str:
        """A date with its month in words."""
        text = format_date(day, format="long", locale=self.language)
        return self._noted(text, day.isoformat(), day)
