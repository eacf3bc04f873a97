"""What a claims file may say. Read by `rejeu/graph/load.py` alone: the judge gets plain values.

A claim judges data: adding one is a few lines of YAML. Only a new kind of comparison needs code.
What the report says on its own account (`seen`, `added`) is judged by the same rule, and shares the
risk of false verdicts.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeFloat, StringConstraints, ValidationError, model_validator

from rejeu.errors import RejeuError
from rejeu.evaluation import fields
from rejeu.evaluation.fields import DERIVED, Side, with_text_keys
from rejeu.study.configuration import Study
from rejeu.study.looks import Seeds
from rejeu.study.names import (
    Name,
    Strict,
    Text,
    describe_fault,
    fault,
    first_of,
    refer,
    refuse_other_languages,
)
from rejeu.study.parts import ClassifierData, Command, Lora
from rejeu.study.strict_reading import shown

# A part, an experiment, a file and its keys: PART.EXPERIMENT.metrics.accuracy
QuantityPath = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.([A-Za-z0-9_]+|\{experiment\})){2,}$")
]
Reference = Annotated[str, StringConstraints(pattern=r"^[a-z]+(\.[A-Za-z0-9_]+)+$")]
Section = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Finding = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
ARMS = ("corrected", "notebook")
Combination = Literal["difference", "ratio", "equal", "share"]
NO_EFFECT = {"difference": 0.0, "ratio": 1.0, "equal": 1.0, "share": 0.5}


class Comparison(Strict):
    """A value, or two of them combined, and the side of `around` on which the claim puts it."""

    of: QuantityPath
    """the quantity: part.experiment.file.keys, one value per seed; or timing.name.keys"""
    against: QuantityPath | None = None
    """the quantity that it is compared with, seed by seed"""
    by: Combination = "difference"
    """how the two are combined; share: `of` among both; equal: whether they are the same"""
    test: Literal["mean", "most"] = "mean"
    """mean: over seeds; most: in more than half of all fresh runs, counted by seeds"""
    side: Side
    """above or below `around` by more than `margin`, within it, or not_below it by as much"""
    around: float
    """the value of no effect, unless said: 0, a ratio's 1, a share's 0.5"""
    margin: NonNegativeFloat
    """the smallest effect that matters, in the quantity's unit"""

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
        """Refuse a share without the count beside it, and a mean over whether values are equal."""
        if self.by == "share" and self.against is None:
            raise fault("share", "`by: share` needs `against`: the count of the other kind")
        if self.by == "equal" and self.test != "most":
            raise fault("equal", "`by: equal` needs `test: most`: seeds are counted, not averaged")
        return self


class Referred(Strict):
    """The original's own value, by its path in the reference file."""

    of: Reference
    """path of the value"""
    against: Reference | None = None
    """path of the value that it is compared with"""
    by: Combination = "difference"
    """how the two are combined"""


class Claim(Strict):
    """One thing that the original asserts, and how it is measured in each arm.

    Without a comparison it is untested.
    """

    id: Name
    """its name"""
    section: Section | None = None
    """where the report shows its verdict; an added experiment's name with dashes will do"""
    finding: Finding | None = None
    """a further place where the report shows it"""
    statement: Text
    """what is asserted"""
    reference: Referred | list[Referred] | None = None
    """what the original printed: of the first comparison, or a list, of each corrected one"""
    tiers: Annotated[list[str], Field(min_length=1)] | None = None
    """those that may judge it; null: all"""
    device: Literal["cpu", "cuda"] | None = None
    """what runs must compute on, where it is about that"""
    needs: Name | None = None
    """a claim that must hold, or this one would compare with something that failed"""
    corrected: list[Comparison] = Field(default_factory=list)
    """the arm that decides: all of these must hold"""
    notebook: list[Comparison] = Field(default_factory=list)
    """the same with the original's fault"""


class Seen(Comparison):
    """What the report says on its own account: where a value lies, or a change."""

    side: Side = "within"
    """as of a claim; the report says where the value lies in any case"""
    needs: Name | None = None
    """a claim that must hold"""


class Claims(Strict):
    """What a study's claims file holds."""

    claims: list[Claim] = Field(min_length=1)
    """what the original asserts"""
    seen: dict[Name, Seen] = Field(default_factory=dict)
    """what the report says on its own account"""
    added: dict[Name, dict[Name, Seen]] = Field(default_factory=dict)
    """by part, what is said of each experiment that is added; by `{experiment}` its name"""

    def named(self) -> dict[str, dict[str, list[str]]]:
        """What templates may name: claims, those that are compared with their arms, and `seen`."""
        arms = {claim.id: [arm for arm in ARMS if getattr(claim, arm)] for claim in self.claims}
        compared = {name: known for name, known in arms.items() if known}
        return {"claims": arms, "compared": compared, "seen": {name: [] for name in self.seen}}

    def judged(self, study: Study) -> list[dict[str, Any]]:
        """All that is judged, as plain values: the claims, then what the report says of itself."""

        def plain(
            compared: list[Comparison], tiers: Collection[str] | None = None
        ) -> list[dict[str, Any]]:
            return [
                each.model_dump(exclude={"needs"}) | {"unit": unit_of(each, tiers, study)}
                for each in compared
            ]

        seen: list[dict[str, Any]] = [
            {
                **dict.fromkeys(("section", "finding", "reference", "device")),
                **{"id": name, "kind": "seen", "needs": each.needs, "tiers": None},
                **{"corrected": plain([each]), "notebook": []},
            }
            for name, each in self.seen.items()
        ]
        claims = [
            {"kind": "claim", **claim.model_dump(exclude={"statement", *ARMS})}
            | {arm: plain(getattr(claim, arm), claim.tiers) for arm in ARMS}
            for claim in self.claims
        ]
        return claims + seen


def parse(raw: Any, file: str) -> Claims:
    """A claims file's content, each claim on its own being well formed.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    try:
        return Claims.model_validate(raw)
    except ValidationError as error:
        faults = first_of([f"  {describe_fault(each)}" for each in error.errors()])
        raise RejeuError(f"{file} was refused, and nothing was run:\n{faults}") from None


def load(
    raw: Any,
    file: str,
    study: Study,
    reference: Mapping[str, Any],
    named: Mapping[str, Collection[str]],
    seeds: Mapping[str, Seeds],
    sections: Collection[str] | None = None,
) -> Claims:
    """Validate a claims file against the study whose results it judges.

    What is said of experiments with a section of their own joins `seen`, as `{experiment}_{name}`.

    Args:
        reference: the original's values.
        named: by part, the experiments that the study's templates name.
        seeds: by tier, each experiment's.
        sections: where the templates show verdicts; None: anywhere.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    written = parse(raw, file)
    try:
        for part in written.added:
            refer("added", part, study.parts)
        added = of_added(written.added, study, named)
        for name in added:
            if name in written.seen:
                raise fault(
                    "repeated", f"seen.{name}: so is called what `added` says; choose another"
                )
        known = written.model_copy(update={"seen": written.seen | added})
        check(known, study, reference, seeds, sections)
    except ValueError as error:
        raise RejeuError(f"{file} was refused, and nothing was run:\n  {error}") from None
    return known


def check(
    known: Claims,
    study: Study,
    reference: Mapping[str, Any],
    seeds: Mapping[str, Seeds],
    sections: Collection[str] | None,
) -> None:
    """Refuse claims that name what isn't there, or compare what can't be compared.

    Raises:
        PydanticCustomError: with the claim, the name found, and those known.
    """
    ids = [claim.id for claim in known.claims]
    for claim in known.claims:
        where = f"claim '{claim.id}'"
        if ids.count(claim.id) > 1:
            raise fault("repeated", f"{where} stands {ids.count(claim.id)} times")
        if claim.notebook and not claim.corrected:
            raise fault("arms", f"{where}: a notebook arm needs a corrected one beside it")
        refuse_other_languages(f"{where}, statement", claim.statement, study.languages)
        for tier in claim.tiers or ():
            refer(f"{where}, tiers", tier, study.tiers)
        for key in ("section", "finding"):
            place = getattr(claim, key)
            if place is not None and sections is not None:
                refer(f"{where}, {key}", place, dict.fromkeys(sections))
        for comparison in (*claim.corrected, *claim.notebook):
            check_comparison(where, comparison, study, claim.tiers, seeds)
        check_reference(where, claim, reference)
    for name, each in known.seen.items():
        if name in ids:
            raise fault("repeated", f"seen.{name}: a claim has this id; choose another")
        check_comparison(f"seen.{name}", each, study, None, seeds)
    for claim in known.claims:
        refuse_circle(claim, {other.id: other.needs for other in known.claims})
    for where, needed in [
        *((f"claim '{claim.id}'", claim.needs) for claim in known.claims),
        *((f"seen.{name}", each.needs) for name, each in known.seen.items()),
    ]:
        if needed is not None:
            refer(f"{where}, needs", needed, dict.fromkeys(ids))


def refuse_circle(claim: Claim, needs: Mapping[str, str | None]) -> None:
    """Refuse a claim that needs itself, at once or by way of others."""
    passed: list[str] = [claim.id]
    while (needed := needs.get(passed[-1])) is not None:
        passed.append(needed)
        if needed == claim.id or len(passed) > len(needs) + 1:
            raise fault("circle", f"claim '{claim.id}' needs itself: {' -> '.join(passed)}")


def of_added(
    added: Mapping[str, Mapping[str, Seen]], study: Study, named: Mapping[str, Collection[str]]
) -> dict[str, Seen]:
    """What is said of each experiment that no template names and that no group has."""
    return {
        f"{experiment}_{name}": seen.model_copy(
            update={
                key: path.replace("{experiment}", experiment)
                for key in ("of", "against")
                if (path := getattr(seen, key)) is not None
            }
        )
        for part, known in added.items()
        for experiment, settings in study.parts[part].experiments.items()
        if experiment not in named.get(part, ()) and settings.group is None
        for name, seen in known.items()
    }


def check_reference(where: str, claim: Claim, reference: Mapping[str, Any]) -> None:
    """Refuse a path that leads to no number of the reference file."""
    printed = claim.reference or []
    if isinstance(printed, Referred):
        printed = [printed]
    elif printed and len(printed) != len(claim.corrected):
        raise fault(
            "reference",
            f"{where}, reference: a list of {len(printed)}; expected one value for each of the "
            f"{len(claim.corrected)} corrected comparisons",
        )
    for path in [path for each in printed for path in (each.of, each.against)]:
        value: Any = with_text_keys(reference)
        at = f"{where}, reference {path}"
        for key in path.split(".") if path else ():
            known = value if isinstance(value, dict) else {}
            computed = [name for name, needed in DERIVED.items() if needed <= known.keys()]
            refer(at, key, known | dict.fromkeys(computed))
            value = known.get(key)
        if path and isinstance(value, dict | list | str):
            raise fault("no_number", f"{at}: expected a number there, found {shown(value)}")


def check_comparison(
    where: str,
    comparison: Comparison,
    study: Study,
    tiers: Collection[str] | None,
    seeds: Mapping[str, Seeds],
) -> None:
    """Refuse values that no result file holds, and pairs that share no seed.

    Args:
        tiers: those that judge it; None: all.
    """
    paths = [path for path in (comparison.of, comparison.against) if path is not None]
    for tier in tiers or study.tiers:
        for path in paths:
            key = f"{where}, {path}"
            refuse_unit(key, unit_at(key, path, study, tier), comparison)
        drawn = [seeds_of(path, seeds[tier]) for path in paths]
        if len(drawn) == 2 and None not in drawn and not set(drawn[0] or ()) & set(drawn[1] or ()):
            raise fault(
                "seeds",
                f"{where}: {comparison.of} has the seeds {drawn[0]} in the {tier} tier and "
                f"{comparison.against} {drawn[1]}; expected some that both have, since values are "
                "compared seed by seed",
            )


def seeds_of(path: str, seeds: Seeds) -> list[int] | None:
    """The seeds that a quantity has in a tier; None: none are drawn for it there."""
    part, name, *_ = path.split(".")
    return seeds.get(part, {}).get(name)


def unit_of(comparison: Comparison, tiers: Collection[str] | None, study: Study) -> str:
    """The kind of value that a checked comparison's quantity is in the tiers that judge it."""
    return unit_at("", comparison.of, study, next(iter(tiers or study.tiers)))


def unit_at(key: str, path: str, study: Study, tier: str) -> str:
    """The kind of value that a quantity is, as a tier's result files hold it.

    Raises:
        PydanticCustomError: no result file holds such a value.
    """
    part, name, *keys = path.split(".")
    refer(key, part, dict.fromkeys((*study.parts, *(["timing"] if study.timing else []))))
    if part == "timing":
        refer(key, name, study.timing)
        timing = study.timing[name]
        value: Any = fields.of_timing(study.parts[timing.part].kind, timed(study, name))
    else:
        refer(key, name, study.parts[part].experiments)
        value = result_fields(study, part, name, tier)
    for each in keys:
        known = value if isinstance(value, Mapping) else {}
        if not known:
            raise fault("no_such_value", f"{key}: nothing lies below the {value} before '{each}'")
        refer(key, each, dict(known))
        value = known[each]
    if isinstance(value, Mapping):
        raise fault("no_value", f"{key}: expected one of its values: {', '.join(value)}")
    return value


def result_fields(study: Study, part: str, name: str, tier: str) -> Mapping[str, Any]:
    """Nested keys of an experiment's result files.

    They are those of any tier where this one doesn't run the part.
    """
    settings = study.parts[part]
    if isinstance(settings, Lora):
        return fields.of_lora(
            settings.rows,
            placebo=settings.placebo is not None,
            added_row=settings.experiments[name].add_row is not None,
            answering=settings.answering is not None and name in settings.answering.experiments,
        )
    if isinstance(settings, Command):
        return fields.of_command(settings.metrics, settings.writes)
    known = [
        each.parts[part]
        for each in (study.tiers[tier], *study.tiers.values())
        if part in each.parts
    ]
    data = known[0] if known else None
    return fields.of_classifier(data.classes if isinstance(data, ClassifierData) else ["0", "1"])


def refuse_unit(key: str, unit: str, comparison: Comparison) -> None:
    """Texts can only be compared for equality, and shares are made of counts."""
    if unit == fields.TEXT and (comparison.by != "equal" or comparison.against is None):
        raise fault("text", f"{key}: a text; compare it with `by: equal`")
    if comparison.by == "share" and unit != fields.COUNT:
        raise fault("share", f"{key}: `by: share` needs counts, not a {unit}")


def timed(study: Study, name: str) -> list[int]:
    """What a timing varies, rising: a classifier's batch sizes, or the ranks of LoRA."""
    timing = study.timing[name]
    part = study.parts[timing.part]
    setting = "batch_size" if part.kind == "classifier" else "rank"
    return sorted({getattr(part.experiments[each], setting) for each in timing.experiments})
