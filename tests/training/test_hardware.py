import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rejeu.job.machine import peak_memory_mb
from rejeu.training.hardware import (
    Hardware,
    best_precision,
    choose,
    kernel,
    machine,
    remark,
)


def test_auto_resolves() -> None:
    found = choose("auto", "auto", 1)
    assert found.device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert found.precision == best_precision(found.device)
    assert found.precision in ("fp32", "bf16", "fp16")
    assert found.attention in ("eager", "sdpa", "varlen")
    assert found.threads == 1 == torch.get_num_threads()


def test_the_same_answer_twice() -> None:
    assert choose("auto", "auto", 1) == choose("auto", "auto", 1)


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)],
)
def test_what_is_asked_for_is_what_is_got(precision: str, dtype: torch.dtype) -> None:
    found = choose(precision, "fused", 1)
    assert found.attention == kernel("fused", found.device, precision)
    assert (found.precision, found.dtype) == (precision, dtype)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_autocast_computes_in_the_precision(precision: str, dtype: torch.dtype) -> None:
    found = choose(precision, "eager", 1)
    matrix = torch.eye(4, device=found.device)
    with found.autocast():
        assert (matrix @ matrix).dtype == dtype


def test_unknown_attention() -> None:
    with pytest.raises(KeyError):
        choose("fp32", "flash", 1)


@pytest.mark.parametrize(
    ("capability", "precision", "expected"),
    [
        ((8, 0), "bf16", "varlen"),
        ((9, 0), "fp16", "varlen"),
        ((8, 0), "fp32", "sdpa"),
        ((7, 5), "fp16", "sdpa"),
    ],
)
def test_a_gpu_s_fused_attention(
    capability: tuple[int, int], precision: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert kernel("fused", "cuda", precision) == expected
    assert kernel("eager", "cuda", precision) == "eager"
    assert kernel("fused", "cpu", precision) == "sdpa"


def test_what_may_differ_between_equal_runs_is_said(request: pytest.FixtureRequest) -> None:
    """And PyTorch is asked for deterministic algorithms on a GPU only."""
    request.addfinalizer(lambda: torch.use_deterministic_algorithms(mode=False))
    gpu = Hardware("cuda", "bf16", "varlen", 1)
    other = replace(gpu, deterministic=False)
    reasons = [each.determinism for each in (Hardware("cpu", "bf16", "eager", 1), gpu, other)]
    assert len(set(reasons)) == 3
    assert "may use operations without any" in reasons[2]
    choose("fp32", "eager", 1).settle()
    if not torch.cuda.is_available():
        assert not torch.are_deterministic_algorithms_enabled()
    gpu.settle()
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    other.settle()
    assert torch.is_deterministic_algorithms_warn_only_enabled()


def test_machine_and_memory() -> None:
    found = machine()
    assert found.keys() == {"cpu", "cores", "gpu"}
    assert isinstance(found["cores"], int)
    assert found["cores"] >= 1
    assert 50 < peak_memory_mb() < 1e6  # torch alone is more than 50 MB


def test_without_bfloat16_it_is_float32_and_says_so() -> None:
    """As on a processor whose instructions are forbidden, which is how users can try it."""
    asked = "from rejeu.training.hardware import *; print(choose('auto', 'auto', 1))"
    said = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "precision='fp32'" in said
    told = remark(Hardware("cpu", "fp32", "eager", 1))
    assert told is not None
    assert "float32" in told
    assert remark(Hardware("cpu", "bf16", "eager", 1)) is None
    assert remark(Hardware("cuda", "fp32", "sdpa", 1)) is None
