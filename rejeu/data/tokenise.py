"""Tokenise once, into one Arrow file of `datasets` that training and prediction map into memory.

Uses `tokenizers` alone, since rules that only look at tokens shouldn't pay for importing torch;
`datasets`, which takes half a second, is imported where rows are written or read.
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa
from tokenizers import Encoding, Tokenizer

from rejeu.errors import RejeuError
from rejeu.job.whole_files import replacing

Joining = Literal["plain", "separated"]

_BATCH = 1000


@dataclass(frozen=True)
class TokenRows:
    """A tokenised file, mapped into memory: a row is read when it is asked for."""

    ids: pa.ChunkedArray
    lengths: list[int]
    labels: list[int]  # empty where rows have none
    prompt_lengths: list[int] = field(default_factory=list)  # tokens; empty where rows have none

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[list[int]]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, row: int) -> list[int]:
        return self.ids[row].as_py()


def read_tokens(path: str | Path) -> TokenRows:
    """Open a file written by `tokenise_texts` or `tokenise_pairs`."""
    from datasets import Dataset  # noqa: PLC0415

    rows = Dataset.from_file(str(path))

    def column(name: str) -> list[int]:
        return rows[name][:] if name in rows.column_names else []

    # The mapped table's own column, of which a row takes a tenth of the time of `rows[row]`.
    ids = rows.data["input_ids"]
    return TokenRows(ids, column("length"), column("label"), column("prompt_length"))


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
    return _write(rows, "label", "int64", output)


@dataclass(frozen=True)
class PairTokeniser:
    """How a prompt and its reply become the tokens of one string: the only place that says so."""

    tokenizer: Tokenizer
    between: str
    end: str

    def prompt(self, text: str) -> list[int]:
        """The tokens that a reply to `text` goes on from."""
        return self.tokenizer.encode(text + self.between).ids

    def pair(self, text: str, reply: str) -> tuple[list[int], int]:
        """The tokens of a prompt with its reply, and how many are the prompt's."""
        ((encoding, prompt_length),) = self.pairs([text], [reply])
        return encoding.ids, prompt_length

    def pairs(
        self, inputs: Sequence[str], outputs: Sequence[str]
    ) -> Iterator[tuple[Encoding, int]]:
        """The same for many.

        A prompt's tokens, special ones included, reach up to the last that holds a character of
        the input or of what follows it there; one across the border belongs to the prompt.
        """
        prompts = [text + self.between for text in inputs]
        texts = [prompt + reply + self.end for prompt, reply in zip(prompts, outputs, strict=True)]
        for encoding, prompt in zip(_encode(self.tokenizer, texts), prompts, strict=True):
            yield encoding, _prompt_length(encoding, len(prompt))


def pair_tokeniser(folder: Path, joining: Joining, max_length: int) -> PairTokeniser:
    """How pairs are tokenised with the tokenizer in `folder`, to at most `max_length` tokens.

    plain: input and output joined with nothing between and no end token, as in the notebook;
    separated: input, a line break, output, the tokenizer's end token.

    Raises:
        RejeuError: for an unknown joining, no tokenizer, or no end token where one is needed.
    """
    tokenizer = _load(folder, max_length)
    if joining == "plain":
        return PairTokeniser(tokenizer, between="", end="")
    if joining == "separated":
        return PairTokeniser(tokenizer, between="\n", end=_end_token(folder))
    raise RejeuError(f"joining '{joining}' is unknown; expected plain or separated")


def tokenise_pairs(
    inputs: Sequence[str], outputs: Sequence[str], tokeniser: PairTokeniser, output: Path
) -> dict[str, int]:
    """Write columns input_ids, length, prompt_length, a row per pair; returns as above."""
    return _write(tokeniser.pairs(inputs, outputs), "prompt_length", "int32", output)


def _load(folder: Path, max_length: int) -> Tokenizer:
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise RejeuError(f"{path}: no such file; expected a folder made by prepare_model")
    tokenizer = Tokenizer.from_file(str(path))
    special = tokenizer.num_special_tokens_to_add(False)
    if max_length <= special:
        raise RejeuError(f"max_length {max_length}: expected more than {special} special token(s)")
    # The file may bring its own: some pad and cut at 128 tokens.
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
    rows: Iterable[tuple[Encoding, int]], extra: str, kind: str, output: Path
) -> dict[str, int]:
    """`extra` is the column of each row's second value, of the type `kind`."""
    from datasets import Features, List, Value  # noqa: PLC0415
    from datasets.arrow_writer import ArrowWriter  # noqa: PLC0415

    # The library's own writer rather than Dataset.map, which leaves files of its own if killed.
    length = Value("int32")
    features = Features({"input_ids": List(length), extra: Value(kind), "length": length})
    counts = {"rows": 0, "tokens": 0, "truncated": 0}
    with (
        replacing(output) as temporary,
        pa.OSFile(str(temporary), "wb") as stream,  # the writer would read `a::b` as an address
        ArrowWriter(features=features, stream=stream) as writer,
    ):
        remaining = iter(rows)
        while batch := list(itertools.islice(remaining, _BATCH)):
            ids = [encoding.ids for encoding, _ in batch]
            lengths = [len(row) for row in ids]
            extras = [value for _, value in batch]
            writer.write_batch({"input_ids": ids, extra: extras, "length": lengths})
            counts["rows"] += len(batch)
            counts["tokens"] += sum(lengths)
            counts["truncated"] += sum(bool(encoding.overflowing) for encoding, _ in batch)
        if not counts["rows"]:
            raise RejeuError(f"{output}: no rows to tokenise")
        writer.finalize(close_stream=False)
    return counts
