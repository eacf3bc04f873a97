"""Tiny models with random weights, saved as the rule `prepare_model` leaves real ones."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

from rejeu.training.hardware import Hardware, choose

WORDS = 60


@pytest.fixture(scope="session")
def fp32() -> Hardware:
    return choose("fp32", "eager", 1)


@pytest.fixture(scope="session")
def bf16() -> Hardware:
    return choose("bf16", "eager", 1)


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


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT without a head, of 2 layers and width 32."""
    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    write_tokenizer(folder, ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[SEP]")
    return folder


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of 2 layers and width 32, whose weights are large enough to have opinions."""
    folder = tmp_path_factory.mktemp("causal")
    torch.manual_seed(2)
    config = LlamaConfig(
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.3,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    write_tokenizer(folder, ["<pad>", "<unk>", "<s>", "</s>"], "</s>")
    return folder
