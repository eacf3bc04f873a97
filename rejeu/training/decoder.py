"""A Llama model's forward pass over packed rows, with or without a LoRA adapter by peft.

Same weights and same results as the library's own forward pass, without padding, and with frozen
weights laid out once for the processor's matrix units.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from rejeu.training.hardware import Hardware
from rejeu.training.packed import Packed, attend, dropout


@dataclass(frozen=True)
class Decoder:
    """The parts of a model by their role."""

    body: Any  # LlamaModel: embed_tokens, layers, norm, rotary_emb
    head: nn.Module
    heads: int
    key_heads: int


def without_adapter(model: Any) -> Any:
    """transformers' model behind peft's, whose adapter stays in its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def decoder(model: Any) -> Decoder:
    """Name the parts of a Llama model, bare or with an adapter."""
    base = without_adapter(model)
    config = base.config
    return Decoder(base.model, base.lm_head, config.num_attention_heads, config.num_key_value_heads)


def freeze(model: nn.Module, hardware: Hardware) -> None:
    """Lay frozen weights out for the processor's matrix units, once instead of at each product.

    With the few tokens of a LoRA step, products took a quarter longer without. Only for bfloat16 on
    processors, where PyTorch has the layout; other layers stay as they are.
    """
    if hardware.device != "cpu" or hardware.precision != "bf16":
        return
    for parent in list(model.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.Linear and layer.bias is None and not layer.weight.requires_grad:
                setattr(parent, name, FrozenLinear(layer.weight))


class FrozenLinear(nn.Module):
    """x W^T for a bfloat16 weight that is never trained, laid out for both directions."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.forwards = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
        self.backwards = torch.ops.mkldnn._reorder_linear_weight(weight.detach().t().contiguous())

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Turn states (tokens, in features) into (tokens, out features)."""
        return _FrozenProduct.apply(states, self.forwards, self.backwards)  # pyright: ignore


class _FrozenProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, forwards: Any, backwards: Any) -> torch.Tensor:
        ctx.backwards = backwards
        return _product(states, forwards)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return _product(gradients[0], ctx.backwards), None, None


def _product(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(states, weight, None, "none", [], "")


def loss(model: Any, batch: Packed, hardware: Hardware) -> tuple[torch.Tensor, int]:
    """Sum the negative log-likelihood, in nats, of all tokens but each row's first; count them."""
    parts = decoder(model)
    states = hidden(parts, batch, hardware, training=model.training)
    logits = parts.head(states[batch.predicting]).float()
    total = functional.cross_entropy(logits, batch.ids[batch.predicting + 1], reduction="sum")
    return total, len(batch.predicting)


def hidden(parts: Decoder, batch: Packed, hardware: Hardware, *, training: bool) -> torch.Tensor:
    """Last hidden states (tokens, width), after the final norm."""
    body = parts.body
    states = functional.embedding(batch.ids, body.embed_tokens.weight).to(hardware.dtype)
    cosine, sine = rotation(body.rotary_emb, batch.positions, hardware.dtype)
    for layer in body.layers:
        normal = rms_norm(states, layer.input_layernorm)
        attention = layer.self_attn
        query, key, value = (
            adapted(module, normal, training=training)
            for module in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        turned = torch.cat([query, key], dim=1).view(len(states), parts.heads + parts.key_heads, -1)
        query, key = rotate(turned, cosine, sine).split([parts.heads, parts.key_heads], dim=1)
        value = value.view(len(states), parts.key_heads, -1)
        attended = attend(query, key, value, batch, hardware.attention, causal=True)
        states = states + adapted(attention.o_proj, attended, training=training)
        normal = rms_norm(states, layer.post_attention_layernorm)
        gate = functional.silu(adapted(layer.mlp.gate_proj, normal, training=training))
        up = adapted(layer.mlp.up_proj, normal, training=training)
        states = states + adapted(layer.mlp.down_proj, gate * up, training=training)
    return rms_norm(states, body.norm)


def rms_norm(states: torch.Tensor, norm: Any) -> torch.Tensor:
    """Root mean square layer normalisation (Zhang and Sennrich, arXiv 1910.07467)."""
    return _RmsNorm.apply(states, norm.weight, norm.variance_epsilon)  # pyright: ignore


class _RmsNorm(torch.autograd.Function):
    """With its derivative written out, in fewer operations than that of the composed parts."""

    @staticmethod
    def forward(ctx: Any, states: torch.Tensor, weight: torch.Tensor, epsilon: float) -> Any:
        square = torch.linalg.vector_norm(states, dim=-1, keepdim=True, dtype=torch.float32) ** 2
        scale = (square / states.shape[-1] + epsilon).rsqrt().to(states.dtype)
        normal = states * scale
        ctx.save_for_backward(normal, scale, weight)
        return normal * weight.to(states.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        normal, scale, weight = ctx.saved_tensors
        gradient = gradients[0] * weight.to(normal.dtype)
        along = (gradient * normal).mean(-1, keepdim=True)
        return torch.addcmul(gradient, normal, along, value=-1) * scale, None, None


def rotation(rotary: Any, positions: torch.Tensor, dtype: torch.dtype) -> Any:
    """Cosines and signed sines (tokens, 1, head width) of rotary embeddings (arXiv 2104.09864)."""
    angles = positions[:, None].float() * rotary.inv_freq.float()
    cosine, sine = (part(angles) * rotary.attention_scaling for part in (torch.cos, torch.sin))
    together = torch.cat([cosine, cosine], -1), torch.cat([-sine, sine], -1)
    return tuple(part[:, None].to(dtype) for part in together)


def rotate(values: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn (tokens, heads, width) by each token's position."""
    return values * cosine + values.roll(values.shape[-1] // 2, -1) * sine


def adapted(module: Any, states: torch.Tensor, *, training: bool) -> torch.Tensor:
    """A linear layer with its adapter, if it has one: W x + scaling B A x (arXiv 2106.09685)."""
    if not hasattr(module, "lora_A") or module.disable_adapters:
        return module(states)
    (name,) = module.active_adapters
    probability = getattr(module.lora_dropout[name], "p", 0.0) if training else 0.0
    low, high = (side[name].weight.to(states.dtype) for side in (module.lora_A, module.lora_B))
    inside = functional.linear(dropout(states, probability), low)
    return torch.addmm(module.base_layer(states), inside, high.t(), alpha=module.scaling[name])
