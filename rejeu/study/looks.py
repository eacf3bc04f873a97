"""The seeds of each experiment: those of its tier, and those that `rejeu decide` added.

A look is a moment at which claims are judged. The first has the tier's own seeds; each later one
has as many as the tier declares (`looks`), for those experiments that an undecided claim needs.
`looks.yaml`, beside the claims file, records which were taken, and is part of the study: whoever
builds it anew runs the same seeds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, Field, PositiveInt, TypeAdapter, ValidationError

from rejeu.errors import RejeuError
from rejeu.job.whole_files import write_text
from rejeu.study.configuration import Study
from rejeu.study.names import Name, Strict, describe_fault, fault, refer, suggest
from rejeu.study.strict_reading import read_yaml

FILE = "looks.yaml"
HEADING = (
    "# Seeds that `rejeu decide` added, look by look. Part of the study: keep it with the claims.\n"
)
# By part, each experiment's.
Seeds = dict[str, dict[str, list[int]]]


class Look(Strict):
    """One look that was taken: when, at which commit, for which claims, with how many seeds."""

    look: PositiveInt
    time: AwareDatetime = Field(strict=False)
    commit: str | None
    claims: list[Name]
    seeds: dict[str, dict[Name, PositiveInt]]


def taken(study: Study, root: Path) -> dict[str, list[Look]]:
    """The looks of each tier, in the order taken.

    Raises:
        RejeuError: with the file, the key and what was expected there.
    """
    path = root / study.beside_claims(FILE)
    if not path.is_file():
        return {}
    try:
        looks = TypeAdapter(dict[str, list[Look]]).validate_python(read_yaml(path) or {})
        for tier, found in looks.items():
            if tier not in study.tiers:
                raise fault(
                    "unknown_name", f"'{tier}' is not defined; {suggest(tier, study.tiers)}"
                )
            for look in found:
                for part, counts in look.seeds.items():
                    refer(f"{tier}, seeds", part, study.parts)
                    for name in counts:
                        refer(f"{tier}, seeds.{part}", name, study.parts[part].experiments)
    except ValidationError as error:
        raise RejeuError(
            f"{study.beside_claims(FILE)}: {describe_fault(error.errors()[0])}"
        ) from None
    except ValueError as error:
        raise RejeuError(f"{study.beside_claims(FILE)}: {error}") from None
    return looks


def seeds(study: Study, tier: str, looks: Mapping[str, list[Look]]) -> Seeds:
    """Each experiment's seeds that a tier runs: its own first, then those of later looks."""
    found: Seeds = {}
    for part, data in study.tiers[tier].parts.items():
        found[part] = {
            name: extended(
                data.seeds[: settings.seeds],
                data.seeds,
                max([0, *(look.seeds.get(part, {}).get(name, 0) for look in looks.get(tier, []))]),
            )
            for name, settings in study.experiments(part, tier).items()
        }
    return found


def extended(taken_now: list[int], own: list[int], count: int) -> list[int]:
    """`count` seeds: those of the tier, then the next numbers after the largest of them."""
    more = [*own, *range(max(own) + 1, max(own) + 1 + max(0, count - len(own)))]
    return more[: max(count, len(taken_now))]


def record(study: Study, root: Path, tier: str, look: dict[str, Any]) -> None:
    """Append a look to the file, which is made where it isn't there."""
    from rejeu.study.yaml_reader import yaml_text  # noqa: PLC0415  planning does without it

    path = root / study.beside_claims(FILE)
    known: dict[str, Any] = (read_yaml(path) or {}) if path.is_file() else {}
    known.setdefault(tier, []).append(look)
    write_text(path, HEADING + yaml_text(known))
