"""Write a trained model's files, each replaced in one rename."""

import json
import tempfile
from pathlib import Path
from typing import Any

from rejeu.files import replacing, write_text


def save_weights(model: Any, folder: Path, names: list[str]) -> None:
    """Save a transformers or peft model as safetensors and keep the files called `names`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        model.save_pretrained(scratch, safe_serialization=True)
        for name in names:
            with replacing(folder / name) as temporary:
                (Path(scratch) / name).replace(temporary)


def write_jsonl(path: str, rows: list[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
