"""What this machine computes best. Always the same answer for the same machine and setting."""

import os
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Hardware:
    """How a job computes: recorded in its run.json."""

    device: str  # cpu or cuda
    precision: str  # fp32, bf16 or fp16
    attention: str  # eager; sdpa: PyTorch's fused kernels; or varlen, these for rows end to end
    threads: int
    deterministic: bool = True  # whether a run gives the same bytes twice; see `determinism`

    @property
    def dtype(self) -> torch.dtype:
        """The precision as PyTorch's type."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[
            self.precision
        ]

    def autocast(self) -> torch.autocast:
        """A context in which products are computed in the precision; in fp32 it changes nothing."""
        return torch.autocast(self.device, dtype=self.dtype, enabled=self.precision != "fp32")

    @property
    def determinism(self) -> str:
        """Why a run gives the same bytes twice on one machine, or may not."""
        if self.device == "cpu":
            return "a processor adds up in one order for one number of threads"
        if self.deterministic:
            return "PyTorch's deterministic algorithms"
        return "PyTorch's deterministic algorithms, but the model may use operations without any"

    def settle(self) -> None:
        """Let PyTorch take deterministic algorithms for training, where there is a choice.

        Only so is flash attention's backward pass deterministic. An operation that has no such
        algorithm ends a run that is to be deterministic.
        """
        if self.device == "cuda":
            torch.use_deterministic_algorithms(True, warn_only=not self.deterministic)


def choose(precision: str, attention: str, threads: int) -> Hardware:
    """Resolve `auto` settings for this machine and set the number of threads.

    On processors plain attention row by row trained 1.2 times as fast as with the fused kernel,
    whose backward pass is slow there (a BERT of 6 layers and width 384 in bf16 on 256 tokens, one
    thread). On GPUs from Ampere on, the fused kernel takes rows end to end, in half precision.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(threads)
    if device == "cuda":
        # Without it cuBLAS adds up in an order of its own; read when it starts.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        # Else deterministic algorithms fill all new memory first, to find what reads it unset.
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore
    if precision == "auto":
        precision = best_precision(device)
    if attention == "auto":
        attention = "eager" if device == "cpu" else "fused"
    return Hardware(device, precision, kernel(attention, device, precision), threads)


def kernel(attention: str, device: str, precision: str) -> str:
    """Which attention computes what the setting asks for: eager, sdpa or varlen.

    Raises:
        KeyError: there is no such setting.
    """
    found = {"eager": "eager", "fused": "sdpa"}[attention]
    half = device == "cuda" and precision != "fp32"
    if found == "sdpa" and half and torch.cuda.get_device_capability() >= (8, 0):
        return "varlen"
    return found


def best_precision(device: str) -> str:
    """bf16 where the device has instructions for it; else fp32 on cpu and fp16 on cuda."""
    if device == "cuda":
        return "bf16" if torch.cuda.get_device_capability() >= (8, 0) else "fp16"
    capabilities = processor()
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
    return {
        "cpu": str(processor().get("cpu_name", "unknown")),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def processor() -> dict[str, Any]:
    """What PyTorch knows of the processor: nothing, in some versions."""
    return getattr(torch.cpu, "get_capabilities", dict[str, Any])()
