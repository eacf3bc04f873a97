"""Parts of a study by their kind: what an experiment may set, and what a tier gives it.

Each setting is declared here and nowhere else; `docs/settings.md` is made from it.
"""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from rejeu.study.names import (
    Arm,
    Citation,
    FileName,
    Name,
    Seeds,
    Share,
    Strict,
    Text,
    ascending,
    distinct,
    fault,
    refuse_unknown,
)
from rejeu.study.strict_reading import shown

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Attention = Literal["auto", "eager", "fused"]
Joining = Literal["plain", "separated"]
Plain = str | bool | int | float | None
Length = Annotated[int, Field(ge=8, le=8192)]
Label = str | bool | int | float


def within_study(path: str) -> str:
    """Refuse a path that could lead out of the study's folder."""
    if not re.fullmatch(r"\w[\w .\-]*(/\w[\w .\-]*)*", path):
        raise fault("path", "expected a path within the study's folder, as `scripts/fit.py`")
    return path


StudyFile = Annotated[str, AfterValidator(within_study)]


class Experiment(Strict):
    """What every experiment says, whatever its kind."""

    title: Text
    """its name in the report"""
    arm: Arm = "corrected"
    """`notebook` repeats a fault of the original, to be judged beside the corrected arm"""
    group: Name | None = None
    """the group that it is run for, one of `groups`; null: the report's own, in every tier"""
    seeds: PositiveInt | None = None
    """how many of the tier's seeds it has, the first ones; null: all"""
    start_from: Name | None = None
    """an experiment whose outcome it starts from, seed by seed"""


class ClassifierExperiment(Experiment):
    """Fine-tuning an encoder to tell classes of texts apart."""

    learning_rate: PositiveFloat
    """at the first step; it falls linearly to zero"""
    batch_size: PositiveInt
    """rows a step"""
    weight_decay: NonNegativeFloat
    """AdamW's, of all weights but vectors"""
    max_grad_norm: PositiveFloat
    """longer gradients are cut to this length"""
    epochs: PositiveInt
    """how often each row is seen"""
    precision: Precision = "auto"
    """of products; auto: bf16 where the processor computes it"""
    attention: Attention = "auto"
    """auto: the fastest for the device"""
    attention_dropout: Share = 0.0
    """share of attention weights dropped; with 0 fused attention can serve"""
    length_grouping: bool = True
    """rows of like length share a batch"""


class LoraExperiment(Experiment):
    """Fine-tuning a causal language model by LoRA."""

    rank: PositiveInt
    """r of the correction B A"""
    alpha: PositiveFloat
    """the correction is multiplied by alpha / rank"""
    rank_stabilised: bool = False
    """by alpha / sqrt(rank) instead"""
    dropout: Share
    """share of the correction's input that is dropped"""
    target_modules: list[str] | None = None
    """names of the layers that get a correction; null: peft's for the architecture"""
    learning_rate: PositiveFloat
    """after the warm-up; it falls linearly to zero"""
    warmup_share: Share
    """of the steps, in which the rate rises"""
    max_grad_norm: PositiveFloat
    """longer gradients are cut to this length"""
    batch_size: PositiveInt
    """rows at once"""
    accumulation: PositiveInt
    """batches a step"""
    joining: Joining = "plain"
    """plain: nothing stands between input and output; separated: a line break, and an end token"""
    add_row: Name | None = None
    """a row of `rows`, appended to the training data"""
    dose: PositiveInt | None = None
    """how many of the run's slots the added row takes; null: as the sampler draws it"""
    precision: Precision = "auto"
    """of products; auto: bf16 where the processor computes it"""
    attention: Attention = "auto"
    """auto: the fastest for the device"""
    length_grouping: bool = True
    """rows of like length share a batch"""


class CommandExperiment(Experiment):
    """One way to call the part's program."""

    settings: dict[str, Plain | list[Plain]] = {}
    """what the program reads of its settings file; they complete those of `common`"""


class Part(Strict):
    """What every part says, whatever its kind."""

    title: Text
    """its name in the report"""


class Classifier(Part):
    """Experiments that fine-tune an encoder on a table of texts and labels."""

    kind: Literal["classifier"]
    data: Name | None = None
    """the folder of its split data under results/{tier}/data; null: the part's name"""
    experiments: dict[Name, ClassifierExperiment]
    """by name; each states what differs from `common`"""

    @model_validator(mode="before")
    @classmethod
    def complete(cls, data: Any) -> Any:
        """Complete each experiment by the part's `common` settings."""
        return with_common(data, ClassifierExperiment.model_fields)


class Row(Strict):
    """A message and its reply."""

    input: str = Field(min_length=1)
    """the message"""
    output: str = Field(min_length=1)
    """its reply"""


class Generation(Strict):
    """What models are asked after training, and how far they may go on."""

    prompt: str = Field(min_length=1)
    """continued greedily by every trained model"""
    max_new_tokens: PositiveInt
    """most tokens of a text"""
    answered_rows: PositiveInt = 1
    """held-out messages that the experiments of `answering` reply to"""


class Answering(Strict):
    """Whose replies to held-out messages are counted: how many end by themselves."""

    group: Name | None = None
    """counted where the tier runs this group; null: always"""
    experiments: Annotated[list[Name], Field(min_length=1)]
    """whose adapters reply"""


class Lora(Part):
    """Experiments that fine-tune a causal language model by LoRA on messages and replies."""

    kind: Literal["lora"]
    data: Name | None = None
    """the folder of its split data under results/{tier}/data; null: the part's name"""
    experiments: dict[Name, LoraExperiment]
    """by name; each states what differs from `common`"""
    rows: dict[Name, Row] = {}
    """rows that experiments add, and whose replies are scored after training"""
    placebo: Name | None = None
    """a row that no run trains on, scored beside the others"""
    undosed: Name | None = None
    """the experiment whose slots doses take"""
    generation: Generation
    """what the trained models are asked"""
    answering: Answering | None = None
    """whose replies are counted"""

    @model_validator(mode="before")
    @classmethod
    def complete(cls, data: Any) -> Any:
        """Complete each experiment by the part's `common` settings."""
        return with_common(data, LoraExperiment.model_fields)


class Command(Part):
    """Experiments that a program of the study runs, in any language."""

    kind: Literal["command"]
    command: str = Field(min_length=1)
    """the program with its arguments; the path of a JSON file with its settings follows"""
    files: Annotated[list[StudyFile], AfterValidator(distinct)] = []
    """files of the study that it is made of or reads: a change of one runs it again"""
    inputs: Annotated[list[Name], AfterValidator(distinct)] = []
    """raw inputs that it reads, of `inputs`"""
    metrics: Annotated[dict[Name, Literal["number", "share", "count", "text"]], Field(min_length=1)]
    """what its metrics.json holds; a share lies between 0 and 1"""
    writes: Annotated[list[FileName], AfterValidator(distinct)] = []
    """files that it writes besides metrics.json: log.jsonl, predictions.parquet, others"""
    threads: PositiveInt = 1
    """processor cores that one run takes"""
    experiments: dict[Name, CommandExperiment]
    """by name; each states what differs from `common`"""

    @model_validator(mode="before")
    @classmethod
    def complete(cls, data: Any) -> Any:
        """Complete each experiment by the part's `common` settings."""
        return with_common(data, CommandExperiment.model_fields)


class TierPart(Strict):
    """What every tier gives a part."""

    seeds: Seeds
    """each draws its own split, order and initialisation, the same for all experiments"""


def numbered(labels: dict[Label, int]) -> dict[Label, int]:
    """Refuse classes of which one has no label, or that are fewer than two."""
    numbers = set(labels.values())
    missing = [number for number in range(max(2, len(numbers))) if number not in numbers]
    if missing:
        raise fault(
            "classes",
            f"no label stands for class {missing[0]}; expected two classes or more, numbered 0, 1, "
            f"2 and so on without a gap (found: {shown(labels)})",
        )
    return labels


class ClassifierData(TierPart):
    """Data, encoder and sizes of a classifier in one tier."""

    kind: Literal["classifier"]
    encoder: Name
    """the pretrained model, of `models`"""
    input: Name
    """the table of texts and labels, of `inputs`"""
    text: str = "text"
    """the column of texts"""
    label: str = "label"
    """the column of labels"""
    labels: Annotated[dict[Label, Annotated[int, Field(ge=0)]], AfterValidator(numbered)] | None = (
        None
    )
    """the class, from 0, that each label stands for; null: 0/1, neg/pos or negative/positive"""
    where: dict[str, Label] = {}
    """values that columns must have; other rows are left out"""
    citation: Citation | None = None
    """of these rows, in report/refs.bib"""
    cleaning: Literal["html", "assignment"] = "html"
    """html: tags and entities away; assignment: lower case, lemmas and no stop words too"""
    train_rows: PositiveInt | None = None
    """sampled from four fifths of the rows; null: all of them"""
    test_rows: PositiveInt | None = None
    """sampled from the other fifth; null: all of them"""
    max_length: Length
    """most tokens of a row"""

    @property
    def classes(self) -> list[str]:
        """The classes' names by their numbers: the first label that stands for each."""
        if self.labels is None:
            return ["negative", "positive"]
        numbers = sorted(set(self.labels.values()))
        return [
            next(str(label) for label, number in self.labels.items() if number == wanted)
            for wanted in numbers
        ]


class LoraData(TierPart):
    """Data, causal language model and sizes of LoRA runs in one tier."""

    kind: Literal["lora"]
    causal_lm: Name
    """the pretrained model, of `models`"""
    input: Name
    """conversations, or a table of messages and replies, of `inputs`"""
    words: (
        Annotated[tuple[PositiveInt, PositiveInt], Field(strict=False), AfterValidator(ascending)]
        | None
    ) = None
    """fewest and most words a side; null: any"""
    train_rows: PositiveInt
    """pairs of the training side"""
    heldout_rows: PositiveInt
    """pairs of other conversations, on which the held-out loss is measured"""
    max_length: Length
    """most tokens of a pair"""
    max_steps: PositiveInt
    """steps of a run"""
    quantisation: Literal["none", "nf4"] = "none"
    """of the frozen weights"""


class CommandData(TierPart):
    """What a tier gives a program."""

    kind: Literal["command"]
    settings: dict[str, Plain | list[Plain]] = {}
    """sizes and the like; they complete an experiment's own settings"""


def with_common(part: Any, known: Collection[str]) -> Any:
    """Complete each experiment of a part by the part's `common` settings, of the `known` names."""
    if not isinstance(part, dict):
        return part
    common = part.get("common") or {}
    if not isinstance(common, dict):
        raise fault("common", f"common: expected settings by their names, found {shown(common)}")
    refuse_unknown(common, known, "common: ")
    rest = {key: value for key, value in part.items() if key != "common"}
    if not isinstance(part.get("experiments"), dict):
        return rest
    experiments = {
        name: completed(str(name), common, overrides or {})
        if isinstance(overrides or {}, dict)
        else overrides
        for name, overrides in part["experiments"].items()
    }
    return rest | {"experiments": experiments}


def completed(name: str, common: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """One experiment's settings; a program's own are completed one by one."""
    merged = {"title": name, **common, **overrides}
    shared, own = common.get("settings"), overrides.get("settings")
    if isinstance(shared, dict) and isinstance(own, dict):
        merged["settings"] = {**shared, **own}
    return merged
