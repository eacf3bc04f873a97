"""What Rejeu runs, with the same command line as notebook.py, so that both can be timed alike.

python benchmarks/ours.py sentiment --model FOLDER --data FOLDER --seed 42 --output FILE
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rejeu.data.tokenise import TokenRows, read_tokens  # noqa: E402
from rejeu.job.run import Progress  # noqa: E402
from rejeu.job.whole_files import write_json  # noqa: E402
from rejeu.study.configuration import load  # noqa: E402
from rejeu.study.strict_reading import read_yaml  # noqa: E402
from rejeu.training import classifier, decoder, encoder, generation, hardware, lora  # noqa: E402
from rejeu.training.packed import pack  # noqa: E402

COUNTED = 4  # batches whose floating-point operations are counted


def settings_of(part: str, experiment: str) -> dict[str, Any]:
    """An experiment's settings, as the rules resolve them."""
    study = load(read_yaml(ROOT / "config.yaml"), "config.yaml")
    chosen = study.parts[part].experiments[experiment]
    return chosen.model_dump(exclude={"title", "arm", "group", "seeds", "add_row"})


def machine(settings: dict[str, Any], given: argparse.Namespace) -> hardware.Hardware:
    precision, attention = settings.pop("precision"), settings.pop("attention")
    return hardware.choose(given.precision or precision, attention, given.threads)


def train_classifier(given: argparse.Namespace) -> dict[str, Any]:
    settings = settings_of("sentiment", "baseline")
    used = machine(settings, given)
    rows = read_tokens(given.data / "train.arrow")
    rows = TokenRows(
        rows.ids.slice(0, given.rows), rows.lengths[: given.rows], rows.labels[: given.rows]
    )
    chosen = classifier.Settings(seed=given.seed, classes=2, **settings)
    model, _, record = classifier.train(given.model, rows, chosen, used, "ours", sys.stderr)
    parts = encoder.classifier(model)
    labels = torch.tensor(rows.labels)

    def step(batch: list[int]) -> torch.Tensor:
        packed = pack([rows[row] for row in batch], used.device)
        return cross_entropy(encoder.logits(parts, packed, used, training=True), labels[batch])

    if given.predict:
        record |= accuracy(model, read_tokens(given.data / "test.arrow"), used)
    batches = classifier.schedule(rows.lengths, chosen)
    return record | count(step, batches, rows.lengths)


def accuracy(model: Any, rows: TokenRows, used: hardware.Hardware) -> dict[str, Any]:
    logits = classifier.predict(model, rows, used, Progress("ours", len(rows), sys.stderr))
    right = logits.argmax(axis=1) == np.array(rows.labels)
    return {"accuracy": float(right.mean()), "test_rows": len(rows)}


def train_lora(given: argparse.Namespace) -> dict[str, Any]:
    settings: dict[str, Any] = settings_of("lora", "r8")
    used = machine(settings, given)
    rows = list(read_tokens(given.data / f"train.{settings['joining']}.arrow"))
    chosen = lora.Settings(seed=given.seed, max_steps=given.steps, **settings)
    base = lora.load(given.model, used, "none")
    lengths = [len(row) for row in rows]
    batches = lora.schedule(lengths, chosen)
    model, _, record = lora.train(base, rows, batches, chosen, used, "ours", sys.stderr)
    if given.predict:
        heldout = list(read_tokens(given.data / f"test.{settings['joining']}.arrow"))
        progress = Progress("ours", len(heldout), sys.stderr)
        found = generation.heldout_loss(model, heldout, used, progress)
        record |= {"heldout_loss": found["loss"], "heldout_tokens": found["tokens"]}
    # Counted on a second copy: weights laid out for the processor hide their products.
    plain = lora.load(given.model, used, "none")
    plain.requires_grad_(False)

    def step(batch: list[int]) -> torch.Tensor:
        packed = pack([rows[row] for row in batch], used.device)
        embedding: Any = plain.get_input_embeddings()
        embedding.weight.requires_grad_()  # so that gradients flow through, as with an adapter
        return decoder.loss(plain, packed, used)[0]

    return record | count(step, batches, lengths)


def count(step: Any, batches: list[list[int]], lengths: list[int]) -> dict[str, float]:
    """Floating-point operations per token of some batches' forward and backward passes."""
    chosen = batches[:: max(1, len(batches) // COUNTED)][:COUNTED]
    with FlopCounterMode(display=False) as counter:
        for batch in chosen:
            step(batch).backward()
    tokens = sum(lengths[row] for batch in chosen for row in batch)
    return {"flop_per_token": counter.get_total_flops() / tokens}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train as Rejeu does, and say how fast")
    parser.add_argument("part", choices=["sentiment", "lora"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--rows", type=int, help="of Part 1's training data; all unless given")
    parser.add_argument("--steps", type=int, default=200, help="of Part 2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--predict", action="store_true", help="judge the trained model too")
    parser.add_argument("--precision", help="the study's unless given")
    given = parser.parse_args()
    record = train_classifier(given) if given.part == "sentiment" else train_lora(given)
    rates = {
        "rows_per_second": record["samples_per_second"],
        "steps_per_second": record["steps"] / record["wall_seconds"],
    }
    write_json(given.output, json.loads(json.dumps(vars(given) | record | rates, default=str)))


if __name__ == "__main__":
    main()
