"""What a study's own figures stand side by side: `report/comparisons.yaml`, checked at start-up.

The figures are drawn by the study's own Python, `report/findings/`.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from rejeu.errors import RejeuError
from rejeu.study.configuration import Study
from rejeu.study.names import (
    FileName,
    Name,
    Strict,
    describe_fault,
    distinct,
    fault,
    first_of,
    refer,
)
from rejeu.study.parts import Classifier, Command
from rejeu.study.strict_reading import read_yaml

FILE = "report/comparisons.yaml"
ENGINE_FIGURES = ("confusion_", "loss_")


class Compared(Strict):
    """Experiments that stand beside one another."""

    part: Name
    """whose experiments they are"""
    experiments: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)] | None = None
    """the first is what the others are compared with; null: all of the part that have no group"""


class StudyFigure(Strict):
    """A figure that the study's own Python draws."""

    compares: list[Name] = []
    """the comparisons that it reads"""
    files: list[FileName] = []
    """files of their runs that it reads, besides those that every report reads"""
    timing: list[Name] = []
    """the timings that it reads"""


class Comparisons(Strict):
    """What a study compares and draws by itself, where a tier has all that is needed."""

    comparisons: dict[Name, Compared] = {}
    """by name"""
    figures: dict[Name, StudyFigure] = {}
    """by the name that the study's `FIGURES` and templates give them"""

    def compared(self, study: Study, ran: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """The experiments of each comparison that can be made of those that were `ran`."""
        wanted = {
            name: each.experiments or ungrouped(study, each.part)
            for name, each in self.comparisons.items()
        }
        return {
            name: experiments
            for name, experiments in wanted.items()
            if experiments and set(experiments) <= set(ran.get(self.comparisons[name].part, ()))
        }

    def drawn(self, compared: Collection[str], timings: Collection[str]) -> list[str]:
        """The figures of these comparisons and timings."""
        return [
            name
            for name, figure in self.figures.items()
            if set(figure.compares) <= set(compared) and set(figure.timing) <= set(timings)
        ]


def ungrouped(study: Study, part: str) -> list[str]:
    """The experiments that the report shows in every tier: those of no group."""
    known = study.parts[part].experiments
    return [name for name, settings in known.items() if settings.group is None]


def further_files(study: Study, compared: Compared) -> list[str]:
    """The files that all runs of a comparison leave, and that not every report reads."""
    part = study.parts[compared.part]
    if isinstance(part, Command):
        return part.writes
    if isinstance(part, Classifier):
        return ["predictions.parquet"]
    answering = part.answering.experiments if part.answering else []
    experiments = compared.experiments or ungrouped(study, compared.part)
    return ["stops.json"] if set(experiments) <= set(answering) else []


def read(study: Study, folder: Path) -> Comparisons:
    """The study's comparisons; none where it has no such file.

    Raises:
        RejeuError: with the file, and for each fault the key and what was expected there.
    """
    path = folder / FILE
    return checked(read_yaml(path), study) if path.is_file() else Comparisons()


def checked(raw: Any, study: Study) -> Comparisons:
    """The comparisons of a file's data.

    Raises:
        RejeuError: as `read` does.
    """
    try:
        known = Comparisons.model_validate(raw)
        check(known, study)
    except ValidationError as error:
        lines = first_of([f"  {describe_fault(each)}" for each in error.errors()])
        raise RejeuError(f"{FILE} was refused, and nothing was run:\n{lines}") from None
    except ValueError as error:
        raise RejeuError(f"{FILE} was refused, and nothing was run:\n  {error}") from None
    return known


def check(known: Comparisons, study: Study) -> None:
    """Refuse what names parts, experiments, comparisons or timings that aren't there.

    Raises:
        PydanticCustomError: with the key, the name, and those known.
    """
    for name, compared in known.comparisons.items():
        refer(f"comparisons.{name}.part", compared.part, study.parts)
        for each in compared.experiments or ():
            experiments = study.parts[compared.part].experiments
            refer(f"comparisons.{name}.experiments", each, experiments)
    for name, figure in known.figures.items():
        if name == "claims" or name.startswith(ENGINE_FIGURES):
            raise fault("reserved", f"figures.{name}: so are Rejeu's own called; choose another")
        for each in figure.compares:
            refer(f"figures.{name}.compares", each, known.comparisons)
            files = dict.fromkeys(further_files(study, known.comparisons[each]))
            for file in figure.files:
                refer(f"figures.{name}.files, of {each}", file, files)
        for each in figure.timing:
            refer(f"figures.{name}.timing", each, study.timing)
