"""The most tokens that rows may have, as models count their positions."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from rejeu.data.positions import refuse_longer
from rejeu.errors import RejeuError
from tests.training import small_models


@pytest.mark.parametrize(
    ("config", "most"),
    [
        ({"max_position_embeddings": 512, "model_type": "bert"}, 512),
        ({"max_position_embeddings": 514, "model_type": "roberta", "pad_token_id": 1}, 512),
        ({"max_position_embeddings": 514, "model_type": "xlm-roberta"}, 512),
        ({"n_positions": 1024, "model_type": "gpt2"}, 1024),
    ],
)
def test_longer_rows_are_refused(tmp_path: Path, config: dict[str, Any], most: int) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    refuse_longer("max_length", most, path)
    with pytest.raises(RejeuError, match=rf"max_length: {most + 1}; expected at most {most}"):
        refuse_longer("max_length", most + 1, path)


def test_nothing_is_known_of_other_models(tmp_path: Path) -> None:
    refuse_longer("max_length", 10_000, tmp_path / "config.json")
    (tmp_path / "config.json").write_text('{"model_type": "xlnet"}')
    refuse_longer("max_length", 10_000, tmp_path / "config.json")


@pytest.mark.parametrize("name", ["electra", "roberta", "gpt2"])
def test_a_model_has_as_many_positions(tmp_path: Path, name: str) -> None:
    folder = small_models.saved(getattr(small_models, name), tmp_path)
    model = AutoModel.from_pretrained(folder)
    most = 126 if name == "roberta" else 128
    refuse_longer("max_length", most, folder / "config.json")
    model(input_ids=torch.full((1, most), 5))
    with pytest.raises(RejeuError):
        refuse_longer("max_length", most + 1, folder / "config.json")
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, most + 1), 5))
