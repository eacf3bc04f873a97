"""Fine-tune an encoder to classify texts, then predict."""

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    set_seed,
)

from rejeu.data.tokenise import TokenRows
from rejeu.job.run import Progress
from rejeu.training import forward
from rejeu.training.checkpoint import Checkpoints
from rejeu.training.hardware import Hardware
from rejeu.training.loop import fit, orders, record
from rejeu.training.outputs import say
from rejeu.training.packed import sent


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of one run, and the experiment whose weights it starts from, if any."""

    start_from: str | None
    learning_rate: float
    batch_size: int
    weight_decay: float
    max_grad_norm: float
    epochs: int
    attention_dropout: float
    length_grouping: bool
    classes: int
    seed: int


def load(
    folder: Path, hardware: Hardware, attention_dropout: float, classes: int | None = None
) -> PreTrainedModel:
    """Load a classifier; a pretrained encoder gets a new head.

    Args:
        attention_dropout: for the models whose config.json has a key for it.
        classes: how many; without it as many as the folder's head has.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    changed = {key: attention_dropout for key in forward.ATTENTION_DROPOUT if hasattr(config, key)}
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=classes or config.num_labels,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        **changed,
        **forward.load_arguments(hardware),
    )
    return model.to(torch.device(hardware.device))


def remarks(model: PreTrainedModel, settings: Settings) -> list[str]:
    """What someone should know who chose this model with these settings."""
    lines = forward.remarks(model, forward.ENCODERS)
    if not any(hasattr(model.config, key) for key in forward.ATTENTION_DROPOUT):
        lines.append(
            f"'{model.config.model_type}' models have no setting for dropout in attention: "
            f"attention_dropout {settings.attention_dropout} changes nothing"
        )
    return lines


def schedule(lengths: list[int], settings: Settings) -> list[list[int]]:
    """Row numbers of each step's batch; an epoch's last batch may be smaller."""
    size = settings.batch_size
    drawn = orders(lengths, size, settings.seed, length_grouping=settings.length_grouping)
    return [
        epoch[start : start + size]
        for epoch in itertools.islice(drawn, settings.epochs)
        for start in range(0, len(epoch), size)
    ]


def train(
    start: Path,
    rows: TokenRows,
    settings: Settings,
    hardware: Hardware,
    label: str,
    terminal: TextIO,
    checkpoints: Checkpoints | None = None,
) -> tuple[PreTrainedModel, list[dict[str, float]], dict[str, Any]]:
    """Fine-tune all weights of the folder `start`: a pretrained model's, or another run's.

    Optimiser, schedule and random numbers begin anew.

    Returns:
        The trained model, one row per step {step, loss, learning_rate, grad_norm}, and the run's
        record. `train_loss` is the mean over all steps.
    """
    set_seed(settings.seed)  # before the new head is drawn
    model = load(start, hardware, settings.attention_dropout, settings.classes).train()
    for remark in remarks(model, settings):
        say(label, remark, terminal)
    used = forward.as_computed(model, hardware)
    logits_of = forward.logits_of(model, used)
    labels = torch.tensor(rows.labels)

    def loss_of(chosen: list[int]) -> torch.Tensor:
        logits = logits_of([rows[row] for row in chosen])
        return cross_entropy(logits, sent(labels[chosen], used.device), reduction="sum")

    batches = schedule(rows.lengths, settings)
    fitted = fit(
        batches,
        forward.cutter(model, rows.lengths, used),
        loss_of,
        len,
        optimiser(model, settings),
        warmup_share=0.0,
        max_grad_norm=settings.max_grad_norm,
        hardware=used,
        progress=Progress(label, len(batches), terminal),
        epoch_steps=len(batches) // settings.epochs,
        checkpoints=checkpoints,
    )
    drawn = len(rows) * settings.epochs
    tokens = sum(rows.lengths) * settings.epochs
    described = {"settings": asdict(settings), "rows": len(rows)}
    return model, fitted.log, described | record(fitted, drawn, tokens, used)


def optimiser(model: PreTrainedModel, settings: Settings) -> torch.optim.AdamW:
    """AdamW; biases and the norms' weights, vectors all, don't decay (as in transformers)."""
    groups = [
        {
            "params": [value for value in model.parameters() if (value.ndim > 1) == decays],
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for decays in (True, False)
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


@torch.inference_mode()
def predict(
    model: PreTrainedModel, rows: TokenRows, hardware: Hardware, progress: Progress
) -> np.ndarray:
    """Logits of every row, float32 of shape (rows, classes), in the rows' own order."""
    logits_of = forward.logits_of(model.eval(), hardware)
    config: Any = model.config
    logits = np.empty((len(rows), config.num_labels), dtype=np.float32)
    done = 0
    for chosen in forward.cutter(model, rows.lengths, hardware)(range(len(rows))):
        logits[chosen] = logits_of([rows[row] for row in chosen]).cpu()
        done += len(chosen)
        progress.update(done, " rows")
    return logits
