"""Tokenise once, into one Arrow file that training and prediction map into memory.

Uses `tokenizers` alone, since rules that only look at tokens shouldn't pay for importing torch.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from tokenizers import Encoding, Tokenizer

from rejeu.errors import RejeuError
from rejeu.files import replacing

_BATCH = 1000
_IDS = pa.field("input_ids", pa.list_(pa.int32()))
_LENGTH = pa.field("length", pa.int32())
_TEXTS = pa.schema([_IDS, pa.field("label", pa.int64()), _LENGTH])
_PAIRS = pa.schema([_IDS, _LENGTH, pa.field("prompt_length", pa.int32())])


@dataclass(frozen=True)
class TokenRows:
    """A tokenised file, mapped into memory: a row is read when it is asked for."""

    ids: pa.ChunkedArray
    lengths: list[int]
    labels: list[int]  # empty where rows have none

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[list[int]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> list[int]:
        return self.ids[row].as_py()


def read_tokens(path: str | Path) -> TokenRows:
    """Open a file written by `tokenise_texts` or `tokenise_pairs`."""
    with pa.memory_map(str(path)) as mapped:
        table = pa.ipc.open_stream(mapped).read_all()
    labels = table["label"].to_pylist() if "label" in table.column_names else []
    return TokenRows(table["input_ids"], table["length"].to_pylist(), labels)


def tokenise_texts(
    texts: Sequence[str],
    labels: Sequence[int],
    tokenizer_folder: Path,
    max_length: int,
    output: Path,
) -> dict[str, int]:
    """Write columns input_ids, label, length, a row per text, for `read_tokens`.

    The tokenizer's own special tokens are added; a row has at most `max_length` tokens with them.
    Returns {rows, tokens, truncated: rows that lost tokens}.
    """
    tokenizer = _load(tokenizer_folder, max_length)
    encodings = _encode(tokenizer, texts)
    rows = ((encoding, int(label)) for encoding, label in zip(encodings, labels, strict=True))
    return _write(rows, "label", _TEXTS, output)


def tokenise_pairs(
    inputs: Sequence[str],
    outputs: Sequence[str],
    tokenizer_folder: Path,
    max_length: int,
    output: Path,
    *,
    joining: Literal["plain", "separated"] = "plain",
) -> dict[str, int]:
    """Write columns input_ids, length, prompt_length, a row per pair; returns as above.

    plain: input and output joined with nothing between and no end token, as in the notebook;
    separated: input, a line break, output, the tokenizer's end token. Each is tokenised as one
    string. prompt_length counts the tokens, special ones included, up to the last that holds a
    character of the input (of the line break too); one across the border belongs to the prompt.
    """
    endings = {"plain": ("", ""), "separated": ("\n", None)}
    if joining not in endings:
        raise RejeuError(f"joining '{joining}' is unknown; expected one of {list(endings)}")
    between, end = endings[joining]
    end = _end_token(tokenizer_folder) if end is None else end
    tokenizer = _load(tokenizer_folder, max_length)
    prompts = [text + between for text in inputs]
    texts = [prompt + answer + end for prompt, answer in zip(prompts, outputs, strict=True)]
    rows = (
        (encoding, _prompt_length(encoding, len(prompt)))
        for encoding, prompt in zip(_encode(tokenizer, texts), prompts, strict=True)
    )
    return _write(rows, "prompt_length", _PAIRS, output)


def _load(folder: Path, max_length: int) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise RejeuError(f"{path}: no such file; expected a folder made by prepare_model")
    tokenizer = Tokenizer.from_file(str(path))
    special = tokenizer.num_special_tokens_to_add(False)
    if max_length <= special:
        raise RejeuError(f"max_length {max_length}: expected more than {special} special token(s)")
    # The file may bring its own: MiniLM's pads and cuts at 128 tokens.
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length)
    return tokenizer


def _end_token(folder: Path) -> str:
    path = folder / "tokenizer_config.json"
    token = json.loads(path.read_text(encoding="utf-8")).get("eos_token")
    # A string, or with its properties {"content": ..., "lstrip": ...}.
    content = token.get("content") if isinstance(token, dict) else token
    if not isinstance(content, str):
        raise RejeuError(f"{path}: no eos_token; joining 'separated' needs a tokenizer with one")
    return content


def _encode(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[Encoding]:
    for start in range(0, len(texts), _BATCH):
        yield from tokenizer.encode_batch(list(texts[start : start + _BATCH]))


def _prompt_length(encoding: Encoding, characters: int) -> int:
    # A special token's offsets are (0, 0), also at the end: only real tokens say where the prompt
    # ends; special ones before them count by their position.
    tokens = zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
    inside = [
        at for at, ((start, _), special) in enumerate(tokens) if not special and start < characters
    ]
    return inside[-1] + 1 if inside else 0


def _write(
    rows: Iterable[tuple[Encoding, int]], extra: str, schema: pa.Schema, output: Path
) -> dict[str, int]:
    """`extra` is the column of each row's second value."""
    counts = {"rows": 0, "tokens": 0, "truncated": 0}
    with replacing(output) as temporary, pa.ipc.new_stream(str(temporary), schema) as stream:
        remaining = iter(rows)
        while batch := list(itertools.islice(remaining, _BATCH)):
            lengths = [len(encoding.ids) for encoding, _ in batch]
            columns: dict[str, Any] = {
                "input_ids": [encoding.ids for encoding, _ in batch],
                "length": lengths,
                extra: [value for _, value in batch],
            }
            stream.write_batch(pa.RecordBatch.from_pydict(columns, schema))
            counts["rows"] += len(batch)
            counts["tokens"] += sum(lengths)
            counts["truncated"] += sum(bool(encoding.overflowing) for encoding, _ in batch)
        if not counts["rows"]:
            raise RejeuError(f"{output}: no rows to tokenise")
    return counts
