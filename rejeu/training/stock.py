"""transformers' Trainer on rows of tokens: what the probe compares our training with."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from rejeu.training.forward import padded
from rejeu.training.hardware import Hardware

Row = dict[str, Any]  # input_ids, and a classifier's label


class Clock(TrainerCallback):
    """Takes the time of all steps, without what Trainer does before and after."""

    def __init__(self) -> None:
        self.start, self.end = 0.0, 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Note when the first step begins."""
        self.start = self.start or time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Note when a step ends, on a GPU too."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.end = time.perf_counter()


def labelled(rows: list[Row]) -> dict[str, torch.Tensor]:
    """A classifier's batch, padded to its longest row."""
    labels = torch.tensor([row["label"] for row in rows])
    return padded([row["input_ids"] for row in rows], 0, "cpu") | {"labels": labels}


def continued(rows: list[Row]) -> dict[str, torch.Tensor]:
    """A causal model's batch, padded to its longest row; padding isn't predicted."""
    batch = padded([row["input_ids"] for row in rows], 0, "cpu")
    return batch | {"labels": batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)}


def seconds(
    model: Any,
    rows: list[Row],
    rows_per_step: int,
    collate: Callable[[list[Row]], dict[str, torch.Tensor]],
    hardware: Hardware,
    folder: Path,
) -> float:
    """Wall time of one epoch of stock Trainer over the rows in their order.

    Its own defaults, but in the hardware's precision, and nothing is logged or saved. Rows whose
    lengths are alike stand together, as its `group_by_length` puts them in a large data set.
    """
    torch.use_deterministic_algorithms(False)  # which our own training may have asked for
    clock = Clock()
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=rows_per_step,
        num_train_epochs=1,
        train_sampling_strategy="sequential",
        bf16=hardware.precision == "bf16",
        fp16=hardware.precision == "fp16",
        use_cpu=hardware.device == "cpu",
        dataloader_pin_memory=hardware.device != "cpu",
        remove_unused_columns=False,
        logging_strategy="no",
        save_strategy="no",
        disable_tqdm=True,
    )
    dataset: Any = rows  # a list serves
    trainer = Trainer(
        model=model, args=arguments, train_dataset=dataset, data_collator=collate, callbacks=[clock]
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock.end - clock.start
