"""Small models with random weights, saved as the rule `prepare_model` leaves real ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import (
    BertConfig,
    BertModel,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PhimoeConfig,
    PhimoeForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    RobertaConfig,
    RobertaModel,
    XLNetConfig,
    XLNetModel,
)

WORDS = 60
# As BERT and Llama call these; other models map them to their own names.
SHAPE: dict[str, Any] = {
    "vocab_size": WORDS,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 128,
}
# Weights that are large enough to have opinions.
TOKENS: dict[str, Any] = {"initializer_range": 0.3, "bos_token_id": 2, "eos_token_id": 3}


def write_tokenizer(folder: Path, special: list[str], end: str) -> None:
    """Words w4 to w59 have the ids 4 to 59; `special` come first."""
    names = [*special, *(f"w{number}" for number in range(len(special), WORDS))]
    model = WordLevel({name: place for place, name in enumerate(names)}, unk_token=special[1])
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = WhitespaceSplit()  # pyright: ignore[reportAttributeAccessIssue]
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": special[0],
        "unk_token": special[1],
        "eos_token": end,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def bert() -> Any:
    return BertModel(BertConfig(**SHAPE))


def llama() -> Any:
    return LlamaForCausalLM(LlamaConfig(num_key_value_heads=2, pad_token_id=0, **SHAPE, **TOKENS))


def electra() -> Any:
    return ElectraModel(ElectraConfig(embedding_size=16, **SHAPE))


def roberta() -> Any:
    """Its rows' positions begin at 2, after that of its padding token, 1."""
    return RobertaModel(RobertaConfig(pad_token_id=1, **SHAPE))


def xlnet() -> Any:
    """It has no setting for dropout in attention, and none for padding."""
    return XLNetModel(XLNetConfig(vocab_size=WORDS, d_model=32, n_layer=1, n_head=4, d_inner=64))


def gpt2() -> Any:
    shape = {key: value for key, value in SHAPE.items() if key != "intermediate_size"}
    return GPT2LMHeadModel(GPT2Config(**shape, **TOKENS))


def qwen2() -> Any:
    return Qwen2ForCausalLM(Qwen2Config(num_key_value_heads=2, pad_token_id=0, **SHAPE, **TOKENS))


def gpt_neox() -> Any:
    return GPTNeoXForCausalLM(GPTNeoXConfig(**SHAPE, **TOKENS))


def phimoe() -> Any:
    """peft knows no layers of it to adapt."""
    return PhimoeForCausalLM(PhimoeConfig(num_key_value_heads=2, **SHAPE, **TOKENS))


def saved(make: Callable[[], Any], folder: Path) -> Path:
    """A model with its tokenizer, in `folder`."""
    torch.manual_seed(4)
    make().save_pretrained(folder)
    write_tokenizer(folder, ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[SEP]")
    return folder
