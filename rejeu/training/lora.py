"""Fine-tune a causal language model with LoRA (Hu et al., arXiv 2106.09685)."""

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel, set_seed
from transformers.pytorch_utils import Conv1D

from rejeu.errors import RejeuError
from rejeu.job.run import Progress
from rejeu.training import decoder, forward
from rejeu.training.checkpoint import Checkpoints
from rejeu.training.hardware import Hardware
from rejeu.training.loop import Fitted, fit, orders, record
from rejeu.training.outputs import say


@dataclass(frozen=True)
class Sampling:
    """What decides, with the rows' lengths, which rows a run trains on and in which order."""

    batch_size: int
    accumulation: int
    length_grouping: bool
    max_steps: int
    seed: int

    @property
    def rows_per_step(self) -> int:
        """Rows that one step trains on."""
        return self.batch_size * self.accumulation


@dataclass(frozen=True)
class Settings(Sampling):
    """Hyper-parameters of one run, and the experiment whose weights it starts from, if any.

    `joining` and `dose` are already in the rows and batches that `train` is given; they stand here
    so that run.json has them.
    """

    start_from: str | None
    rank: int
    alpha: float
    rank_stabilised: bool
    dropout: float
    target_modules: list[str] | None  # linear layers that are adapted; None: peft's choice
    learning_rate: float
    warmup_share: float
    max_grad_norm: float
    joining: str
    dose: int | None


def load(folder: Path, hardware: Hardware, quantisation: str) -> PreTrainedModel:
    """Load a causal model to be frozen: in the hardware's precision, or 4-bit NF4."""
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=hardware.dtype
    )
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=hardware.dtype,
        use_safetensors=True,
        trust_remote_code=False,
        device_map={"": hardware.device} if quantisation == "nf4" else None,
        quantization_config=nf4 if quantisation == "nf4" else None,
        **forward.load_arguments(hardware),
    )
    if quantisation != "nf4":  # which is on its device already, and can't be moved
        model.to(torch.device(hardware.device))  # pyright: ignore[reportArgumentType]
    for module in model.modules():
        layer: Any = module
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            # For evaluation on a processor, bitsandbytes lays 4-bit weights out anew, with coarser
            # scales than those of training; and then state_dict() damages them (0.50.2).
            layer.support_avx512bf16_for_cpu = False
    return model


def schedule(lengths: list[int], sampling: Sampling) -> list[list[int]]:
    """Row numbers of each step: one epoch's permutation after another, cut into steps."""
    size = sampling.rows_per_step
    drawn = orders(lengths, size, sampling.seed, length_grouping=sampling.length_grouping)
    rows = itertools.chain.from_iterable(drawn)
    return steps(list(itertools.islice(rows, sampling.max_steps * size)), size)


def steps(rows: list[int], size: int) -> list[list[int]]:
    """Cut row numbers into steps of `size` rows; the last may have fewer."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def train_before(base: PreTrainedModel, adapter: Path) -> None:
    """Leave `base` as an earlier training of the same object leaves it: with that adapter put in.

    peft puts an adapter's layers into the model that it is given, where they stay.
    """
    PeftModel.from_pretrained(base, adapter, is_trainable=True)


def adapt(base: PreTrainedModel, settings: Settings, hardware: Hardware) -> PeftModel:
    """Put a new adapter on `base`, which is frozen, ready to be trained.

    Its scale is alpha / rank, or alpha / sqrt(rank) if rank-stabilised (arXiv 2312.03732).

    Raises:
        RejeuError: for layers that `base` lacks, or where peft knows none to choose.
    """
    refuse_targets(base, settings.target_modules)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]  # any number serves
        use_rslora=settings.rank_stabilised,
        lora_dropout=settings.dropout,
        target_modules=settings.target_modules,
        # Conv1D, as in GPT-2, holds its weight the other way round.
        fan_in_fan_out=any(isinstance(layer, Conv1D) for layer in base.modules()),
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    chosen: Any = model.peft_config["default"]
    # A set, which would be saved in another order by each process; a pattern for a few models.
    if not isinstance(chosen.target_modules, str):
        chosen.target_modules = sorted(chosen.target_modules)
    if forward.is_packed(model, hardware):
        decoder.freeze(model, hardware)
    model.train()
    return model


def refuse_targets(base: PreTrainedModel, chosen: list[str] | None) -> None:
    """Refuse to adapt layers that `base` lacks, or that nobody has named."""
    kind = base.config.model_type
    paths = [
        path.removesuffix(".base_layer")  # of a layer that had an adapter before
        for path, layer in base.named_modules()
        if isinstance(layer, torch.nn.Linear | Conv1D) and ".lora_" not in path
    ]
    layers = ", ".join(sorted({path.rpartition(".")[2] for path in paths}))
    if chosen is None and kind not in TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING:
        raise RejeuError(
            f"a '{kind}' model: peft doesn't know which of its layers to adapt; set the "
            f"experiment's `target_modules` to some of its linear layers ({layers})"
        )
    for name in chosen or []:
        if not any(f".{path}".endswith(f".{name}") for path in paths):
            raise RejeuError(
                f"target_modules: '{name}'; expected linear layers of the '{kind}' model ({layers})"
            )


def trainable(model: PeftModel) -> list[torch.nn.Parameter]:
    """The parameters that training changes: those of the adapter."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def train(
    base: PreTrainedModel,
    rows: list[list[int]],
    batches: list[list[int]],
    settings: Settings,
    hardware: Hardware,
    label: str,
    terminal: TextIO,
    checkpoints: Checkpoints | None = None,
) -> tuple[PeftModel, list[dict[str, Any]], dict[str, Any]]:
    """Train an adapter on token rows.

    `batches` holds the row numbers of each step (see `schedule` and `doses.batches`).

    Returns:
        The model with its adapter, one row per step {step, loss, learning_rate, grad_norm}, and
        the run's record. `train_loss` is the mean over all steps.
    """
    set_seed(settings.seed)
    model = adapt(base, settings, hardware)
    for remark in forward.remarks(model, forward.DECODERS):
        say(label, remark, terminal)
    progress = Progress(label, len(batches), terminal)
    fitted = fit_adapter(model, rows, batches, settings, hardware, progress, checkpoints)
    drawn = [row for batch in batches for row in batch]
    described = {
        "settings": asdict(settings),
        "rows": len(rows),
        "target_modules": model.peft_config["default"].target_modules,  # pyright: ignore
        "trainable_parameters": sum(parameter.numel() for parameter in trainable(model)),
    }
    tokens = sum(len(rows[row]) for row in drawn)
    used = forward.as_computed(model, hardware)
    quantised = bool(getattr(base, "is_quantized", False))
    facts = record(fitted, len(drawn), tokens, used, quantised=quantised)
    return model, fitted.log, described | facts


def fit_adapter(
    model: PeftModel,
    rows: list[list[int]],
    batches: list[list[int]],
    settings: Settings,
    hardware: Hardware,
    progress: Progress,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Take the steps; batch and accumulation are computed as one batch. Returns as `fit` does.

    The loss is the mean over a step's tokens, as Trainer normalises accumulated batches.
    """
    lengths = [len(row) for row in rows]
    used = forward.as_computed(model, hardware)

    def loss_of(chosen: list[int]) -> torch.Tensor:
        return forward.loss(model, [rows[row] for row in chosen], used)[0]

    return fit(
        batches,
        forward.cutter(model, lengths, used),
        loss_of,
        lambda batch: sum(lengths[row] - 1 for row in batch),
        torch.optim.AdamW(
            trainable(model), lr=settings.learning_rate, weight_decay=0.0, fused=True
        ),
        warmup_share=settings.warmup_share,
        max_grad_norm=settings.max_grad_norm,
        hardware=used,
        progress=progress,
        seed=settings.seed,
        checkpoints=checkpoints,
    )
