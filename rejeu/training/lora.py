"""Part 2: fine-tune a causal language model with LoRA (Hu et al., arXiv 2106.09685)."""

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.utils import clip_grad_norm_
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    PreTrainedModel,
    get_linear_schedule_with_warmup,
    set_seed,
)
from transformers.trainer_pt_utils import get_length_grouped_indices

from rejeu.job import Progress
from rejeu.training.hardware import Hardware, machine, peak_memory_mb

IGNORED = -100  # label of a token that counts in no loss


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of one run."""

    rank: int
    alpha: float
    dropout: float
    learning_rate: float
    warmup_share: float
    max_grad_norm: float
    batch_size: int
    accumulation: int
    length_grouping: bool
    max_steps: int
    seed: int


def load(folder: Path, hardware: Hardware, quantisation: str) -> PreTrainedModel:
    """Load a causal model to be frozen: in the hardware's precision, or 4-bit NF4."""
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=hardware.dtype
    )
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=hardware.dtype,
        attn_implementation=hardware.attention,
        use_safetensors=True,
        trust_remote_code=False,
        device_map={"": hardware.device} if quantisation == "nf4" else None,
        quantization_config=nf4 if quantisation == "nf4" else None,
    )
    if quantisation != "nf4":  # which is on its device already, and can't be moved
        model.to(torch.device(hardware.device))  # pyright: ignore[reportArgumentType]
    return model


def schedule(lengths: list[int], settings: Settings) -> list[int]:
    """Rows in the order in which training draws them: one epoch's permutation after another.

    `length_grouping` is Trainer's: shuffled, then sorted by length within blocks of 50 batches.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    rows_per_step = settings.batch_size * settings.accumulation
    wanted = settings.max_steps * rows_per_step
    drawn: list[int] = []
    while len(drawn) < wanted:
        if settings.length_grouping:
            drawn += get_length_grouped_indices(lengths, rows_per_step, generator=generator)
        else:
            drawn += torch.randperm(len(lengths), generator=generator).tolist()
    return drawn[:wanted]


def collate(rows: list[list[int]], device: str) -> dict[str, torch.Tensor]:
    """Pad token rows on the right into input_ids, attention_mask, labels, each (rows, longest)."""
    tensors = [torch.tensor(row) for row in rows]
    lengths = torch.tensor([len(row) for row in rows])
    ids = pad_sequence(tensors, batch_first=True)
    mask = torch.arange(ids.shape[1]) < lengths[:, None]
    labels = ids.masked_fill(~mask, IGNORED)
    batch = {"input_ids": ids, "attention_mask": mask.long(), "labels": labels}
    return {name: tensor.to(device) for name, tensor in batch.items()}


def train(
    base: PreTrainedModel,
    rows: list[list[int]],
    settings: Settings,
    hardware: Hardware,
    label: str,
    terminal: TextIO,
) -> tuple[PeftModel, list[dict[str, Any]], dict[str, Any]]:
    """Train an adapter on token rows; batch and accumulation are computed as one batch.

    The loss is the mean over a step's tokens, as Trainer normalises accumulated batches.

    Returns:
        The model with its adapter, one row per step {step, loss, learning_rate, grad_norm}, and
        the run's record. `train_loss` is the mean over all steps.
    """
    set_seed(settings.seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]  # any number serves
        lora_dropout=settings.dropout,
        bias="none",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=0.0, fused=True
    )
    warmup = math.ceil(settings.max_steps * settings.warmup_share)
    rate = get_linear_schedule_with_warmup(optimiser, warmup, settings.max_steps)
    scaler = torch.amp.GradScaler(hardware.device, enabled=hardware.precision == "fp16")

    order = schedule([len(row) for row in rows], settings)
    size = settings.batch_size * settings.accumulation
    log: list[dict[str, Any]] = []
    progress = Progress(label, settings.max_steps, terminal)
    model.train()
    start = time.monotonic()
    for step in range(settings.max_steps):
        chosen = order[step * size : (step + 1) * size]
        with hardware.autocast():
            loss = model(**collate([rows[index] for index in chosen], hardware.device)).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        norm = clip_grad_norm_(parameters, settings.max_grad_norm)
        log.append(
            {
                "step": step + 1,
                "loss": loss.item(),
                "learning_rate": rate.get_last_lr()[0],
                "grad_norm": norm.item(),
            }
        )
        scaler.step(optimiser)
        scaler.update()
        rate.step()
        optimiser.zero_grad()
        progress.update(step + 1, f" steps, loss {log[-1]['loss']:.3f}")
    seconds = time.monotonic() - start
    tokens = sum(len(rows[index]) for index in order)
    record = {
        "settings": asdict(settings),
        **asdict(hardware),
        "machine": machine(),
        "steps": settings.max_steps,
        "rows": len(rows),
        "target_modules": sorted(model.peft_config["default"].target_modules),  # pyright: ignore
        "trainable_parameters": sum(parameter.numel() for parameter in parameters),
        "train_loss": float(np.mean([row["loss"] for row in log])),
        "wall_seconds": seconds,
        "samples_per_second": len(order) / seconds,
        "tokens_per_second": tokens / seconds,
        "peak_memory_mb": peak_memory_mb(),
        "resumed": False,
    }
    return model, log, record
