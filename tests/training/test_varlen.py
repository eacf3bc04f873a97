"""One attention call for all rows, as on a GPU: what the kernel is given, by a stand-in for it.

The kernel itself needs CUDA (`benchmarks/gpu.py` compares it there). The stand-in refuses what the
kernel would, and computes what it would, so that all else is what runs on a GPU.
"""

from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn
from torch.nn.functional import scaled_dot_product_attention

from rejeu.training import decoder, forward, lora, packed
from rejeu.training import encoder as encoding
from rejeu.training.hardware import Hardware
from tests.training.sample import ROWS
from tests.training.test_packed import REVIEWS, bert, distilbert

ACCEPTED = signature(varlen_attn)


class Kernel:
    """Counts its calls."""

    calls = 0

    def __call__(self, *given: Any, **options: Any) -> torch.Tensor:
        self.calls += 1
        arguments = ACCEPTED.bind(*given, **options)
        arguments.apply_defaults()
        return self.compute(**arguments.arguments)

    def compute(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        cu_seq_q: torch.Tensor,
        cu_seq_k: torch.Tensor,
        max_q: int,
        max_k: int,
        scale: float,
        window_size: tuple[int, int],
        enable_gqa: bool,
        **others: Any,
    ) -> torch.Tensor:
        assert query.shape[2] % 8 == 0
        assert all(part.stride(-1) == 1 for part in (query, key, value))
        assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
        assert enable_gqa or query.shape[1] == key.shape[1]
        assert not any(value for name, value in others.items() if name != "num_splits")
        sizes = [cu.diff().tolist() for cu in (cu_seq_q, cu_seq_k)]
        assert (max(sizes[0]), max(sizes[1])) == (max_q, max_k)
        rows = zip(query.split(sizes[0]), key.split(sizes[1]), value.split(sizes[1]), strict=True)
        results = []
        for row in rows:
            query, key, value = (part.transpose(0, 1)[None] for part in row)
            result = scaled_dot_product_attention(
                query,
                key,
                value,
                is_causal=window_size == (-1, 0),
                scale=scale,
                enable_gqa=enable_gqa,
            )
            results.append(result[0].transpose(0, 1))
        return torch.cat(results)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    found = Kernel()
    monkeypatch.setattr(packed, "varlen_attn", found)
    return found


@pytest.mark.parametrize("width", [8, 5])  # 5 isn't a multiple of 8, nor are OpenLLaMA's 100
@pytest.mark.parametrize("key_heads", [3, 6])
@pytest.mark.parametrize("causal", [False, True])
def test_one_call_gives_what_rows_one_by_one_give(
    kernel: Kernel, width: int, key_heads: int, causal: bool
) -> None:
    torch.manual_seed(1)
    queries, keys, values = (torch.randn(14, heads, width) for heads in (6, key_heads, key_heads))
    batch = packed.pack([[4] * 5, [4] * 2, [4] * 7], "cpu")
    found, expected = (
        packed.attend(queries, keys, values, batch, attention, causal=causal)
        for attention in ("varlen", "eager")
    )
    torch.testing.assert_close(found, expected)
    assert kernel.calls == 1
    if not causal:
        first = queries[batch.starts]
        one, other = (
            packed.attend(first, keys, values, batch, attention)
            for attention in ("varlen", "eager")
        )
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("make", [bert, distilbert])
def test_an_encoder_takes_one_call_a_layer(
    kernel: Kernel, encoder: Path, fp32: Hardware, make: Any
) -> None:
    model = make(encoder).eval()
    batch = packed.pack(REVIEWS, "cpu")

    def result(attention: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
        hardware = replace(fp32, attention=attention)
        logits = encoding.logits(encoding.classifier(model), batch, hardware, training=False)
        gradients = torch.autograd.grad(logits.square().sum(), list(model.parameters()))
        return logits, list(gradients)

    found, expected = result("varlen"), result("eager")
    assert kernel.calls == 2
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_decoder_takes_one_call_a_layer(kernel: Kernel, causal: Path, fp32: Hardware) -> None:
    model = lora.load(causal, fp32, "none").eval()
    batch = packed.pack(ROWS[:6], "cpu")

    def result(attention: str) -> tuple[torch.Tensor, list[torch.Tensor]]:
        found, _ = decoder.loss(model, batch, replace(fp32, attention=attention))
        products = [value for value in model.parameters() if value.ndim > 1]
        return found, list(torch.autograd.grad(found, products))

    found, expected = result("varlen"), result("eager")
    assert kernel.calls == 2
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-3)


GPU = Hardware("cuda", "bf16", "varlen", 1)


def test_on_a_gpu_rejeu_computes_where_one_call_serves(encoder: Path) -> None:
    """Else transformers' forward pass does, and run.json says with which attention."""
    model = bert(encoder)
    model.config.attention_probs_dropout_prob = 0.0
    assert forward.is_packed(model, GPU)
    assert forward.as_computed(model, GPU) == GPU
    for other in (
        replace(GPU, attention="sdpa", precision="fp32"),
        replace(GPU, attention="eager"),
    ):
        assert not forward.is_packed(model, other)
    model.config.attention_probs_dropout_prob = 0.1
    assert not forward.is_packed(model, GPU)
    assert forward.as_computed(model, GPU) == replace(GPU, attention="sdpa")
    assert forward.is_packed(model, Hardware("cpu", "bf16", "eager", 1))
    assert forward.remarks(model, forward.ENCODERS) == []


def test_what_a_version_of_pytorch_lacks_does_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_shared_keys(query: Any, *, scale: float, window_size: tuple[int, int]) -> None: ...
    def first(query: Any, is_causal: bool) -> None: ...  # of PyTorch 2.10

    assert packed.serves(32, 8, 100)
    assert not packed.serves(4, 4, packed.WIDEST + 1)
    monkeypatch.setattr(packed, "varlen_attn", without_shared_keys)
    assert packed.serves(8, 8, 64)
    assert not packed.serves(8, 4, 64)
    for lacking in (first, None):
        monkeypatch.setattr(packed, "varlen_attn", lacking)
        assert not packed.serves(8, 8, 64)
