"""Part 1: fine-tune an encoder for sentiment with transformers' Trainer, then predict."""

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)

from rejeu.job import Progress
from rejeu.training.hardware import Hardware, machine, peak_memory_mb

# Rows are padded to a multiple of this many tokens: few distinct lengths let the allocator find
# kept memory that fits. Without, the peak was a third higher.
PADDING = 64
PREDICTION_BATCH = 64  # rows; part of a prediction's identity, since bf16 results drift with it


@dataclass(frozen=True)
class Settings:
    """Hyper-parameters of one run."""

    learning_rate: float
    batch_size: int
    weight_decay: float
    epochs: int
    attention_dropout: float
    length_grouping: bool
    seed: int


def load(folder: Path, hardware: Hardware, attention_dropout: float) -> PreTrainedModel:
    """Load a classifier with two classes; a pretrained encoder gets a new head."""
    config = {"attention_probs_dropout_prob": attention_dropout}
    if "distilbert" in (folder / "config.json").read_text(encoding="utf-8"):
        config = {"attention_dropout": attention_dropout}
    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        num_labels=2,
        dtype=torch.float32,
        attn_implementation=hardware.attention,
        use_safetensors=True,
        trust_remote_code=False,
        **config,
    )


class LossLog(TrainerCallback):
    """Keeps each step's loss, and tells the terminal how far the run is."""

    def __init__(self, label: str, terminal: TextIO) -> None:
        self.rows: list[dict[str, float]] = []
        self.label, self.terminal = label, terminal
        self.progress: Progress | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        self.progress = Progress(self.label, state.max_steps, self.terminal)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:  # noqa: ARG002
        if logs and "loss" in logs and self.progress is not None:
            names = ("loss", "learning_rate", "grad_norm")
            self.rows.append({"step": state.global_step} | {name: logs[name] for name in names})
            self.progress.update(state.global_step, f" steps, loss {logs['loss']:.3f}")


def train(
    pretrained: Path,
    rows: Dataset,
    settings: Settings,
    hardware: Hardware,
    label: str,
    terminal: TextIO,
) -> tuple[PreTrainedModel, list[dict[str, float]], dict[str, Any]]:
    """Fine-tune on `rows` (columns input_ids, label, length).

    Returns:
        The trained model, one row per step {step, loss, learning_rate, grad_norm}, and the run's
        record. `train_loss` is the mean over all steps.
    """
    set_seed(settings.seed)  # before the new head is drawn
    model = load(pretrained, hardware, settings.attention_dropout)
    log = LossLog(label, terminal)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=model,
            args=arguments(settings, hardware, scratch),
            train_dataset=rows,
            data_collator=DataCollatorWithPadding(
                AutoTokenizer.from_pretrained(pretrained), pad_to_multiple_of=PADDING
            ),
            callbacks=[log],
        )
        start = time.monotonic()
        steps = trainer.train().global_step
    seconds = time.monotonic() - start
    tokens = int(np.sum(rows["length"])) * settings.epochs
    record = {
        "settings": asdict(settings),
        **asdict(hardware),
        "machine": machine(),
        "steps": steps,
        "rows": len(rows),
        "train_loss": float(np.mean([row["loss"] for row in log.rows])),
        "wall_seconds": seconds,
        "samples_per_second": len(rows) * settings.epochs / seconds,
        "tokens_per_second": tokens / seconds,
        "peak_memory_mb": peak_memory_mb(),
        "resumed": False,
    }
    return model, log.rows, record


def arguments(settings: Settings, hardware: Hardware, scratch: str) -> TrainingArguments:
    return TrainingArguments(
        output_dir=scratch,
        learning_rate=settings.learning_rate,
        per_device_train_batch_size=settings.batch_size,
        num_train_epochs=settings.epochs,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        save_strategy="no",
        logging_steps=1,  # the report averages over shares of the run, so it needs each step
        report_to="none",
        disable_tqdm=True,
        use_cpu=hardware.device == "cpu",
        bf16=hardware.precision == "bf16",
        fp16=hardware.precision == "fp16",
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length" if settings.length_grouping else "random",
        length_column_name="length",
        dataloader_pin_memory=hardware.device == "cuda",
    )


@torch.inference_mode()
def predict(
    model: PreTrainedModel, rows: Dataset, hardware: Hardware, progress: Progress
) -> np.ndarray:
    """Logits of every row, float32 of shape (rows, 2), in the rows' own order."""
    model.eval().to(torch.device(hardware.device))  # pyright: ignore[reportArgumentType]
    logits = np.empty((len(rows), 2), dtype=np.float32)
    order = np.argsort(rows["length"], kind="stable")
    for start in range(0, len(order), PREDICTION_BATCH):
        chosen = order[start : start + PREDICTION_BATCH]
        ids = [torch.tensor(rows[int(index)]["input_ids"]) for index in chosen]
        padded = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True).to(hardware.device)
        lengths = torch.tensor([len(row) for row in ids], device=hardware.device)
        mask = torch.arange(padded.shape[1], device=hardware.device) < lengths[:, None]
        with hardware.autocast():
            logits[chosen] = (
                model(input_ids=padded, attention_mask=mask.long()).logits.float().cpu()
            )
        progress.update(start + len(chosen), " rows")
    return logits
