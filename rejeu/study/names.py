"""What names, texts and values of a study may look like, and how faults in them are told."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, LiteralString, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rejeu.study.strict_reading import shown


def fault(kind: LiteralString, message: str) -> PydanticCustomError:
    """An error for a validator to raise, of which pydantic says at which key it stands."""
    return PydanticCustomError(kind, "{message}", {"message": message})


def own_name(name: str) -> str:
    """Refuse a file's name that is Rejeu's own."""
    if name == "source.json":
        raise fault("reserved", "'source.json' is Rejeu's own name there; rename your file")
    return name


Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# A name alone: folders belong to a source. Letters of any alphabet.
FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[^\W_][\w .,()'’\-]*$", max_length=200),
    AfterValidator(own_name),
]
# Of a folder in a package or repository, which never leads out of it; and of a package, as PyPI has
# them. What begins with a dash would be an option of pip's.
Folder = Annotated[
    str, StringConstraints(pattern=r"^([A-Za-z0-9_][\w.\-]*(/[A-Za-z0-9_][\w.\-]*)*)?$")
]
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._\-]*[A-Za-z0-9])?$")]
Version = Annotated[str, StringConstraints(pattern=r"^[0-9][A-Za-z0-9.+!]*$")]
Repository = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.\-]*(/[A-Za-z0-9][\w.\-]*)?$")
]
# Written into the report as it is.
Address = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9._~:/?#@!&+,;=%\-]+$")]
# A key of report/refs.bib.
Citation = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+$")]
Share = Annotated[float, Field(ge=0, lt=1)]
Arm = Literal["corrected", "notebook"]


def suggest(name: str, known: Iterable[str]) -> str:
    """A hint for a message on an unknown name: the nearest known one, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and names the key that was probably meant."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,  # of which docs/settings.md is made
    )

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, data: Any) -> Any:
        """Refuse keys that the model doesn't have."""
        if isinstance(data, dict):
            refuse_unknown(data, cls.model_fields)
        return data


def refuse_unknown(data: dict[Any, Any], known: Collection[str], where: str = "") -> None:
    """Refuse unknown keys, with a hint for the first three; `where` begins the message."""
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        hints = [f"unknown key {shown(key)}; {suggest(key, known)}" for key in unknown[:3]]
        more = f". {len(unknown) - 3} more unknown keys" if len(unknown) > 3 else ""
        raise fault("unknown_key", where + ". ".join(hints) + more)


def filled(text: str) -> str:
    """Refuse a text of white space alone."""
    if not text.strip():
        raise fault("blank", "is blank; expected words that a reader sees")
    return text


Value = TypeVar("Value", int, str)


def distinct(values: list[Value]) -> list[Value]:
    """Refuse a value that stands twice."""
    for value in values:
        if values.count(value) > 1:
            raise fault("repeated", f"each value may stand once only, {value} stands twice")
    return values


def ascending(values: tuple[int, int]) -> tuple[int, int]:
    """Refuse a pair of which the second number is the smaller."""
    if values[0] > values[1]:
        raise fault("order", f"expected the fewest, then the most; found {list(values)}")
    return values


def rising(values: list[int]) -> list[int]:
    """Refuse numbers that don't rise."""
    if values != sorted(values):
        raise fault("order", f"expected each look to have more seeds than the one before: {values}")
    return values


# More would take Snakemake minutes to plan: each is a run of every experiment.
MOST_SEEDS = 100
Seeds = Annotated[
    list[Annotated[int, Field(ge=0, lt=2**32)]],
    Field(min_length=1, max_length=MOST_SEEDS),
    AfterValidator(distinct),
]
LookSeeds = Annotated[int, Field(ge=2, le=MOST_SEEDS)]
Words = Annotated[str, AfterValidator(filled)]


def in_any_language(text: Any) -> Any:
    """Words given once are the same in every language."""
    if not isinstance(text, str | dict):
        raise fault("text", "expected words, or words by their language")
    return {ANY: text} if isinstance(text, str) else text


# A language by its code, and words by their language.
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
ANY = "any"
Text = Annotated[
    dict[Language, Words],
    BeforeValidator(in_any_language, json_schema_input_type=str | dict[Language, Words]),
    Field(min_length=1),
]


def words_in(text: Mapping[str, str], language: str) -> str:
    """A text's words in one of the study's languages."""
    return text.get(language) or text[ANY]


def refuse_other_languages(key: str, text: Mapping[str, str], languages: Iterable[str]) -> None:
    """Refuse a text that lacks one of the study's languages."""
    for language in languages:
        if language not in text and ANY not in text:
            raise fault(
                "language",
                f"{key}.{language}: missing, and `languages` has '{language}'; expected words in "
                f"it beside those in {', '.join(text)}, or one text for all languages",
            )


def refer(key: str, name: str, known: Mapping[str, Any], kind: str | None = None) -> None:
    """Refuse a reference to a name that is not in `known`, or is a model of another kind."""
    if name not in known:
        raise fault("unknown_name", f"{key}: '{name}' is not defined; {suggest(name, known)}")
    if kind is not None and known[name].kind != kind:
        raise fault("wrong_kind", f"{key}: '{name}' is of kind {known[name].kind}, expected {kind}")


def first_of(lines: list[str], most: int = 12) -> str:
    """What a screen holds of them."""
    more = [f"  and {len(lines) - most} faults more"] if len(lines) > most else []
    return "\n".join(lines[:most] + more)


def describe_fault(error: Any) -> str:
    """One of pydantic's errors in a line: the key, what was expected and what was found.

    Args:
        error: an entry of `ValidationError.errors()`.
    """
    # Words that were given without a language stand at the text's own key.
    key = ".".join(str(part) for part in error["loc"]).removesuffix(f".{ANY}")
    found, message = error["input"], error["msg"]
    hidden = isinstance(found, dict | list) or error["type"] == "missing"
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = "expected keys with their values, as `key: value`"
        hidden = isinstance(found, dict)
    if error["type"] == "union_tag_not_found":
        key, message = f"{key}.kind", "Field required"
    if error["type"] == "union_tag_invalid":
        key, message = f"{key}.kind", f"expected one of {error['ctx']['expected_tags']}"
        found, hidden = error["input"]["kind"], False
    value = "" if hidden else f" (found: {shown(found)})"
    return f"{key + ': ' if key else ''}{message}{value}"
