"""What a claims file may say. Read by `rules/claims.smk` alone: the judge gets plain values.

A claim judges data: adding one is a few lines of YAML. Only a new kind of comparison needs code.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, StringConstraints, ValidationError, model_validator

from rejeu.config import Name, Strict, Study, Text, describe, fault, first_of, refer
from rejeu.errors import RejeuError
from rejeu.evaluation.fields import COUNT, TEXT, fields
from rejeu.evaluation.judge import Side
from rejeu.evaluation.quantities import DERIVED, with_text_keys
from rejeu.reading import shown

# A part, an experiment, a file and its keys: sentiment.baseline.metrics.accuracy
QuantityPath = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[A-Za-z0-9_]+){2,}$")]
Reference = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[A-Za-z0-9_]+)+$")]
Section = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Combination = Literal["difference", "ratio", "equal", "share"]
NO_EFFECT = {"difference": 0.0, "ratio": 1.0, "equal": 1.0, "share": 0.5}


class Comparison(Strict):
    """A value, or two of them combined, and the side of `around` on which the claim puts it."""

    of: QuantityPath
    against: QuantityPath | None = None
    by: Combination = "difference"
    test: Literal["seeds", "exact", "each"] = "seeds"
    side: Side
    around: float
    margin: NonNegativeFloat

    @model_validator(mode="before")
    @classmethod
    def from_no_effect(cls, data: Any) -> Any:
        """Unless it says otherwise, a comparison is around the value of no effect."""
        if isinstance(data, dict) and "around" not in data:
            by = str(data.get("by", "difference")) if "against" in data else "difference"
            return data | {"around": NO_EFFECT.get(by, 0.0)}
        return data

    @model_validator(mode="after")
    def exact_is_a_share(self) -> "Comparison":
        if (self.test == "exact") != (self.by == "share"):
            raise fault("share", "`test: exact` and `by: share` go together: one count of two")
        if self.by == "share" and self.against is None:
            raise fault("share", "`by: share` needs `against`: the count of the other kind")
        return self


class Referred(Strict):
    """The document's own value, by its path in report/reference.yaml."""

    of: Reference
    against: Reference | None = None
    by: Combination = "difference"


class Claim(Strict):
    """One thing that the document asserts, and how it is measured in each arm."""

    id: Name
    section: Section
    finding: Annotated[str, StringConstraints(pattern=r"^(a\d+|control)$")] | None = None
    statement: Text
    reference: Referred | None = None
    tiers: list[str] = Field(min_length=1)
    corrected: list[Comparison] = Field(min_length=1)
    notebook: list[Comparison] = Field(default_factory=list)


class Claims(Strict):
    claims: list[Claim] = Field(min_length=1)


def load(raw: Any, file: str, study: Study, reference: Mapping[str, Any]) -> list[Claim]:
    """Validate a claims file against the study whose results it judges.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    try:
        claims = Claims.model_validate(raw).claims
    except ValidationError as error:
        faults = first_of([f"  {describe(found)}" for found in error.errors()])
        raise RejeuError(f"{file} was refused, and nothing was run:\n{faults}") from None
    try:
        for claim in claims:
            check(claim, [other.id for other in claims], study, reference)
    except ValueError as error:
        raise RejeuError(f"{file} was refused, and nothing was run:\n  {error}") from None
    return claims


def check(claim: Claim, ids: list[str], study: Study, reference: Mapping[str, Any]) -> None:
    """Refuse a claim that names what isn't there.

    Raises:
        PydanticCustomError: with the claim, the name found, and those known.
    """
    if ids.count(claim.id) > 1:
        raise fault("repeated", f"claim '{claim.id}' stands {ids.count(claim.id)} times")
    for tier in claim.tiers:
        refer(f"claim '{claim.id}', tiers", tier, study.tiers)
    for comparison in (*claim.corrected, *claim.notebook):
        for path in (comparison.of, comparison.against):
            if path is not None:
                refuse_kind(claim, path, kind_of(claim, path, study), comparison)
    for path in (claim.reference.of, claim.reference.against) if claim.reference else ():
        found: Any = with_text_keys(reference)
        where = f"claim '{claim.id}', reference {path}"
        for key in path.split(".") if path else ():
            known = found if isinstance(found, dict) else {}
            refer(where, key, known | DERIVED)
            found = known.get(key)
        if path and isinstance(found, dict | list | str):
            raise fault("no_number", f"{where}: expected a number there, found {shown(found)}")


def kind_of(claim: Claim, path: str, study: Study) -> str:
    """The kind of value that a quantity is.

    Raises:
        PydanticCustomError: no result file holds such a value.
    """
    key = f"claim '{claim.id}', {path}"
    part, *keys = path.split(".")
    refer(key, part, dict.fromkeys(("sentiment", "lora", "timing")))
    found: Any = fields(part, study.lora.rows, timed_batch_sizes(study), timed_ranks(study))
    if part != "timing":
        name, *keys = keys
        refer(key, name, getattr(study, part).experiments)
    for name in keys:
        known = found if isinstance(found, Mapping) else {}
        if not known:
            raise fault("no_such_value", f"{key}: nothing lies below the {found} before '{name}'")
        refer(key, name, dict(known))
        found = known[name]
    if isinstance(found, Mapping):
        raise fault("no_value", f"{key}: expected one of its values: {', '.join(found)}")
    return found


def refuse_kind(claim: Claim, path: str, kind: str, comparison: Comparison) -> None:
    """Texts can only be compared for equality, and shares are made of counts."""
    if kind == TEXT and (comparison.by != "equal" or comparison.against is None):
        raise fault("text", f"claim '{claim.id}', {path}: a text; compare it with `by: equal`")
    if comparison.by == "share" and kind != COUNT:
        raise fault("share", f"claim '{claim.id}', {path}: `by: share` needs counts, not a {kind}")


def timed_batch_sizes(study: Study) -> list[int]:
    known = study.sentiment.experiments
    return sorted({known[name].batch_size for name in ("baseline", "high_learning_rate")})


def timed_ranks(study: Study) -> list[int]:
    return [study.lora.experiments[name].rank for name in ("r4", "r8", "r16")]
