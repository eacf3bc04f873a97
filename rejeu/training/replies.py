"""How probable a model finds given replies, in float32."""

from typing import Any

import torch
from peft import PeftModel
from torch.nn.functional import log_softmax

from rejeu.data.tokenise import PairTokeniser
from rejeu.errors import RejeuError
from rejeu.training.generation import probe
from rejeu.training.hardware import Hardware


def in_float32(model: torch.nn.Module) -> None:
    """Let `model` compute in float32 from now on, with the weights that it has.

    The log-probability that one row of hundreds adds to a reply is smaller than bfloat16's steps.
    4-bit weights stay as they are: they are what the adapter was trained on.
    """
    for module in model.modules():
        layer: Any = module
        if hasattr(layer, "compute_dtype"):  # of bitsandbytes' 4-bit layers
            layer.compute_dtype = torch.float32
    for parameter in model.parameters():
        if parameter.is_floating_point():
            parameter.data = parameter.data.float()


def scores(
    model: PeftModel,
    tokeniser: PairTokeniser,
    rows: dict[str, dict[str, str]],
    hardware: Hardware,
) -> dict[str, dict[str, float | int]]:
    """How probable the base model and the trained adapter find each row's reply.

    Args:
        rows: by name {input, output}; a row's input is the prompt of its output.
        hardware: of a model that computes `in_float32`.

    Returns:
        By name {tokens: of the reply, and base, trained: mean log-probability of these, in nats}.
        A token across the border belongs to the prompt; an end token belongs to the reply.

    Raises:
        RejeuError: for a row without a token that is the reply's alone.
    """
    scored = {}
    for name, row in rows.items():
        ids, prompt_length = tokeniser.pair(row["input"], row["output"])
        count = len(ids) - prompt_length
        if not (prompt_length and count):
            raise RejeuError(
                f"row '{name}' of the part's `rows`: {prompt_length} tokens of prompt and {count} "
                "of reply; expected at least one of each: write longer texts, or raise the tier's "
                "max_length"
            )
        with model.disable_adapter():
            base = logprob(model, ids, prompt_length, hardware)
        trained = logprob(model, ids, prompt_length, hardware)
        scored[name] = {"tokens": count, "base": base, "trained": trained}
    return scored


def logprob(model: Any, ids: list[int], prompt_length: int, hardware: Hardware) -> float:
    """Mean log-probability, in nats, of the tokens after a prompt."""
    logits = probe(model, ids, hardware)[prompt_length - 1 : -1]
    chosen = log_softmax(logits, dim=-1).gather(1, torch.tensor(ids[prompt_length:])[:, None])
    return chosen.mean().item()
