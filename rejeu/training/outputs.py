"""What a run leaves behind: a trained model's files, each replaced in one rename, and remarks."""

import json
from pathlib import Path
from typing import Any, TextIO

from rejeu.job.whole_files import replacing, scratch, write_text


def save_weights(model: Any, folder: Path, names: list[str]) -> None:
    """Save a transformers or peft model as safetensors and keep the files called `names`."""
    with scratch(folder) as written:
        model.save_pretrained(written, safe_serialization=True)
        for name in names:
            with replacing(folder / name) as temporary:
                (written / name).replace(temporary)


def write_jsonl(path: str, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON, one a line; NaN and infinities are refused, since JSON has none.

    Raises:
        ValueError: a row holds one.
    """
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))


def say(label: str, remark: str, terminal: TextIO) -> None:
    """Show a remark on the run called `label` on the terminal and in its job's log."""
    print(f"  {label}: {remark}", file=terminal)
    print(remark)
