"""How many tokens are computed at once: a larger batch is computed in parts, as the memory asks.

The gradient is the same, but for rounding; so a machine always cuts a batch in the same way.
"""

from typing import Any

import torch

from rejeu.training.hardware import Hardware

TOKENS = 4096  # on a processor, whose caches hold no more; and where scores are kept
RESERVE = 0.2  # of a GPU's memory: CUDA's own, and what lies between blocks that are in use
VALUES = 32  # that a layer keeps of a token for the gradient, in widths of the model


def tokens_per_part(model: Any, hardware: Hardware) -> int:
    """The most tokens that are computed at once.

    On a GPU as many as its whole memory holds (`fitting`), whoever else uses it: what is free now
    would cut other parts tomorrow. Plain attention keeps each row's scores, which may be larger
    than all else, and so has the few tokens that a processor has.
    """
    if hardware.device == "cpu" or hardware.attention == "eager":
        return TOKENS
    return fitting(model, hardware, torch.cuda.get_device_properties(0).total_memory)


def fitting(model: Any, hardware: Hardware, memory: int) -> int:
    """How many tokens of a training step fit into so many bytes, as a power of 2.

    What a token takes is layers x width x 32 x bytes a value, and 16 bytes for each word that may
    follow it, where that is what the model says. The 32 widths a layer: an encoder keeps 21 in bf16
    (attention's input, queries, keys, values and output, 6; the inner layer before and after its
    activation, 8; its input and output, 2; two sums in float32, 4; masks of dropout, 1), a Llama
    of transformers in bf16 about 30, most of them its norms' float32. The 16 bytes: logits,
    their float32 copy, and the gradients of both.

    So DistilBERT (6 layers of 768, 67 million parameters, each 4 times float32: itself, gradient,
    AdamW's two means) takes 0.3 MB a token in bf16: (0.8 x 16 GB - 1.1 GB) / 0.3 MB is 39,800,
    hence 32,768 tokens: 64 rows of 512.
    """
    config = model.config
    layers, width = (getattr(config, key, 0) for key in ("num_hidden_layers", "hidden_size"))
    if not (layers and width):  # a model that calls them otherwise
        return TOKENS
    token = layers * width * VALUES * hardware.dtype.itemsize
    if model.get_output_embeddings() is not None:
        token += 16 * config.vocab_size
    held = sum(
        value.numel() * value.element_size() * (4 if value.requires_grad else 1)
        for value in model.parameters()
    )
    tokens = int(((1 - RESERVE) * memory - held) / token)
    return max(TOKENS // 8, 1 << max(tokens, 1).bit_length() - 1)
