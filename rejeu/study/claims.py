"""What a claims file may say. Read by `rules/claims.smk` alone: the judge gets plain values.

A claim judges data: adding one is a few lines of YAML. Only a new kind of comparison needs code.
What the report says on its own account (`seen`, `added`) is judged by the same rule, and shares the
risk of false verdicts.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, StringConstraints, ValidationError, model_validator

from rejeu.errors import RejeuError
from rejeu.evaluation.fields import COUNT, TEXT, fields
from rejeu.evaluation.judge import Side
from rejeu.evaluation.quantities import DERIVED, with_text_keys
from rejeu.report.assignment import NAMED
from rejeu.study.configuration import Name, Strict, Study, Text, describe, fault, first_of, refer
from rejeu.study.strict_reading import shown

# A part, an experiment, a file and its keys: sentiment.baseline.metrics.accuracy
QuantityPath = Annotated[
    str, StringConstraints(pattern=r"^[a-z]+(\.([A-Za-z0-9_]+|\{experiment\})){2,}$")
]
Reference = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[A-Za-z0-9_]+)+$")]
Section = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Combination = Literal["difference", "ratio", "equal", "share"]
NO_EFFECT = {"difference": 0.0, "ratio": 1.0, "equal": 1.0, "share": 0.5}


class Comparison(Strict):
    """A value, or two of them combined, and the side of `around` on which the claim puts it."""

    of: QuantityPath
    against: QuantityPath | None = None
    by: Combination = "difference"
    test: Literal["mean", "most"] = "mean"
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
    def fits(self) -> "Comparison":
        if self.by == "share" and self.against is None:
            raise fault("share", "`by: share` needs `against`: the count of the other kind")
        if self.by == "equal" and self.test != "most":
            raise fault("equal", "`by: equal` needs `test: most`: seeds are counted, not averaged")
        return self


class Referred(Strict):
    """The document's own value, by its path in report/reference.yaml."""

    of: Reference
    against: Reference | None = None
    by: Combination = "difference"


class Claim(Strict):
    """One thing that the document asserts, and how it is measured in each arm.

    Without a comparison it is untested. `device`: what the runs must compute on, where the claim is
    about that. `needs`: a claim without which this one would compare with something that failed.
    """

    id: Name
    section: Section
    finding: Annotated[str, StringConstraints(pattern=r"^a\d+$")] | None = None
    statement: Text
    reference: Referred | None = None
    tiers: list[str] = Field(min_length=1)
    device: Literal["cpu", "cuda"] | None = None
    needs: Name | None = None
    corrected: list[Comparison] = Field(default_factory=list)
    notebook: list[Comparison] = Field(default_factory=list)


class Seen(Comparison):
    """What the report says on its own account: where a value lies, or a change."""

    side: Side = "within"
    needs: Name | None = None


class Added(Strict):
    """What is said of each experiment that has a section of its own; by `{experiment}` its name."""

    sentiment: dict[Name, Seen]
    lora: dict[Name, Seen]


class Claims(Strict):
    claims: list[Claim] = Field(min_length=1)
    seen: dict[Name, Seen] = Field(default_factory=dict)
    added: Added = Added(sentiment={}, lora={})

    def named(self) -> dict[str, dict[str, list[str]]]:
        """What templates may name: claims, those that are compared with their arms, and `seen`."""
        arms = {
            claim.id: [arm for arm in ("corrected", "notebook") if getattr(claim, arm)]
            for claim in self.claims
        }
        compared = {name: found for name, found in arms.items() if found}
        return {"claims": arms, "compared": compared, "seen": {name: [] for name in self.seen}}

    def judged(self) -> list[dict[str, Any]]:
        """All that is judged, as plain values: the claims, then what the report says of itself."""
        seen: list[dict[str, Any]] = [
            {
                **dict.fromkeys(("section", "finding", "reference", "device")),
                **{"id": name, "kind": "seen", "needs": seen.needs, "tiers": None},
                **{"corrected": [seen.model_dump(exclude={"needs"})], "notebook": []},
            }
            for name, seen in self.seen.items()
        ]
        claims = [
            {"kind": "claim", **claim.model_dump(exclude={"statement"})} for claim in self.claims
        ]
        return claims + seen


def load(raw: Any, file: str, study: Study, reference: Mapping[str, Any]) -> Claims:
    """Validate a claims file against the study whose results it judges.

    What is said of experiments with a section of their own joins `seen`, as `{experiment}_{name}`.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    try:
        given = Claims.model_validate(raw)
    except ValidationError as error:
        faults = first_of([f"  {describe(found)}" for found in error.errors()])
        raise RejeuError(f"{file} was refused, and nothing was run:\n{faults}") from None
    added = of_added(given.added, study)
    known = given.model_copy(update={"seen": given.seen | added})
    try:
        for name in added:
            if name in given.seen:
                raise fault(
                    "repeated", f"seen.{name}: so is called what `added` says; choose another"
                )
        for claim in known.claims:
            check(claim, [other.id for other in known.claims], study, reference)
        ids = dict.fromkeys(claim.id for claim in known.claims)
        for name, seen in known.seen.items():
            if name in ids:
                raise fault("repeated", f"seen.{name}: a claim has this id; choose another")
            check_comparison(f"seen.{name}", seen, study)
        for claim in known.claims:
            refuse_circle(claim, {other.id: other.needs for other in known.claims})
        for where, needed in [
            *((f"claim '{claim.id}'", claim.needs) for claim in known.claims),
            *((f"seen.{name}", seen.needs) for name, seen in known.seen.items()),
        ]:
            if needed is not None:
                refer(f"{where}, needs", needed, ids)
    except ValueError as error:
        raise RejeuError(f"{file} was refused, and nothing was run:\n  {error}") from None
    return known


def refuse_circle(claim: Claim, needs: Mapping[str, str | None]) -> None:
    """Refuse a claim that needs itself, at once or by way of others."""
    found: list[str] = [claim.id]
    while (needed := needs.get(found[-1])) is not None:
        found.append(needed)
        if needed == claim.id or len(found) > len(needs) + 1:
            raise fault("circle", f"claim '{claim.id}' needs itself: {' -> '.join(found)}")


def of_added(added: Added, study: Study) -> dict[str, Seen]:
    """What is said of each experiment that neither the document nor a finding names."""
    return {
        f"{experiment}_{name}": seen.model_copy(
            update={
                key: path.replace("{experiment}", experiment)
                for key in ("of", "against")
                if (path := getattr(seen, key)) is not None
            }
        )
        for part in ("sentiment", "lora")
        for experiment, settings in getattr(study, part).experiments.items()
        if experiment not in NAMED and settings.finding is None
        for name, seen in getattr(added, part).items()
    }


def check(claim: Claim, ids: list[str], study: Study, reference: Mapping[str, Any]) -> None:
    """Refuse a claim that names what isn't there.

    Raises:
        PydanticCustomError: with the claim, the name found, and those known.
    """
    if ids.count(claim.id) > 1:
        raise fault("repeated", f"claim '{claim.id}' stands {ids.count(claim.id)} times")
    if claim.notebook and not claim.corrected:
        raise fault("arms", f"claim '{claim.id}': a notebook arm needs a corrected one beside it")
    for tier in claim.tiers:
        refer(f"claim '{claim.id}', tiers", tier, study.tiers)
    for comparison in (*claim.corrected, *claim.notebook):
        check_comparison(f"claim '{claim.id}'", comparison, study)
    for path in (claim.reference.of, claim.reference.against) if claim.reference else ():
        found: Any = with_text_keys(reference)
        where = f"claim '{claim.id}', reference {path}"
        for key in path.split(".") if path else ():
            known = found if isinstance(found, dict) else {}
            refer(where, key, known | DERIVED)
            found = known.get(key)
        if path and isinstance(found, dict | list | str):
            raise fault("no_number", f"{where}: expected a number there, found {shown(found)}")


def check_comparison(where: str, comparison: Comparison, study: Study) -> None:
    for path in (comparison.of, comparison.against):
        if path is not None:
            key = f"{where}, {path}"
            refuse_kind(key, kind_of(key, path, study), comparison)


def kind_of(key: str, path: str, study: Study) -> str:
    """The kind of value that a quantity is.

    Raises:
        PydanticCustomError: no result file holds such a value.
    """
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


def refuse_kind(key: str, kind: str, comparison: Comparison) -> None:
    """Texts can only be compared for equality, and shares are made of counts."""
    if kind == TEXT and (comparison.by != "equal" or comparison.against is None):
        raise fault("text", f"{key}: a text; compare it with `by: equal`")
    if comparison.by == "share" and kind != COUNT:
        raise fault("share", f"{key}: `by: share` needs counts, not a {kind}")


def timed_batch_sizes(study: Study) -> list[int]:
    known = study.sentiment.experiments
    return sorted({known[name].batch_size for name in ("baseline", "high_learning_rate")})


def timed_ranks(study: Study) -> list[int]:
    return [study.lora.experiments[name].rank for name in ("r4", "r8", "r16")]
