"""Part 1: fine-tune an encoder for sentiment, then predict."""

import itertools
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, PreTrainedModel, set_seed

from rejeu.data.tokenise import TokenRows
from rejeu.job.run import Progress
from rejeu.training import encoder
from rejeu.training.checkpoint import Checkpoints
from rejeu.training.hardware import Hardware
from rejeu.training.loop import fit, orders, record
from rejeu.training.packed import pack, parts


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
    seed: int


def load(folder: Path, hardware: Hardware, attention_dropout: float) -> PreTrainedModel:
    """Load a classifier with two classes; a pretrained encoder gets a new head."""
    config = {"attention_probs_dropout_prob": attention_dropout}
    if "distilbert" in (folder / "config.json").read_text(encoding="utf-8"):
        config = {"attention_dropout": attention_dropout}
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=2,
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        **config,
    )
    return model.to(torch.device(hardware.device))


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
    model = load(start, hardware, settings.attention_dropout)
    given = encoder.classifier(model)
    labels = torch.tensor(rows.labels, device=hardware.device)

    def loss_of(chosen: list[int]) -> torch.Tensor:
        batch = pack([rows[row] for row in chosen], hardware.device)
        logits = encoder.logits(given, batch, hardware, training=True)
        return cross_entropy(logits, labels[chosen], reduction="sum")

    batches = schedule(rows.lengths, settings)
    fitted = fit(
        batches,
        rows.lengths,
        loss_of,
        len,
        optimiser(model, settings),
        warmup_share=0.0,
        max_grad_norm=settings.max_grad_norm,
        hardware=hardware,
        progress=Progress(label, len(batches), terminal),
        epoch_steps=len(batches) // settings.epochs,
        checkpoints=checkpoints,
    )
    drawn = len(rows) * settings.epochs
    tokens = sum(rows.lengths) * settings.epochs
    told = {"settings": asdict(settings), "rows": len(rows)}
    return model, fitted.log, told | record(fitted, drawn, tokens, hardware)


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
    """Logits of every row, float32 of shape (rows, 2), in the rows' own order."""
    given = encoder.classifier(model)
    logits = np.empty((len(rows), 2), dtype=np.float32)
    done = 0
    for chosen in parts(range(len(rows)), rows.lengths):
        batch = pack([rows[row] for row in chosen], hardware.device)
        logits[chosen] = encoder.logits(given, batch, hardware, training=False).cpu()
        done += len(chosen)
        progress.update(done, " rows")
    return logits
