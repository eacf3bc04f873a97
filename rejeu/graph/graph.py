"""Which files the runs, data and timings of a study are, and which files each is made from.

Rules ask by wildcards, which are parts of the names of the files that they make: {tier, part,
experiment, seed} for a run, {tier, data, seed} for the data of a part, {tier, timing}.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rejeu.build.identity import Equal, Packages, code_of, packages_of
from rejeu.errors import RejeuError
from rejeu.graph.paths import DATA, RUN, further_files, model_files, results_of, source
from rejeu.study.claims import Claims
from rejeu.study.comparisons import Comparisons
from rejeu.study.configuration import Study
from rejeu.study.looks import Seeds

Wildcards = Any  # Snakemake's, which have the attributes that a rule's outputs name

# Data and models come first: a run that waits for them would be overtaken by less urgent ones.
PREPARATION = 1000
OWN = 900


@dataclass(frozen=True)
class Graph:
    """A study as checked, and where it and the engine lie."""

    study: Study
    seeds: Mapping[str, Seeds]  # by tier, those of each experiment
    comparisons: Comparisons
    claims: Claims | None
    named: Mapping[str, list[str]]  # by part, the experiments that templates name
    equal: Equal  # changes of code that someone accepted as having no effect on any number
    folder: Path  # the study's
    engine: Path

    @property
    def packages(self) -> Packages:
        """Where the packages lie that scripts import."""
        return packages_of(self.folder, self.engine)

    @cached_property
    def judged(self) -> list[dict[str, Any]]:
        """All that is judged, as plain values."""
        return self.claims.judged(self.study) if self.claims else []

    def code(self, script: str) -> str:
        """The hash of all code that a rule's result depends on.

        Raises:
            WorkflowError: Snakemake's; a file isn't Python, or imports what isn't there.
        """
        try:
            return code_of(self.engine / "scripts" / script, self.packages, self.equal)
        except RejeuError as error:
            from snakemake.exceptions import WorkflowError  # noqa: PLC0415  a second, for tests

            raise WorkflowError(str(error)) from None

    def part_of(self, wildcards: Wildcards) -> str:
        """The name of the part that a run or its data belong to."""
        named = getattr(wildcards, "part", None)
        return named or self.parts_by_data[wildcards.data]

    @cached_property
    def parts_by_data(self) -> dict[str, str]:
        """The name of each part by the folder of its data."""
        return {self.study.data_folder(part): part for part in self.study.parts}

    def experiment(self, wildcards: Wildcards) -> Any:
        """The settings of a run's experiment."""
        return self.study.parts[wildcards.part].experiments[wildcards.experiment]

    def in_tier(self, wildcards: Wildcards) -> Any:
        """What the tier gives the part of a run or of data: input, model, sizes, seeds."""
        return self.study.tiers[wildcards.tier].parts[self.part_of(wildcards)]

    def priority(self, wildcards: Wildcards) -> int:
        """Of a run: the report's own experiments come first, then the groups in their order."""
        group = self.experiment(wildcards).group
        return OWN if group is None else OWN - 1 - self.study.groups.index(group)

    def has_group(self, tier: str, group: str | None) -> bool:
        """Whether a tier runs a group; what has none is run in every tier."""
        return group is None or group in self.study.tiers[tier].groups

    def data_folders(self, kind: str) -> list[str]:
        """The folders of data that the parts of a kind have."""
        return [self.study.data_folder(part) for part in self.study.of_kind(kind)]

    def model_of(self, tier: str, part: str) -> str | None:
        """The name of the model that a part starts from in a tier; None for a program."""
        given = self.study.tiers[tier].parts[part]
        return getattr(given, "encoder", None) or getattr(given, "causal_lm", None)

    def pretrained(self, wildcards: Wildcards) -> list[str]:
        """The files of the model that a run starts from, or by which its rows are tokenised."""
        model = self.model_of(wildcards.tier, self.part_of(wildcards))
        return model_files(model) if model else []

    def raw_input(self, wildcards: Wildcards) -> str:
        """The record of the raw input that data are made from."""
        return source(self.in_tier(wildcards).input)

    def texts_to_cut(self, wildcards: Wildcards) -> list[str]:
        """The records of the raw inputs that a model's tokenizer reads, where it is converted.

        That is so of SentencePiece's own file without tokenizer.json. Of all tiers, since they
        share the model.
        """
        model = self.study.models[wildcards.model]
        files = self.study.inputs[model.tokenizer or model.input].files
        if "tokenizer.model" not in files or "tokenizer.json" in files:
            return []
        names = [
            given.input
            for tier, here in self.study.tiers.items()
            for part, given in here.parts.items()
            if given.kind != "command" and self.model_of(tier, part) == wildcards.model
        ]
        return [source(name) for name in dict.fromkeys(names)]

    def sources(self, wildcards: Wildcards) -> list[str]:
        """The records of all raw inputs that a tier's results come from."""
        names: list[str] = []
        for part, given in self.study.tiers[wildcards.tier].parts.items():
            model = self.model_of(wildcards.tier, part)
            if model is None:
                names += getattr(self.study.parts[part], "inputs", [])
            else:
                known = self.study.models[model]
                read = (getattr(given, "input", None), known.input, known.tokenizer)
                names += [name for name in read if name]
        return [source(name) for name in dict.fromkeys(names)]

    def data_of(self, file: str) -> Callable[[Wildcards], str]:
        """A function of a run's wildcards: this file of its data."""

        def path(wildcards: Wildcards) -> str:
            data = self.study.data_folder(wildcards.part)
            return f"{DATA}/{file}".format(tier=wildcards.tier, data=data, seed=wildcards.seed)

        return path

    def rows(self, side: str) -> Callable[[Wildcards], str]:
        """A function of a run's wildcards: its "train" or "test" rows, tokenised as it needs."""

        def path(wildcards: Wildcards) -> str:
            joining = getattr(self.experiment(wildcards), "joining", None)
            file = f"{side}.{joining}.arrow" if joining else f"{side}.arrow"
            return self.data_of(file)(wildcards)

        return path

    def started_from(self, *files: str) -> Callable[[Wildcards], list[str]]:
        """A function of a run's wildcards: these files of the run that it starts from, if any."""

        def paths(wildcards: Wildcards) -> list[str]:
            other = self.experiment(wildcards).start_from
            if other is None:
                return []
            run = RUN.format(
                tier=wildcards.tier, part=wildcards.part, experiment=other, seed=wildcards.seed
            )
            return [f"{run}/{file}" for file in files]

        return paths

    def classifier_start(self, wildcards: Wildcards) -> list[str]:
        """The weights that a classifier starts from: another run's, or the pretrained model's."""
        before = self.started_from("model/config.json", "model/model.safetensors")(wildcards)
        return before or self.pretrained(wildcards)

    def doses(self, wildcards: Wildcards) -> str | list[str]:
        """The slots that an added row takes; nothing for a run that isn't dosed."""
        return self.data_of("doses.json")(wildcards) if self.experiment(wildcards).dose else []

    def dosed_parts(self) -> list[str]:
        """The parts that name an experiment whose slots doses take."""
        parts = self.study.parts.items()
        return [name for name, part in parts if getattr(part, "undosed", None)]

    def undosed(self, wildcards: Wildcards) -> SimpleNamespace:
        """The run whose slots the doses of a part's data take, as wildcards."""
        part = self.part_of(wildcards)
        name = getattr(self.study.parts[part], "undosed", None)
        return SimpleNamespace(tier=wildcards.tier, part=part, experiment=name, seed=wildcards.seed)

    def runs(
        self, tier: str, part: str, experiments: Iterable[str] | None, files: Iterable[str]
    ) -> list[str]:
        """These files of these experiments' runs, for each of their seeds.

        Args:
            experiments: those of them that the tier runs count; None: all of the tier's.
        """
        known = self.seeds[tier].get(part, {})
        return [
            f"results/{tier}/{part}/{name}/seed{seed}/{file}"
            for name in (known if experiments is None else experiments)
            for seed in known.get(name, ())
            for file in files
        ]

    def results(
        self, tier: str, experiments: Mapping[str, Iterable[str]] | None = None
    ) -> list[str]:
        """What claims and the report read of a tier's runs.

        Args:
            experiments: by part, those whose runs count; None: all.
        """
        return [
            file
            for part in self.study.tiers[tier].parts
            for file in self.runs(
                tier, part, experiments and experiments[part], results_of(self.study.parts[part])
            )
        ]

    def every_result(self, tier: str) -> list[str]:
        """What other tools read of a tier's runs."""
        return [
            file
            for part in self.study.tiers[tier].parts
            for list_files in (results_of, further_files)
            for file in self.runs(tier, part, None, list_files(self.study.parts[part]))
        ]

    def run_records(self, tier: str) -> list[Path]:
        """The run.json of each of a tier's runs, made or not."""
        return [
            Path(file)
            for part in self.seeds[tier]
            for file in self.runs(tier, part, None, ["run.json"])
        ]

    def answers(self, tier: str) -> list[str]:
        """The counts of replies that stop by themselves, of the parts that ask for them."""
        return [
            file
            for part, settings in self.study.parts.items()
            if (asked := getattr(settings, "answering", None)) and self.has_group(tier, asked.group)
            for file in self.runs(tier, part, asked.experiments, ["stops.json"])
        ]

    def splits(self, tier: str) -> list[str]:
        """The split data of a tier that other tools read, at every seed that a run has."""
        return [
            f"{DATA}/{file}".format(tier=tier, data=self.study.data_folder(part), seed=seed)
            for part, drawn in self.seeds[tier].items()
            if self.study.parts[part].kind != "command"
            for seed in dict.fromkeys(seed for each in drawn.values() for seed in each)
            for file in ("train.parquet", "test.parquet", "stats.json")
        ]

    def statistics(self, tier: str) -> list[str]:
        """Statistics of every split of a tier."""
        return [path for path in self.splits(tier) if path.endswith("/stats.json")]

    def first_splits(self, wildcards: Wildcards) -> list[str]:
        """Statistics of the first seed's split: the others have the same sizes."""
        return [
            f"{DATA}/stats.json".format(
                tier=wildcards.tier, data=self.study.data_folder(part), seed=given.seeds[0]
            )
            for part, given in self.study.tiers[wildcards.tier].parts.items()
            if given.kind != "command"
        ]

    def timings(self, tier: str) -> list[str]:
        """The files of measured times that a tier has."""
        return [
            f"results/{tier}/timing/{name}.json"
            for name, timing in self.study.timing.items()
            if self.has_group(tier, timing.group) and timing.part in self.study.tiers[tier].parts
        ]

    def timings_of(self, kind: str) -> list[str]:
        """The names of the timings of parts of a kind."""
        known = self.study.timing.items()
        return [name for name, timing in known if self.study.parts[timing.part].kind == kind]

    def timed(self, wildcards: Wildcards) -> SimpleNamespace:
        """The first run that a timing is about, as wildcards."""
        timing = self.study.timing[wildcards.timing]
        return SimpleNamespace(
            tier=wildcards.tier,
            part=timing.part,
            experiment=timing.experiments[0],
            seed=self.study.tiers[wildcards.tier].parts[timing.part].seeds[0],
        )
