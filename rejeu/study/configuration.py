"""What `config.yaml` may say. The only source of what a setting means.

Read by `rules/common.smk` alone: scripts receive plain, resolved settings as Snakemake `params`.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, LiteralString, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from rejeu.errors import RejeuError
from rejeu.report import assignment
from rejeu.study.strict_reading import shown


def fault(kind: LiteralString, message: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{message}", {"message": message})


def own_name(name: str) -> str:
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
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Attention = Literal["auto", "eager", "fused"]
Joining = Literal["plain", "separated"]
Arm = Literal["corrected", "notebook"]
# What the notebook hid, by the numbers of the report's chapter.
Finding = Literal["a1", "a3", "a4", "a5", "a7", "a8", "a10", "a11"]


def suggest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and names the key that was probably meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def refuse_unknown_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            refuse_unknown(data, cls.model_fields)
        return data


def refuse_unknown(data: dict[Any, Any], known: Iterable[str], where: str = "") -> None:
    unknown = [str(key) for key in data if key not in known]
    if unknown:
        hints = [f"unknown key {shown(key)}; {suggest(key, known)}" for key in unknown[:3]]
        more = f". {len(unknown) - 3} more unknown keys" if len(unknown) > 3 else ""
        raise fault("unknown_key", where + ". ".join(hints) + more)


def filled(text: str) -> str:
    if not text.strip():
        raise fault("blank", "is blank; expected words that a reader sees")
    return text


Value = TypeVar("Value", int, str)


def distinct(values: list[Value]) -> list[Value]:
    for value in values:
        if values.count(value) > 1:
            raise fault("repeated", f"each value may stand once only, {value} stands twice")
    return values


def ascending(values: tuple[int, int]) -> tuple[int, int]:
    if values[0] > values[1]:
        raise fault("order", f"expected the fewest, then the most; found {list(values)}")
    return values


def rising(values: list[int]) -> list[int]:
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


class Text(Strict):
    """The same words in both languages."""

    fr: Words
    en: Words


class PypiSource(Strict):
    kind: Literal["pypi"]
    package: Package
    version: Version
    folder: Folder


class HubSource(Strict):
    kind: Literal["hub"]
    repository: Repository
    repository_type: Literal["model", "dataset"] = "model"
    revision: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{40}|unpinned)$")]
    folder: Folder = ""


class PathSource(Strict):
    kind: Literal["path"]
    folder: Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00]*$")]


Source = Annotated[PypiSource | HubSource | PathSource, Field(discriminator="kind")]


class Input(Strict):
    licence: str
    files: dict[FileName, Sha256 | None] = Field(min_length=1)
    sources: list[Source] = Field(min_length=1)

    @model_validator(mode="after")
    def pypi_needs_sha256(self) -> "Input":
        unpinned = [name for name, sha256 in self.files.items() if sha256 is None]
        if unpinned and any(source.kind == "pypi" for source in self.sources):
            raise fault("unpinned", f"a pypi source needs the sha256 of '{unpinned[0]}'")
        return self


class Model(Strict):
    name: str
    citation: Citation
    kind: Literal["encoder", "causal"]
    format: Literal["safetensors", "gguf", "onnx_bert"]
    input: Name
    tokenizer: Name | None = None


class SentimentData(Strict):
    """Data, encoder, sizes and seeds of Part 1 in one tier."""

    encoder: Name
    input: Name
    text: str = "text"
    label: str = "label"
    labels: dict[str | bool | int | float, Literal[0, 1]] | None = None
    where: dict[str, str | bool | int | float] = {}
    citation: Citation | None = None
    cleaning: Literal["html", "assignment"]
    train_rows: PositiveInt | None
    test_rows: PositiveInt | None
    max_length: Annotated[int, Field(ge=8, le=8192)]
    seeds: Seeds


class LoraData(Strict):
    """Data, causal language model, sizes and seeds of Part 2 in one tier."""

    causal_lm: Name
    input: Name
    words: (
        Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False), AfterValidator(ascending)]
        | None
    )
    train_rows: PositiveInt
    heldout_rows: PositiveInt
    max_length: Annotated[int, Field(ge=8, le=8192)]
    max_steps: PositiveInt
    quantisation: Literal["none", "nf4"] = "none"
    seeds: Seeds


class Tier(Strict):
    sentiment: SentimentData
    lora: LoraData
    findings: Annotated[list[Finding], AfterValidator(distinct)]
    looks: Annotated[list[LookSeeds], AfterValidator(distinct), AfterValidator(rising)] = []
    expected_seconds: dict[str, PositiveFloat]


class SentimentSettings(Strict):
    """One experiment of Part 1, complete."""

    title: Text
    arm: Arm
    finding: Finding | None
    seeds: PositiveInt | None
    start_from: Name | None
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    weight_decay: NonNegativeFloat
    max_grad_norm: PositiveFloat
    epochs: PositiveInt
    precision: Precision
    attention: Attention
    attention_dropout: Share
    length_grouping: bool


class LoraSettings(Strict):
    """One experiment of Part 2, complete."""

    title: Text
    arm: Arm
    finding: Finding | None
    seeds: PositiveInt | None
    start_from: Name | None
    rank: PositiveInt
    alpha: PositiveFloat
    rank_stabilised: bool
    dropout: Share
    learning_rate: PositiveFloat
    warmup_share: Share
    max_grad_norm: PositiveFloat
    batch_size: PositiveInt
    accumulation: PositiveInt
    joining: Joining
    add_row: Name | None
    dose: PositiveInt | None
    precision: Precision
    attention: Attention
    length_grouping: bool


class Sentiment(Strict):
    experiments: dict[Name, SentimentSettings]

    @model_validator(mode="before")
    @classmethod
    def complete(cls, data: Any) -> Any:
        return with_common(data, SentimentSettings.model_fields)


class Row(Strict):
    input: str = Field(min_length=1)
    output: str = Field(min_length=1)


class Generation(Strict):
    prompt: str = Field(min_length=1)
    max_new_tokens: PositiveInt
    answered_rows: PositiveInt


class Lora(Strict):
    experiments: dict[Name, LoraSettings]
    rows: dict[Name, Row]
    placebo: Name
    generation: Generation

    @model_validator(mode="before")
    @classmethod
    def complete(cls, data: Any) -> Any:
        return with_common(data, LoraSettings.model_fields)


class Report(Strict):
    title: Text
    subtitle: Text
    date: date
    repository: Address | None
    claims: str


class Study(Strict):
    tier: str
    renderer: Literal["auto", "quarto", "embedded"]
    report: Report
    sentiment: Sentiment
    lora: Lora
    tiers: dict[Name, Tier]
    models: dict[Name, Model]
    inputs: dict[Name, Input]

    @model_validator(mode="after")
    def names_exist(self) -> "Study":
        refer("tier", self.tier, self.tiers)
        for part, names in (("sentiment", assignment.SENTIMENT), ("lora", assignment.LORA)):
            for name in names:
                if name not in getattr(self, part).experiments:
                    raise fault(
                        "missing_experiment",
                        f"{part}.experiments: the report's text names experiment '{name}', which "
                        "is missing; put it back, its settings are yours to change",
                    )
        for name, tier in self.tiers.items():
            refuse_tier(f"tiers.{name}", tier, self)
        for name, model in self.models.items():
            refer(f"models.{name}.input", model.input, self.inputs)
            refer(f"models.{name}.tokenizer", model.tokenizer or model.input, self.inputs)
        for part in ("sentiment", "lora"):
            starts = {
                name: settings.start_from
                for name, settings in getattr(self, part).experiments.items()
            }
            for name in starts:
                refuse_circle(part, name, starts)
            refuse_fewer_seeds(part, getattr(self, part).experiments)
            for tier in self.tiers:
                refuse_start(part, tier, self.experiments(part, tier), starts)
        refer("lora.placebo", self.lora.placebo, self.lora.rows)
        for name, settings in self.lora.experiments.items():
            refuse_row(f"lora.experiments.{name}", settings, self.lora)
            if settings.dose is None:
                continue
            for tier, data in self.tiers.items():
                slots = data.lora.max_steps * settings.batch_size * settings.accumulation
                if name in self.experiments("lora", tier) and settings.dose > slots:
                    raise fault(
                        "dose",
                        f"lora.experiments.{name}.dose: {settings.dose}; expected at most {slots}, "
                        f"the rows that a run of the {tier} tier draws (tiers.{tier}.lora."
                        "max_steps x batch_size x accumulation)",
                    )
        return self

    def beside_claims(self, name: str) -> Path:
        """Where a file that belongs to the claims file lies, in the study's folder."""
        return Path(self.report.claims).with_name(name)

    def experiments(self, part: str, tier: str) -> dict[str, SentimentSettings | LoraSettings]:
        """A part's experiments that a tier runs: of no finding, or of one of the tier's."""
        return {
            name: settings
            for name, settings in getattr(self, part).experiments.items()
            if settings.finding is None or settings.finding in self.tiers[tier].findings
        }


def with_common(part: Any, known: Iterable[str]) -> Any:
    """Complete each experiment of a part by the part's `common` settings, of the `known` names."""
    if not isinstance(part, dict) or "common" not in part:
        return part
    common = part["common"] or {}
    if not isinstance(common, dict):
        raise fault("common", f"common: expected settings by their names, found {shown(common)}")
    refuse_unknown(common, known, "common: ")
    if not isinstance(part.get("experiments"), dict):
        return {key: value for key, value in part.items() if key != "common"}
    experiments = {
        name: {"title": {"fr": str(name), "en": str(name)}, **common, **(overrides or {})}
        if isinstance(overrides or {}, dict)
        else overrides
        for name, overrides in part["experiments"].items()
    }
    return {key: value for key, value in part.items() if key != "common"} | {
        "experiments": experiments
    }


def refer(key: str, name: str, known: dict[str, Any], kind: str | None = None) -> None:
    """Refuse a reference to a name that is not in `known`, or is a model of another kind."""
    if name not in known:
        raise fault("unknown_name", f"{key}: '{name}' is not defined; {suggest(name, known)}")
    if kind is not None and known[name].kind != kind:
        raise fault("wrong_kind", f"{key}: '{name}' is of kind {known[name].kind}, expected {kind}")


def refuse_tier(at: str, tier: Tier, study: Study) -> None:
    """Refuse names of models and inputs that aren't there, and a look without further seeds."""
    refer(f"{at}.sentiment.encoder", tier.sentiment.encoder, study.models, "encoder")
    refer(f"{at}.sentiment.input", tier.sentiment.input, study.inputs)
    refer(f"{at}.lora.causal_lm", tier.lora.causal_lm, study.models, "causal")
    refer(f"{at}.lora.input", tier.lora.input, study.inputs)
    most = max(len(tier.sentiment.seeds), len(tier.lora.seeds))
    if tier.looks and tier.looks[0] <= most:
        raise fault(
            "looks",
            f"{at}.looks: {tier.looks[0]}; expected more seeds than the {most} that the tier has",
        )


def refuse_row(key: str, settings: LoraSettings, lora: Lora) -> None:
    """Refuse a row that isn't there, the placebo as added row, and a dose of nothing."""
    if settings.add_row is None:
        if settings.dose is not None:
            raise fault("dose", f"{key}.dose: {settings.dose} of which row? Name it in add_row")
        return
    refer(f"{key}.add_row", settings.add_row, lora.rows)
    if settings.add_row == lora.placebo:
        raise fault(
            "placebo", f"{key}.add_row: '{lora.placebo}' is the placebo, which no run may train on"
        )


def refuse_start(
    part: str, tier: str, ran: Mapping[str, Any], starts: Mapping[str, str | None]
) -> None:
    """Refuse an experiment of a tier that starts from one which the tier doesn't run."""
    for name in ran:
        before = starts[name]
        if before is not None and before not in ran:
            raise fault(
                "start",
                f"{part}.experiments.{name}.start_from: '{before}' is not run by the {tier} tier; "
                f"list its finding in tiers.{tier}.findings, or give '{name}' a finding too",
            )


def refuse_fewer_seeds(part: str, known: Mapping[str, Any]) -> None:
    """Refuse an experiment with more seeds than the one that it starts from."""
    for name, settings in known.items():
        before = known.get(settings.start_from)
        if before is None or before.seeds is None:
            continue
        if settings.seeds is None or settings.seeds > before.seeds:
            raise fault(
                "seeds",
                f"{part}.experiments.{name}.seeds: {settings.seeds or 'all'}; expected at most "
                f"{before.seeds}, as many as '{settings.start_from}' has, from which it starts",
            )


def refuse_circle(part: str, name: str, starts: dict[str, str | None]) -> None:
    """Follow what an experiment starts from; refuse unknown names and ways that lead back to it."""
    found: list[str] = []
    at = name
    while (before := starts[at]) is not None:
        refer(f"{part}.experiments.{at}.start_from", before, starts)
        found.append(before)
        if before == name:
            circle = " -> ".join([name, *found])
            raise fault(
                "circle",
                f"{part}.experiments.{name}.start_from: {circle} is a circle; an experiment can't "
                "start from its own weights",
            )
        if before in found[:-1]:  # a circle further down, named when its own turn comes
            break
        at = before


def load(raw: dict[str, Any], file: str) -> Study:
    """Validate a study.

    Raises:
        RejeuError: with the file, and for each fault the key, what was expected and what was found.
    """
    try:
        return Study.model_validate(raw)
    except ValidationError as error:
        found = [fault | {"loc": in_common(fault["loc"], raw)} for fault in error.errors()]
        faults = first_of(list(dict.fromkeys(f"  {describe(fault)}" for fault in found)))
        raise RejeuError(f"{file} was refused, and nothing was run:\n{faults}") from None


def first_of(lines: list[str], most: int = 12) -> str:
    """What a screen holds of them."""
    more = [f"  and {len(lines) - most} faults more"] if len(lines) > most else []
    return "\n".join(lines[:most] + more)


def in_common(location: tuple[int | str, ...], raw: Any) -> tuple[int | str, ...]:
    """Where a setting stands that an experiment has from its part's `common`."""
    match location:
        case (part, "experiments", name, key, *rest):
            own = raw[part]["experiments"].get(name) or {}
            common = raw[part].get("common") or {}
            if isinstance(own, dict) and key not in own and key in common:
                return (part, "common", key, *rest)
    return location


def describe(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    found, message = error["input"], error["msg"]
    hidden = isinstance(found, dict | list) or error["type"] == "missing"
    if error["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = "expected keys with their values, as `key: value`"
        hidden = isinstance(found, dict)
    value = "" if hidden else f" (found: {shown(found)})"
    return f"{key + ': ' if key else ''}{message}{value}"
