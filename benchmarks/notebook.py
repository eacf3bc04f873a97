"""What a notebook's user runs: stock Trainer, default numerics, all cores. A yardstick.

Our own writing of the usual cells, kept apart from `rejeu` on purpose: nothing here is tuned. Same
data, pretrained model, truncation, batch and epochs as Rejeu's run; float32, dropout as the model
was published with, rows drawn and padded in random order.

    python benchmarks/notebook.py sentiment --model FOLDER --data FOLDER --seed 42 --output FILE
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
    set_seed,
)


def sentiment(given: argparse.Namespace) -> dict[str, Any]:
    """Part 1's baseline: trains on train.parquet; predicts test.parquet if `predict`."""
    set_seed(given.seed)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForSequenceClassification.from_pretrained(given.model, num_labels=2)

    def dataset(name: str, rows: int | None = None) -> Any:
        frame = pd.read_parquet(given.data / name, columns=["text", "label"]).iloc[:rows]
        return Dataset.from_pandas(frame, preserve_index=False).map(
            lambda batch: tokenizer(batch["text"], truncation=True, max_length=given.max_length),
            batched=True,
            remove_columns="text",
        )

    train = dataset("train.parquet", given.rows)
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=f"{given.output}.trainer",
            learning_rate=2e-5,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=16,
            num_train_epochs=1,
            weight_decay=0.01,
            seed=given.seed,
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=train,
        data_collator=DataCollatorWithPadding(tokenizer),
    )
    record = timed(trainer, len(train))
    if given.predict:
        found = trainer.predict(dataset("test.parquet"))
        right = np.asarray(found.predictions).argmax(axis=1) == found.label_ids
        record |= {"accuracy": float(right.mean()), "test_rows": len(right)}
    return record


def lora(given: argparse.Namespace) -> dict[str, Any]:
    """Part 2's r = 8: trains `steps` steps of two single rows; held-out loss if `predict`."""
    set_seed(given.seed)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    tokenizer.pad_token = tokenizer.eos_token
    base = AutoModelForCausalLM.from_pretrained(given.model, dtype=torch.float32)
    model = get_peft_model(
        base,
        LoraConfig(r=8, lora_alpha=8, lora_dropout=0.1, bias="none", task_type="CAUSAL_LM"),
    )

    def dataset(name: str) -> Dataset:
        frame = pd.read_parquet(given.data / name, columns=["input", "output"])
        texts = Dataset.from_dict({"text": list(frame["input"] + frame["output"])})
        return texts.map(
            lambda batch: tokenizer(batch["text"], truncation=True, max_length=given.max_length),
            batched=True,
            remove_columns="text",
        )

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=f"{given.output}.trainer",
            learning_rate=2e-4,
            per_device_train_batch_size=1,
            per_device_eval_batch_size=8,
            gradient_accumulation_steps=2,
            max_steps=given.steps,
            warmup_steps=0.03,
            max_grad_norm=0.3,
            seed=given.seed,
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=dataset("train.parquet"),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )
    record = timed(trainer, 2 * given.steps)
    if given.predict:
        record |= heldout(model, dataset("test.parquet")["input_ids"])
    return record


def timed(trainer: Trainer, rows: int) -> dict[str, Any]:
    start = time.monotonic()
    result = trainer.train()
    seconds = time.monotonic() - start
    return {
        "rows": rows,
        "steps": result.global_step,
        "seconds": seconds,
        "rows_per_second": rows / seconds,
        "steps_per_second": result.global_step / seconds,
        "train_loss": result.training_loss,
        "threads": torch.get_num_threads(),
    }


@torch.inference_mode()
def heldout(model: Any, rows: list[list[int]]) -> dict[str, Any]:
    """Mean loss per predicted token, over one row at a time."""
    model.eval()
    total, tokens = 0.0, 0
    for row in rows:
        ids = torch.tensor([row])
        predicted = len(row) - 1
        total += model(input_ids=ids, labels=ids).loss.item() * predicted
        tokens += predicted
    return {"heldout_loss": total / tokens, "heldout_tokens": tokens}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("part", choices=["sentiment", "lora"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--rows", type=int, help="of Part 1's training data; all unless given")
    parser.add_argument("--steps", type=int, default=200, help="of Part 2")
    parser.add_argument("--threads", type=int, help="all cores unless given")
    parser.add_argument("--predict", action="store_true", help="judge the trained model too")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    record = sentiment(given) if given.part == "sentiment" else lora(given)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(vars(given) | record, default=str, indent=2) + "\n")


if __name__ == "__main__":
    main()
