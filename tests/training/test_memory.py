"""How many tokens are computed at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedConfig,
)

from rejeu.job.run import refusal
from rejeu.training import forward, memory
from rejeu.training.hardware import Hardware
from tests.training.test_packed import bert

GPU = Hardware("cuda", "bf16", "varlen", 1)
GB = 10**9


def distilbert() -> Any:
    with torch.device("meta"):  # shapes without weights
        return DistilBertForSequenceClassification(DistilBertConfig())


def llama() -> Any:
    """OpenLLaMA-3B's shape, in bfloat16, frozen."""
    config = LlamaConfig(
        hidden_size=3200, intermediate_size=8640, num_hidden_layers=26, num_attention_heads=32
    )
    with torch.device("meta"):
        return LlamaForCausalLM(config).bfloat16().requires_grad_(False)


@pytest.mark.parametrize(
    ("make", "gigabytes", "precision", "expected"),
    [
        (distilbert, 16, "bf16", 32768),  # as the docstring's arithmetic has it
        (distilbert, 16, "fp32", 16384),  # 32 rows of 512 are whole
        (distilbert, 80, "bf16", 131072),
        (llama, 16, "bf16", 512),
        (llama, 24, "bf16", 2048),
        (llama, 6, "bf16", 512),  # which has no room for the weights; it must try
    ],
)
def test_tokens_that_fit(make: Any, gigabytes: int, precision: str, expected: int) -> None:
    hardware = replace(GPU, precision=precision)
    assert memory.fitting(make(), hardware, gigabytes * GB) == expected


def test_what_is_free_now_does_not_count(
    encoder: Path, fp32: Hardware, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = bert(encoder)
    assert memory.tokens_per_part(model, fp32) == memory.TOKENS
    assert memory.tokens_per_part(model, replace(GPU, attention="eager")) == memory.TOKENS
    properties = type("Properties", (), {"total_memory": 16 * GB})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    most = memory.tokens_per_part(model, GPU)
    assert most == memory.fitting(model, GPU, 16 * GB) > memory.TOKENS
    lengths = [most // 4] * 9
    assert [len(part) for part in forward.cutter(model, lengths, GPU)(range(9))] == [4, 4, 1]
    model.config = PreTrainedConfig()  # which has no such names
    assert memory.tokens_per_part(model, GPU) == memory.TOKENS


def test_a_gpu_whose_memory_ran_out_ends_the_job_with_what_to_set() -> None:
    """PyTorch's error as it is raised; no smaller part is tried in silence."""
    said = refusal(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert said is not None
    assert "Set a smaller batch_size of the experiment or max_length of the tier" in said
