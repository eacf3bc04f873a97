"""What this machine computes best. Always the same answer for the same machine and setting."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Hardware:
    """How a job computes: recorded in its run.json."""

    device: str  # cpu or cuda
    precision: str  # fp32, bf16 or fp16
    attention: str  # eager, or sdpa: PyTorch's fused kernels
    threads: int

    @property
    def dtype(self) -> torch.dtype:
        """The precision as PyTorch's type."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            self.precision
        ]

    def autocast(self) -> torch.autocast:
        """A context in which products are computed in the precision; in fp32 it changes nothing."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.precision != "fp32")


def choose(precision: str, attention: str, threads: int) -> Hardware:
    """Resolve `auto` settings for this machine and set the number of threads.

    On processors plain attention row by row trained 1.2 times as fast as with the fused kernel,
    whose backward pass is slow there (a BERT of 6 layers and width 384 in bf16 on 256 tokens, one
    thread).
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(threads)
    if precision == "auto":
        precision = best_precision(device)
    if attention == "auto":
        attention = "eager" if device == "cpu" else "fused"
    return Hardware(device, precision, {"eager": "eager", "fused": "sdpa"}[attention], threads)


def best_precision(device: str) -> str:
    """bf16 where the device has instructions for it; else fp32 on cpu and fp16 on cuda."""
    if device == "cuda":
        return "bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp16"
    capabilities = torch.cpu.get_capabilities()
    computes = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    # The second question also minds ONEDNN_MAX_CPU_ISA, by which a user may forbid instructions.
    return "bf16" if computes and torch.ops.mkldnn._is_mkldnn_bf16_supported() else "fp32"


def remark(hardware: Hardware) -> str | None:
    """What someone who waits for training should know about its speed."""
    if hardware.device == "cpu" and hardware.precision == "fp32":
        return "computing in float32, two to five times slower than bfloat16 where there is any"
    return None


def machine() -> dict[str, str | int | None]:
    """The machine that computed, as provenance names it: {cpu, cores, gpu}."""
    capabilities = torch.cpu.get_capabilities()
    return {
        "cpu": str(capabilities.get("cpu_name", "unknown")),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
