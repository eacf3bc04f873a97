"""Write a trained model's files, each replaced in one rename."""

import json
from pathlib import Path
from typing import Any

from rejeu.job.whole_files import replacing, scratch, write_text


def save_weights(model: Any, folder: Path, names: list[str]) -> None:
    """Save a transformers or peft model as safetensors and keep the files called `names`."""
    with scratch(folder) as written:
        model.save_pretrained(written, safe_serialization=True)
        for name in names:
            with replacing(folder / name) as temporary:
                (written / name).replace(temporary)


def write_jsonl(path: str, rows: list[dict[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
