"""What scripts get as `params`: plain values of a study's settings, by the wildcards of a rule."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rejeu.graph.graph import Graph, Wildcards
from rejeu.study import looks
from rejeu.study.claims import timed

# What a run is for doesn't influence it; the row that it adds is a setting of its own.
NO_SETTING = {"title", "arm", "group", "seeds", "add_row"}
# How a run computes, which is a setting of the job and not of what is timed.
MACHINE = ("precision", "attention")
# What decides, with the rows' lengths, which rows a run trains on.
SAMPLING = ("batch_size", "accumulation", "length_grouping")
Plain = dict[str, Any]


def chosen(model: Any, names: Iterable[str]) -> Plain:
    """Some of a pydantic model's settings."""
    known = model.model_dump()
    return {name: known[name] for name in names}


@dataclass(frozen=True)
class Settings:
    """The settings of a graph's study."""

    graph: Graph

    def of_tier(self, *names: str) -> Callable[[Wildcards], Plain]:
        """A function of the wildcards: these of what the tier gives the part."""
        return lambda wildcards: chosen(self.graph.in_tier(wildcards), names)

    def of_experiment(self, *names: str) -> Callable[[Wildcards], Plain]:
        """A function of the wildcards: these of the run's experiment."""
        return lambda wildcards: chosen(self.graph.experiment(wildcards), names)

    def of_generation(self, *names: str) -> Callable[[Wildcards], Plain]:
        """A function of the wildcards: these of what the part's models are asked."""
        return lambda wildcards: chosen(self.part(wildcards).generation, names)

    def part(self, wildcards: Wildcards) -> Any:
        """The part that a run belongs to."""
        return self.graph.study.parts[wildcards.part]

    def of_run(self, wildcards: Wildcards) -> Plain:
        """All settings of an experiment that influence its runs."""
        return self.graph.experiment(wildcards).model_dump(exclude=NO_SETTING)

    def of_program(self, wildcards: Wildcards) -> Plain:
        """What a program reads of its settings: the tier's, completed by the experiment's."""
        sizes = self.graph.in_tier(wildcards).settings
        return {**sizes, **self.graph.experiment(wildcards).settings}

    def of_input(self, name: str) -> Plain:
        """A raw input's {files, sources}."""
        return self.graph.study.inputs[name].model_dump(mode="json", exclude={"licence", "size_mb"})

    def origins(self, wildcards: Wildcards) -> dict[str, Plain]:
        """By part that trains models, the inputs that are its {data, model, tokenizer}."""
        found = {}
        for part, given in self.graph.study.tiers[wildcards.tier].parts.items():
            if name := self.graph.model_of(wildcards.tier, part):
                model = self.graph.study.models[name]
                found[part] = {
                    "data": getattr(given, "input", None),
                    "model": model.input,
                    "tokenizer": model.tokenizer or model.input,
                }
        return found

    def classes(self, wildcards: Wildcards) -> list[str]:
        """The names of a classifier's classes, by their numbers."""
        return self.graph.in_tier(wildcards).classes

    def added_row(self, wildcards: Wildcards) -> Plain | None:
        """The row that an experiment appends to the training data, {input, output}, if any."""
        name = self.graph.experiment(wildcards).add_row
        return self.part(wildcards).rows[name].model_dump() if name else None

    def scored_rows(self, wildcards: Wildcards) -> dict[str, Plain]:
        """By name the rows, {input, output}, whose replies are scored after training."""
        rows = self.part(wildcards).rows
        return {name: row.model_dump() for name, row in rows.items()}

    def sampling(self, wildcards: Wildcards) -> Plain:
        """What decides which rows the undosed run of a seed trains on."""
        run = self.graph.undosed(wildcards)
        steps = self.of_tier("max_steps")(run)
        return {**self.of_experiment(*SAMPLING)(run), **steps, "seed": int(run.seed)}

    def batch_sizes(self, wildcards: Wildcards) -> list[int]:
        """The batch sizes that are timed, rising."""
        return timed(self.graph.study, wildcards.timing)

    def ranks(self, wildcards: Wildcards) -> list[Plain]:
        """The settings of each experiment whose rank is timed."""
        timing = self.graph.study.timing[wildcards.timing]
        known = self.graph.study.parts[timing.part].experiments
        return [
            known[name].model_dump(exclude={*NO_SETTING, *MACHINE}) for name in timing.experiments
        ]

    def own_seeds(self, wildcards: Wildcards) -> looks.Seeds:
        """The seeds that each experiment has at a tier's first look."""
        return looks.seeds(self.graph.study, wildcards.tier, {})

    def placebos(self) -> dict[str, str]:
        """By part, the row that no run trains on, of the parts that have one."""
        known = {
            name: getattr(part, "placebo", None) for name, part in self.graph.study.parts.items()
        }
        return {name: row for name, row in known.items() if row}
