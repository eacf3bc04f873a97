"""Models of a real one's shape with random weights, as the rule `prepare_model` leaves real ones.

Nothing is downloaded, and what a step takes doesn't depend on what the weights are.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
)

# By role: the shapes of the models that a study of this kind takes at full size, and small ones.
SHAPES: dict[str, tuple[type, type, dict[str, Any]]] = {
    "encoder": (  # 66 million parameters
        DistilBertConfig,
        DistilBertForSequenceClassification,
        {"n_layers": 6, "dim": 768, "hidden_dim": 3072, "n_heads": 12, "vocab_size": 30522},
    ),
    "decoder": (  # 3.4 billion, of which as many layers are made as are measured
        LlamaConfig,
        LlamaForCausalLM,
        {
            **{"num_hidden_layers": 26, "hidden_size": 3200, "intermediate_size": 8640},
            **{"num_attention_heads": 32, "vocab_size": 32000},
        },
    ),
    "small_encoder": (  # 23 million
        BertConfig,
        BertForSequenceClassification,
        {
            **{"num_hidden_layers": 6, "hidden_size": 384, "intermediate_size": 1536},
            **{"num_attention_heads": 12, "vocab_size": 30522},
        },
    ),
    "small_decoder": (  # 135 million
        LlamaConfig,
        LlamaForCausalLM,
        {
            **{"num_hidden_layers": 30, "hidden_size": 576, "intermediate_size": 1536},
            **{"num_attention_heads": 9, "num_key_value_heads": 3, "vocab_size": 49152},
            "tie_word_embeddings": True,
        },
    ),
}
VOCABULARY = 30000  # tokens of rows are below it, in all of these
BLOCK = 2**20  # numbers that are drawn; weights repeat them, since drawing takes long


def settings_of(role: str, layers: int | None = None) -> Any:
    """The configuration of the model of a role, with so many layers, or all of its own."""
    config_type, _, shape = SHAPES[role]
    counted = "n_layers" if "n_layers" in shape else "num_hidden_layers"
    return config_type(**shape | ({counted: layers} if layers else {}))


def write(role: str, folder: Path, layers: int | None = None) -> Path:
    """Write the model of a role to `folder` and give its path.

    Weights are drawn from a normal distribution of deviation 0.02; norms are one, biases zero.
    """
    config = settings_of(role, layers)
    causal = isinstance(config, LlamaConfig)
    with torch.device("meta"):
        model = SHAPES[role][1](config)
    drawn = torch.randn(BLOCK, generator=torch.Generator().manual_seed(0)) * 0.02
    drawn = drawn.to(torch.bfloat16 if causal else torch.float32)
    tied = (
        set(getattr(model, "_tied_weights_keys", None) or ())
        if config.tie_word_embeddings
        else set()
    )
    tensors = {
        name: filled(name, tuple(value.shape), drawn)
        for name, value in model.state_dict().items()
        if value.is_floating_point() and name not in tied
    }
    folder.mkdir(parents=True, exist_ok=True)
    config.architectures = [type(model).__name__]
    config.dtype = drawn.dtype
    config.save_pretrained(folder)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def filled(name: str, shape: tuple[int, ...], drawn: torch.Tensor) -> torch.Tensor:
    """A tensor of a shape: a vector of ones or zeros, or a matrix of the drawn numbers."""
    if len(shape) == 1:
        value = float(name.endswith("weight"))
        return torch.full(shape, value, dtype=drawn.dtype)
    count = torch.Size(shape).numel()
    return drawn.repeat(-(-count // BLOCK))[:count].view(shape).clone()
