"""What this machine does: training steps of full-size models' shapes, ours beside stock Trainer's.

Weights are random and nothing is downloaded. It computes as a job of the rules does, in one thread.
"""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import torch
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from rejeu.build.packages import versions
from rejeu.job.run import Progress
from rejeu.job.whole_files import write_json
from rejeu.training.hardware import Hardware, choose, machine
from rejeu.training.probe_parts import probe_decoder, probe_encoder
from rejeu.training.timing import seconds as seconds_of

# By role, how it is measured, and which share of the time that is left it may take.
PARTS = {
    "small_encoder": (probe_encoder, 0.1),
    "small_decoder": (probe_decoder, 0.15),
    "encoder": (probe_encoder, 0.5),
    "decoder": (probe_decoder, 1.0),
}
STARTS = "import rejeu.training.classifier, rejeu.training.lora"  # what a job loads first


def measure(seconds: float = 60, terminal: TextIO = sys.stderr) -> dict[str, Any]:
    """Measure this machine in about so many seconds; what can't be cut further takes longer.

    Returns:
        What `rejeu probe` writes: {date, machine, device, precision, attention, threads, packages,
        peak_gflops, parts: by role as `probe_encoder` and `probe_decoder` say, speed,
        wall_seconds}. `speed` is what a tier's `expected_speed` says of another machine: seconds
        until a job's packages are loaded, tokens a second of training.
    """
    set_verbosity_error()
    disable_progress_bar()
    hardware = choose("auto", "auto", threads=1)
    began = time.monotonic()
    progress = Progress("probe", len(PARTS) + 1, terminal, interval=0.0)
    start, peak = start_seconds(), peak_gflops(hardware)
    progress.update(1, " measured")
    parts: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for place, (role, (probe, share)) in enumerate(PARTS.items(), 2):
            left = share * (seconds - (time.monotonic() - began))
            parts[role] = probe(role, Path(folder, role), hardware, left, peak)
            progress.update(place, " measured")
    rates = {role: part["ours"]["tokens_per_second"] for role, part in parts.items()}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "device": hardware.device,
        "precision": hardware.precision,
        "attention": hardware.attention,
        "threads": hardware.threads,
        "packages": versions(),
        "peak_gflops": peak,
        "parts": parts,
        "speed": {"start": start} | rates,
        "wall_seconds": time.monotonic() - began,
    }


def start_seconds() -> float:
    """Seconds until a new process has loaded what training needs."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", STARTS], check=True, capture_output=True)  # noqa: S603
    return time.perf_counter() - start


def peak_gflops(hardware: Hardware) -> float:
    """Best rate of a product of large square matrices in the precision that is trained in."""
    side = 2048 if hardware.device == "cpu" else 8192
    one = torch.randn(side, side, device=hardware.device).to(hardware.dtype)
    return 2 * side**3 / min(seconds_of(lambda: one @ one, hardware) for _ in range(8)) / 1e9


if __name__ == "__main__":
    write_json(Path(sys.argv[2]), measure(float(sys.argv[1])))
