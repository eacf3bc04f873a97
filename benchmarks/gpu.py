"""Try all that training does on a GPU, and write what was seen to benchmarks/results/gpu.json.

python benchmarks/gpu.py
python benchmarks/gpu.py --device cpu --small --output FILE     tries the script itself

Needs the tree, PyTorch, transformers and peft; bitsandbytes for 4-bit weights. Models have true
shapes and random weights, and nothing is downloaded. Ends with 1 where a comparison fails.
"""

import argparse
import importlib.util
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
if "cpu" in sys.argv:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # read when PyTorch starts

import pyarrow as pa  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from transformers import (  # noqa: E402
    DistilBertConfig,
    DistilBertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
)
from transformers.utils import logging  # noqa: E402

from rejeu.build.packages import versions  # noqa: E402
from rejeu.data.tokenise import TokenRows  # noqa: E402
from rejeu.errors import RejeuError  # noqa: E402
from rejeu.job.whole_files import sha256_of, write_json  # noqa: E402
from rejeu.training import (  # noqa: E402
    checkpoint,
    classifier,
    forward,
    lora,
    probe,
    probe_parts,
    random_models,
    replies,
)
from rejeu.training.hardware import Hardware, choose, machine  # noqa: E402
from rejeu.training.outputs import save_weights, write_jsonl  # noqa: E402
from rejeu.training.probe_parts import distance, without_gradient  # noqa: E402

SCALE = 2.0**10  # of a loss, so that float16 doesn't lose small gradients; exact in binary
# How far ours may be from float32's results, as a share of them; or else twice as far as the
# library's in the same precision. bfloat16 rounds each product to 8 bits, float16 to 11.
TOLERANCE = {"fp32": 1e-4, "bf16": 0.1, "fp16": 0.02}
STEPS, SAVED_EVERY, ROWS_PER_STEP = 40, 10, 16
CLASSIFIER = replace(probe_parts.CLASSIFIER, batch_size=ROWS_PER_STEP)
LORA = replace(probe_parts.LORA, batch_size=ROWS_PER_STEP, accumulation=1, max_steps=STEPS)
FILES = {
    "classifier": ["model.safetensors"],
    "lora": ["adapter_model.safetensors", "adapter_config.json"],
}


def write_models(folder: Path, *, small: bool) -> None:
    """DistilBERT's shape; and OpenLLaMA-3B's, of its 26 layers 4, in bfloat16."""
    torch.manual_seed(1)
    encoder = random_models.settings_of("encoder")
    decoder = random_models.settings_of("decoder", layers=4)
    if small:
        shape: dict[str, Any] = {"vocab_size": 500, "max_position_embeddings": 64}
        encoder = DistilBertConfig(dim=64, n_layers=2, n_heads=4, hidden_dim=128, **shape)
        decoder = LlamaConfig(
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            **shape,
        )
    DistilBertForSequenceClassification(encoder).save_pretrained(folder / "classifier")
    LlamaForCausalLM(decoder).bfloat16().save_pretrained(folder / "lora")


def rows_of(count: int, *, small: bool) -> TokenRows:
    """Rows of up to 512 tokens, as reviews are: a third of them at most half as long."""
    draw = random.Random(2)
    longest, words = (48, 500) if small else (512, 30000)
    lengths = [draw.randint(longest // 8, longest) for _ in range(count)]
    ids = [draw.choices(range(5, words), k=length) for length in lengths]
    return TokenRows(pa.chunked_array([ids]), lengths, [place % 2 for place in range(count)])


def quantisations() -> list[str]:
    """Of a frozen model's weights: 4 bits where bitsandbytes is installed."""
    return ["none", "nf4"] if importlib.util.find_spec("bitsandbytes") else ["none"]


Result = tuple[torch.Tensor, dict[str, torch.Tensor]]  # logits or loss, gradients by name


def results(model: Any, computed: Callable[[], tuple[torch.Tensor, torch.Tensor]]) -> Result:
    """What `computed` gives, logits and loss, and the loss's gradients."""
    shown, loss = computed()
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    gradients = torch.autograd.grad(loss * SCALE, list(trained.values()))
    pairs = zip(trained, gradients, strict=True)
    return shown.detach().float(), {name: value.float() / SCALE for name, value in pairs}


def compare_classifier(folder: Path, hardware: Hardware, *, small: bool) -> dict[str, Any]:
    """Our logits and gradients of an encoder, and the library's."""
    model = classifier.load(folder / "classifier", hardware, 0.0, 2).eval()
    rows = rows_of(ROWS_PER_STEP, small=small)
    labels = torch.tensor(rows.labels, device=hardware.device)

    def ours() -> tuple[torch.Tensor, torch.Tensor]:
        logits = forward.logits_of(model, hardware)(list(rows))
        return logits, cross_entropy(logits, labels)

    def library(used: Hardware) -> tuple[torch.Tensor, torch.Tensor]:
        with used.autocast():
            logits = model(**forward.padded(list(rows), 0, used.device)).logits.float()
        return logits, cross_entropy(logits, labels)

    found, theirs = results(model, ours), results(model, lambda: library(hardware))
    exact = results(model, lambda: library(replace(hardware, precision="fp32")))
    packed = forward.is_packed(model, hardware)
    return judged(found, theirs, exact, hardware.precision) | {"packed": packed}


def compare_lora(
    folder: Path, hardware: Hardware, quantisation: str, *, small: bool
) -> dict[str, Any]:
    """Our loss and gradients of an adapter, and the library's."""
    base = lora.load(folder / "lora", hardware, quantisation)
    torch.manual_seed(3)
    config = LoraConfig(r=8, lora_alpha=8, task_type="CAUSAL_LM", init_lora_weights=False)
    model: Any = get_peft_model(base, config).eval()
    rows = list(rows_of(ROWS_PER_STEP, small=small))
    batch = forward.padded(rows, 0, hardware.device)
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)

    def ours() -> tuple[torch.Tensor, torch.Tensor]:
        total, tokens = forward.loss(model, rows, hardware)
        return total / tokens, total / tokens

    def library(used: Hardware) -> tuple[torch.Tensor, torch.Tensor]:
        with used.autocast():
            loss = model(**batch, labels=labels, use_cache=False).loss
        return loss, loss

    packed = forward.is_packed(model, hardware)
    found, theirs = results(model, ours), results(model, lambda: library(hardware))
    replies.in_float32(model)
    exact = results(model, lambda: library(replace(hardware, precision="fp32")))
    return judged(found, theirs, exact, hardware.precision) | {"packed": packed}


def judged(ours: Result, theirs: Result, exact: Result, precision: str) -> dict[str, Any]:
    """How far ours and the library's are from float32's, as shares of it.

    Returns:
        {result: {ours, library}, gradients: {ours, library}, zero: matrices of ours without a
        gradient, passed: whether ours are near enough, and none is zero}.
    """
    far = {"result": {}, "gradients": {}}
    for name, (result, gradients) in (("ours", ours), ("library", theirs)):
        far["result"][name] = distance({"result": result}, {"result": exact[0]})
        far["gradients"][name] = distance(gradients, exact[1])
    zero = without_gradient(ours[1])
    near = [each["ours"] <= max(TOLERANCE[precision], 2 * each["library"]) for each in far.values()]
    return far | {"zero": zero, "passed": all(near) and not zero}


def train(kind: str, folder: Path, hardware: Hardware, name: str, *, small: bool) -> dict[str, Any]:
    """Train a run to folder/NAME, going on from its state where it was stopped.

    Returns:
        Its run.json, and sha256 by file of weights and log.
    """
    rows = rows_of(STEPS * ROWS_PER_STEP, small=small)
    output = folder / name
    output.mkdir(parents=True, exist_ok=True)
    place = (folder / f"{name}.states", "0" * 64, 3600.0, SAVED_EVERY, name, sys.stderr)
    with checkpoint.held(*place) as states:
        if kind == "classifier":
            model, log, record = classifier.train(
                folder / kind, rows, CLASSIFIER, hardware, name, sys.stderr, states
            )
        else:
            batches = lora.schedule(rows.lengths, LORA)
            base = lora.load(folder / kind, hardware, quantisations()[-1])
            model, log, record = lora.train(
                base, list(rows), batches, LORA, hardware, name, sys.stderr, states
            )
        save_weights(model, output, FILES[kind])
        write_jsonl(str(output / "log.jsonl"), log)
    files = [*FILES[kind], "log.jsonl"]
    return record | {"sha256": {file: sha256_of(output / file) for file in files}}


def killed(kind: str, folder: Path, given: argparse.Namespace, name: str, by: int) -> bool:
    """Train in a process of its own and kill it after a few steps; say whether it was running."""
    command = [sys.executable, __file__, "--device", given.device, "--train", kind, name]
    command += ["--folder", str(folder), *(["--small"] if given.small else [])]
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603
        while process.poll() is None and not list(folder.glob(f"{name}.states/**/step*.json")):
            time.sleep(0.002)
        running = process.poll() is None
        process.send_signal(by)
        process.wait()
    return running and process.returncode != 0


def compare_runs(
    kind: str, folder: Path, hardware: Hardware, given: argparse.Namespace
) -> dict[str, Any]:
    """An undisturbed run and two that were killed, by SIGTERM and SIGKILL, and went on.

    Returns:
        Facts of the undisturbed run, seconds: {deterministic, otherwise: on a GPU}, killed: by
        signal {was_running, resumes, equal: bit for bit}, passed}.
    """
    whole = train(kind, folder, hardware, f"{kind}.whole", small=given.small)
    found: dict[str, Any] = {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        name = f"{kind}.{number.name}"
        was_running = killed(kind, folder, given, name, number)
        again = train(kind, folder, hardware, name, small=given.small)
        equal = again["sha256"] == whole["sha256"]
        found[number.name] = {
            "was_running": was_running,
            "resumes": again["resumes"],
            "equal": equal,
        }
    kept = ("deterministic", "determinism", "attention", "precision", "steps", "peak_memory_mb")
    expected = {"was_running": True, "resumes": 1, "equal": True}
    seconds = {"deterministic": whole["wall_seconds"]}
    result = {key: whole[key] for key in kept} | {"seconds": seconds, "killed": found}
    if given.device == "cuda":
        result["peak_gpu_mb"] = torch.cuda.max_memory_allocated() / 1e6
        free = replace(hardware, deterministic=False)
        seconds["otherwise"] = train(kind, folder, free, "free", small=given.small)["wall_seconds"]
    return result | {"passed": all(each == expected for each in found.values())}


def facts(hardware: Hardware) -> dict[str, Any]:
    """The machine, and what computes on it."""
    found: dict[str, Any] = {
        "machine": machine(),
        "python": platform.python_version(),
        "packages": versions(),
        "device": hardware.device,
        "precision": hardware.precision,
        "attention": hardware.attention,
    }
    if hardware.device == "cuda":
        properties = torch.cuda.get_device_properties(0)
        found["gpu"] = {
            "capability": list(torch.cuda.get_device_capability()),
            "memory_mb": properties.total_memory / 1e6,
            "cuda": torch.version.cuda,
        }
    return found


def table(found: dict[str, Any]) -> str:
    """What was seen, in a few lines."""
    lines = [f"{'':34}{'ours':>10}{'library':>10}  from float32"]
    for name, each in found["compared"].items():
        for what in ("result", "gradients"):
            far = each[what]
            verdict = "passed" if each["passed"] else "FAILED"
            lines.append(
                f"{name + ', ' + what:34}{far['ours']:10.2e}{far['library']:10.2e}  {verdict}"
            )
    for kind, each in found["runs"].items():
        for by, run in each["killed"].items():
            same = "the same bytes" if run["equal"] else "other bytes"
            lines.append(f"{kind}, {by} and resumed: {same}")
        seconds = ", ".join(f"{name} {taken:.1f} s" for name, taken in each["seconds"].items())
        lines.append(f"{kind}, {each['steps']} steps: {seconds}")
    lines.append("all passed" if found["passed"] else "FAILED: see above")
    return "\n".join(lines)


def see(given: argparse.Namespace, folder: Path, hardware: Hardware) -> dict[str, Any]:
    """Probe, compare and kill; all that is written to `--output`."""
    began = time.monotonic()
    measured = probe.measure(given.seconds) if given.seconds else None
    found = facts(hardware) | {"probe": measured, "compared": {}, "runs": {}}
    write_models(folder, small=given.small)
    for precision in ("fp32", "bf16", "fp16"):
        used = choose(precision, "auto", hardware.threads)
        name = f"classifier, {precision}"
        found["compared"][name] = compare_classifier(folder, used, small=given.small)
        for quantisation in quantisations():
            name = f"lora, {precision}, {quantisation}"
            compared = compare_lora(folder, used, quantisation, small=given.small)
            found["compared"][name] = compared
    for kind in FILES:
        found["runs"][kind] = compare_runs(kind, folder, hardware, given)
    passed = all(each["passed"] for part in ("compared", "runs") for each in found[part].values())
    return found | {"passed": passed, "wall_seconds": time.monotonic() - began}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Try all that training does on a GPU")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny models, to try the script")
    parser.add_argument("--seconds", type=float, help="for the probe; 60, or 0 with --small")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "gpu.json")
    parser.add_argument("--train", nargs=2, help=argparse.SUPPRESS)  # a run that is to be killed
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("error: PyTorch sees no GPU; --device cpu tries the script itself", file=sys.stderr)
        return 2
    if given.seconds is None:
        given.seconds = 0 if given.small else 60
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    hardware = choose("auto", "auto", 1)
    if given.train:
        try:
            train(given.train[0], given.folder, hardware, given.train[1], small=given.small)
        except RejeuError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = see(given, Path(folder), hardware)
    write_json(given.output, json.loads(json.dumps(found)))
    print(table(found))
    return 0 if found["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
