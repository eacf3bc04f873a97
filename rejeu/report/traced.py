"""Values that know where they were read: each carries its addresses, and so does what is computed.

A number or text of a result file is an `int`, `float` or `str` in every way, and beside that has an
`origin`: the file and the path within it. Sums, differences, ratios and so on of such values carry
the addresses of all that they were computed from; where Python's own functions would drop them
(`len`, `sum` of booleans, numpy), `computed` puts them back.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rejeu.job.whole_files import read_json

if TYPE_CHECKING:
    from rejeu.evaluation.statistics import Estimate

Number = int | float


@dataclass(frozen=True)
class Address:
    """Where a value stands.

    Attributes:
        file: its path from the study's folder.
        key: the path within it, as RFC 6901 writes it (`/by_rule/argmax/accuracy`); "": all of it.
        value: what stands there, where it is one number or text.
    """

    file: str
    key: str
    value: Number | str | None = None

    def __str__(self) -> str:
        return f"{self.file}#{self.key}" if self.key else self.file


Origin = tuple[Address, ...]


def origin_of(*values: Any) -> Origin:
    """The addresses of values, and of all that lists, mappings and results hold."""
    found: dict[Address, None] = {}
    for value in values:
        if (own := getattr(value, "origin", None)) is not None:
            found |= dict.fromkeys(own)
        elif isinstance(value, Mapping):
            found |= dict.fromkeys(origin_of(*value.values()))
        elif isinstance(value, list | tuple):
            found |= dict.fromkeys(origin_of(*value))
        elif is_dataclass(value):
            found |= dict.fromkeys(origin_of(*vars(value).values()))
    return tuple(found)


class Traced:
    """What TracedInt, TracedFloat and TracedText have in common."""

    origin: Origin = ()


def _binary(operation: Callable[[Any, Any], Any], *, reflected: bool = False) -> Any:
    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, int | float):
            return NotImplemented
        ours, theirs = plain(self), plain(other)
        result = operation(theirs, ours) if reflected else operation(ours, theirs)
        return computed(result, self, other)

    return method


def _unary(operation: Callable[..., Any]) -> Any:
    def method(self: Any, *further: Any) -> Any:
        return computed(operation(plain(self), *further), self)

    return method


class TracedNumber(Traced):
    """Arithmetic that keeps addresses."""

    __add__ = _binary(operator.add)
    __sub__ = _binary(operator.sub)
    __mul__ = _binary(operator.mul)
    __truediv__ = _binary(operator.truediv)
    __floordiv__ = _binary(operator.floordiv)
    __mod__ = _binary(operator.mod)
    __pow__ = _binary(operator.pow)
    __radd__ = _binary(operator.add, reflected=True)
    __rsub__ = _binary(operator.sub, reflected=True)
    __rmul__ = _binary(operator.mul, reflected=True)
    __rtruediv__ = _binary(operator.truediv, reflected=True)
    __rfloordiv__ = _binary(operator.floordiv, reflected=True)
    __rmod__ = _binary(operator.mod, reflected=True)
    __neg__ = _unary(operator.neg)
    __abs__ = _unary(operator.abs)
    __round__ = _unary(round)
    __ceil__ = _unary(math.ceil)
    __floor__ = _unary(math.floor)


class TracedInt(TracedNumber, int):
    """A whole number with its addresses."""


class TracedFloat(TracedNumber, float):
    """A number with its addresses."""


class TracedText(Traced, str):
    """A text with its addresses."""


class TracedDate(Traced, date):
    """A day with its addresses."""


class TracedList(Traced, list[Any]):
    """A list whose values have all the same addresses, as a log has."""


def plain(value: Any) -> Any:
    """The number without addresses."""
    match value:
        case bool():
            return value
        case int():
            return int(value)
        case float():
            return float(value)
    return value


def at(value: Any, origin: Origin) -> Any:
    """A number or text with these addresses; anything else, and truth values, as they are."""
    match value:
        case bool():
            return value
        case int():
            result: Any = TracedInt(value)
        case float():
            result = TracedFloat(value)
        case str():
            result = TracedText(value)
        case date():
            result = TracedDate(value.year, value.month, value.day)
        case _:
            return value
    result.origin = origin
    return result


def computed(value: Any, *sources: Any) -> Any:
    """`value` with the addresses of the values that it was computed from."""
    origin = origin_of(*sources)
    if is_dataclass(value) and not isinstance(value, type):  # as an Estimate
        return replace(value, **{name: at(it, origin) for name, it in vars(value).items()})
    return at(value, origin) if origin else value


def counted(values: Sequence[Any]) -> int:
    """How many there are, with the addresses of all."""
    return computed(len(values), list(values))


def estimate(values: Sequence[float | None], *sources: Any) -> "Estimate":
    """`statistics.estimate` of values, with their addresses, or else those of `sources`."""
    from rejeu.evaluation import statistics  # noqa: PLC0415  numpy and scipy, which planning lacks

    return computed(statistics.estimate(values), values, *sources)


def share(values: Sequence[float | None], *sources: Any) -> "Estimate":
    """`statistics.share` of values, with their addresses, or else those of `sources`."""
    from rejeu.evaluation import statistics  # noqa: PLC0415

    return computed(statistics.share(values), values, *sources)


def mean(values: Iterable[float]) -> float:
    """The mean, with the addresses of all values."""
    listed = list(values)
    return computed(math.fsum(listed) / len(listed), listed)


def traced(value: Any, file: str, key: str = "") -> Any:
    """Nested mappings and lists as they are, whose numbers and texts know where they stand.

    What has addresses already keeps them.
    """
    match value:
        case Mapping():
            return {
                name: traced(each, file, f"{key}/{_escaped(name)}") for name, each in value.items()
            }
        case list():
            return [traced(each, file, f"{key}/{place}") for place, each in enumerate(value)]
        case bool() | Traced():
            return value
        case int() | float() | str():
            return at(value, (Address(file, key, value),))
        case date():
            return at(value, (Address(file, key, value.isoformat()),))
    return value


def _escaped(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def shown_path(path: str | Path) -> str:
    """A file's path from the study's folder, wherever Snakemake has put it for a job."""
    text = Path(path).as_posix()
    for start in ("results/", ".cache/rejeu/"):
        before, found, inside = text.rpartition(start)
        if found and (not before or before.endswith("/")):
            return start + inside
    return text


def read_traced(path: str | Path) -> Any:
    """A JSON file's content, whose numbers and texts know where they stand."""
    return traced(read_json(path), shown_path(path))
