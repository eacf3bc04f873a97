"""Turn a BERT that was exported to ONNX back into transformers' BertModel."""

import math
from pathlib import Path
from typing import Any

import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import numpy_helper
from transformers import BertConfig, BertModel

from rejeu.errors import RejeuError


def bert_from_onnx(path: Path) -> BertModel:
    """The BertModel (no pooler) whose last hidden states are those of the graph in `path`."""
    try:
        graph = onnx.load(path).graph
    # ValidationError: its weights lie in a file outside its folder, which is not followed.
    except (DecodeError, OSError, onnx.checker.ValidationError) as error:
        raise RejeuError(f"{path}: not a readable ONNX file: {error}") from error
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    marker = "embeddings.word_embeddings.weight"
    prefix = next((name.removesuffix(marker) for name in arrays if name.endswith(marker)), None)
    if prefix is None:
        raise RejeuError(f"{path}: no weight '...{marker}'; expected an exported BERT")
    named = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
    # The exporter folded each Linear's transpose into an unnamed matrix of a MatMul; the Add
    # after it still has the bias by its name.
    products = {n.output[0]: n.input[1] for n in graph.node if n.op_type == "MatMul"}
    for node in (node for node in graph.node if node.op_type == "Add"):
        bias = next((name for name in node.input if name.startswith(prefix)), "")
        matrix = next((products[name] for name in node.input if name in products), "")
        if bias.endswith(".bias") and matrix in arrays:
            weight = bias.removeprefix(prefix).removesuffix("bias") + "weight"
            named[weight] = arrays[matrix].T
    model = BertModel(_bert_config(graph, named), add_pooling_layer=False)
    weights = {name: torch.from_numpy(array.copy()) for name, array in named.items()}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RejeuError(f"{path}: doesn't convert to a BERT: {error}") from error
    return model.eval()


def _bert_config(graph: onnx.GraphProto, named: dict[str, Any]) -> BertConfig:
    vocabulary, hidden = named["embeddings.word_embeddings.weight"].shape
    constants = {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant"
    }
    # The number of heads stands nowhere; scores are divided by sqrt(hidden / heads).
    scale = next(n for n in graph.node if n.name.endswith("layer.0/attention/self/Div")).input[1]
    heads = round(hidden / float(constants[scale]) ** 2)
    norm = next(node for node in graph.node if node.op_type == "LayerNormalization")
    epsilon = next(a.f for a in norm.attribute if a.name == "epsilon")
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=sum(name.endswith(".intermediate.dense.bias") for name in named),
        num_attention_heads=heads,
        intermediate_size=len(named["encoder.layer.0.intermediate.dense.bias"]),
        max_position_embeddings=len(named["embeddings.position_embeddings.weight"]),
        type_vocab_size=len(named["embeddings.token_type_embeddings.weight"]),
        # float32's nearest to 1e-12 prints as 9.99999996e-13.
        layer_norm_eps=10.0 ** round(math.log10(epsilon)),
    )
