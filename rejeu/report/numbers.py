"""Numbers and dates as each language writes them."""

from dataclasses import dataclass
from datetime import date

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal, get_decimal_symbol

from rejeu.evaluation.statistics import Estimate

DASH = "—"


@dataclass(frozen=True)
class Numbers:
    """Formats values for one language, by its code; what is undefined becomes a dash."""

    language: str

    def decimal(self, value: float | None, digits: int = 3) -> str:
        """A number with so many decimals, its thousands grouped."""
        if value is None:
            return DASH
        places = "0" * digits
        return self._written(value, f"#,##0.{places}" if digits else "#,##0")

    def integer(self, value: float | None) -> str:
        """A number rounded to a whole one, its thousands grouped."""
        return self.decimal(value, 0)

    def percent(self, value: float | None, digits: int = 1) -> str:
        """A share (0 to 1) in per cent, with so many decimals."""
        if value is None:
            return DASH
        pattern = Locale.parse(self.language).percent_formats[None].pattern
        sign = pattern[pattern.rindex("0") + 1 :]  # with a no-break space before it where usual
        return f"{self.decimal(100 * value, digits)}{sign}"

    def setting(self, value: float) -> str:
        """A hyper-parameter with all its digits: 0.00002, never 2e-5."""
        return self._written(value, "#,##0.##########")

    def significant(self, value: float) -> str:
        """A number with four significant digits, as a figure can be read."""
        return self._written(value, "@@@@" if value else "0")

    def _written(self, value: float, pattern: str) -> str:
        text = format_decimal(value, pattern, locale=self.language)
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
        return f"{mean} [{low}{separator}{high}]"

    def duration(self, seconds: float) -> str:
        """Whole seconds under two minutes, then minutes and seconds."""
        space = "\N{NO-BREAK SPACE}"
        if round(seconds) < 120:
            return f"{self.integer(seconds)}{space}s"
        minutes, rest = divmod(round(seconds), 60)
        return f"{self.integer(minutes)}{space}min{space}{rest:02d}{space}s"

    def one(self, count: float) -> bool:
        """Whether the language has the singular for so many."""
        return Locale.parse(self.language).plural_form(count) == "one"

    def day(self, day: date) -> str:
        """A date with its month in words."""
        return format_date(day, format="long", locale=self.language)
