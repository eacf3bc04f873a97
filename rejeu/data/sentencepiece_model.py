"""Turn SentencePiece's `tokenizer.model` into a tokenizer.json that cuts texts in the same pieces.

transformers' own conversions take the normaliser of the model's class for granted; the one here
follows what the file says, and is compared with SentencePiece itself.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from sentencepiece import SentencePieceProcessor
from sentencepiece.sentencepiece_model_pb2 import (
    ModelProto,  # pyright: ignore[reportAttributeAccessIssue]
    TrainerSpec,  # pyright: ignore[reportAttributeAccessIssue]
)
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import SpmConverter, generate_merges

from rejeu.errors import RejeuError
from rejeu.study.strict_reading import parse_json, read_utf8, shown

SPACE = "▁"
Piece = ModelProto.SentencePiece
# Pieces that nothing is merged into or out of: a text that holds their letters holds letters.
APART = {Piece.UNKNOWN, Piece.CONTROL, Piece.BYTE, Piece.UNUSED, Piece.USER_DEFINED}
MOST_SHOWN = 12  # pieces in a message

# What texts of one kind may lack: white space at either end or in runs, control characters, what no
# vocabulary has, a very long word, a run of one letter, and what looks like a piece's own marks.
HARD = (
    "",
    " ",
    "   ",
    " a",
    "a ",
    "  two  spaces   here ",
    "line\nline\n\nline\r\nline",
    "\ttab\tand\u00a0no-break\u3000wide",
    "\u0007bell, \u001b[0m, \u0000 nul, \u200b zero, \ufeff mark",
    "Good 👍🏽, family 👨‍👩‍👧, flag 🇨🇦",
    "e\u0301 a\u0302\u0301 n\u0303 é ﬁ Ａ ① ½ ™",
    "日本語のテキスト, العربية, עברית, हिन्दी, 한국어",
    "𒀀𒁀 \U0010ffff \ue000",
    "a▁b ▁ ▁▁",
    "<0x41> <0x0A> <|endoftext|> [CLS] [PAD] <mask>",
    "a < b and b > c, i<3",
    "------ ====== ...... !!!!!!! aaaaaaaaaaaaaaa",
    "loooooooooooooooooooooong " * 3,
    "x" * 2000,
    "1234567890 3.14 1,000,000 2e-5",
)


def from_sentencepiece(path: Path, config: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a SentencePiece model (BPE or unigram), by its own normaliser.

    Args:
        path: `tokenizer.model`.
        config: its tokenizer_config.json, which says what the special tokens are, which were added
            to the vocabulary (`added_tokens_decoder`), and whether they stand at the ends of a text
            (`add_bos_token`, by default yes; `add_eos_token`, by default no). Without one the
            model's own are taken.

    Control symbols and those that `config` names are special: a text that holds one's letters holds
    the token, as with any tokenizer here (`joining: separated` relies on it), and what stands on
    either side is a text of its own. SentencePiece alone would cut the letters into pieces.

    Raises:
        RejeuError: the file is no such model, or of a kind that can't be converted.
    """
    proto = read_model(path)
    kind, normaliser = proto.trainer_spec.model_type, proto.normalizer_spec
    if kind not in (TrainerSpec.BPE, TrainerSpec.UNIGRAM):
        name = TrainerSpec.ModelType.Name(kind).lower()
        raise RejeuError(f"{path}: a SentencePiece model of type {name}; expected bpe or unigram")
    if proto.trainer_spec.treat_whitespace_as_suffix or not normaliser.escape_whitespaces:
        raise RejeuError(
            f"{path}: white space is no prefix of words in this model (treat_whitespace_as_suffix, "
            "escape_whitespaces); expected SentencePiece's default"
        )
    tokenizer = _cut(proto)
    tokenizer.normalizer = _normalizer(normaliser)
    tokenizer.decoder = _decoder(proto.trainer_spec.byte_fallback, normaliser.add_dummy_prefix)
    settings = parse_json(read_utf8(config), str(config)) if config.is_file() else {}
    if not isinstance(settings, dict):
        raise RejeuError(f"{config}: expected an object, found {shown(settings)}")
    control = [piece.piece for piece in proto.pieces if piece.type == Piece.CONTROL]
    tokenizer.add_special_tokens([_special(piece) for piece in control])
    _add_tokens(tokenizer, settings.get("added_tokens_decoder") or {}, config)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **_special_tokens(settings, proto),
        add_bos_token=bool(settings.get("add_bos_token", True)),
        add_eos_token=bool(settings.get("add_eos_token", False)),
        clean_up_tokenization_spaces=bool(settings.get("clean_up_tokenization_spaces", False)),
        **{key: settings[key] for key in ("model_max_length",) if key in settings},
    )


def refuse_other_pieces(path: Path, tokenizer: Path, texts: Iterable[str]) -> int:
    """How many of `texts` the tokenizer.json `tokenizer` cuts as the model `path` does: all.

    What stands between special tokens is compared as a text of its own. The texts in `HARD` come
    first: a conversion that fails one would fail a text some day. (That is so of unigram models
    with bytes, and of some others: `tokenizers` finds "<0x41>" in a text, and where several ways of
    cutting have the same score, as of "!!!!!!!!", rounding decides.)

    Raises:
        RejeuError: of the first text that is cut otherwise, with both ways.
    """
    reference = SentencePieceProcessor(model_file=str(path))
    converted = Tokenizer.from_file(str(tokenizer))
    special = [token.content for token in converted.get_added_tokens_decoder().values()]
    between = re.compile("|".join(map(re.escape, special)) or "(?!)")
    count = 0
    for text in _parts(texts, between):
        ids = converted.encode(text, add_special_tokens=False).ids
        if ids != (expected := reference.encode(text)):
            raise _cut_otherwise(path, text, expected, ids, converted)
        count += 1
    return count


def read_model(path: Path) -> ModelProto:
    """A SentencePiece model's file.

    Raises:
        RejeuError: it is no such file.
    """
    proto = ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except (DecodeError, OSError) as error:
        raise RejeuError(f"{path}: not a readable SentencePiece model: {error}") from error
    if not proto.pieces:
        raise RejeuError(f"{path}: a SentencePiece model without pieces; fetch it again")
    return proto


def _parts(texts: Iterable[str], between: re.Pattern[str]) -> Iterator[str]:
    for text in (*HARD, *texts):
        yield from between.split(text)


def _cut(proto: ModelProto) -> Tokenizer:
    """The model that cuts a normalised text into pieces, and keeps the user's own symbols whole."""
    pieces = proto.pieces
    is_unigram = proto.trainer_spec.model_type == TrainerSpec.UNIGRAM
    if is_unigram:
        vocabulary, merges = [(piece.piece, piece.score) for piece in pieces], None
    else:
        vocabulary = {piece.piece: number for number, piece in enumerate(pieces)}
        apart = {piece.piece for piece in pieces if piece.type in APART}
        merges = generate_merges(vocabulary, {p.piece: p.score for p in pieces}, skip_tokens=apart)
    tokenizer: Any = SpmConverter.build_tokenizer_from_spm_proto(proto, vocabulary, merges)
    own = sorted((p.piece for p in pieces if p.type == Piece.USER_DEFINED), key=len, reverse=True)
    if own:
        symbols = Regex("|".join(map(re.escape, own)))
        tokenizer.pre_tokenizer = pre_tokenizers.Split(symbols, "isolated")
        if not is_unigram:
            tokenizer.model.ignore_merges = True  # what the split leaves alone is a piece already
    return tokenizer


def _normalizer(spec: Any) -> normalizers.Normalizer:
    """SentencePiece's steps in its order (`Normalizer::Normalize` in its normalizer.cc)."""
    steps: list[normalizers.Normalizer] = []
    if spec.precompiled_charsmap:
        steps.append(normalizers.Precompiled(spec.precompiled_charsmap))
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Replace(Regex(r"\A +"), ""), normalizers.Replace(Regex(" +"), " ")]
    if spec.add_dummy_prefix:
        steps.append(normalizers.Prepend(SPACE))
    steps.append(normalizers.Replace(" ", SPACE))
    if spec.remove_extra_whitespaces:
        steps.append(normalizers.Replace(Regex(rf"{SPACE}+\z"), ""))
    return normalizers.Sequence(steps)


def _decoder(byte_fallback: bool, dummy_prefix: bool) -> decoders.Decoder:
    steps: list[decoders.Decoder] = [decoders.Replace(SPACE, " ")]
    if byte_fallback:
        steps.append(decoders.ByteFallback())
    steps.append(decoders.Fuse())
    if dummy_prefix:
        steps.append(decoders.Strip(content=" ", left=1))
    return decoders.Sequence(steps)


def _special_tokens(settings: dict[str, Any], proto: ModelProto) -> dict[str, AddedToken]:
    """The tokens that have a part of their own: as tokenizer_config.json says, or else the model.

    One that only the configuration names is added to the vocabulary, as transformers does.
    """
    spec, kinds = proto.trainer_spec, {piece.piece: piece.type for piece in proto.pieces}
    own = {"unk_token": spec.unk_piece, "bos_token": spec.bos_piece, "eos_token": spec.eos_piece}
    named = {name: piece for name, piece in own.items() if piece in kinds}
    for name in ("unk_token", "bos_token", "eos_token", "pad_token", "mask_token"):
        # A string, or with its properties {"content": ..., "lstrip": ...}.
        token = settings.get(name)
        content = token.get("content") if isinstance(token, dict) else token
        if isinstance(content, str) and content:
            named[name] = content
    return {name: _special(piece) for name, piece in named.items()}


def _add_tokens(tokenizer: Tokenizer, added: dict[str, Any], config: Path) -> None:
    try:
        for number, token in sorted(added.items(), key=lambda item: int(item[0])):
            content, is_special = token["content"], bool(token.get("special"))
            tokenizer.add_tokens([AddedToken(content, special=is_special, normalized=False)])
            if tokenizer.token_to_id(content) != int(number):
                raise RejeuError(
                    f"{config}: added_tokens_decoder: {number}: {shown(content)} would get the "
                    f"number {tokenizer.token_to_id(content)}; expected those after the model's own"
                )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RejeuError(
            f"{config}: added_tokens_decoder: expected {{number: {{content, special}}}}; "
            f"{type(error).__name__}: {error}"
        ) from error


def _special(piece: str) -> AddedToken:
    return AddedToken(piece, special=True, normalized=False)


def _cut_otherwise(
    path: Path, text: str, expected: list[int], ids: list[int], converted: Tokenizer
) -> RejeuError:
    differ = [n for n, pair in enumerate(zip(expected, ids, strict=False)) if pair[0] != pair[1]]
    first = max(0, (differ or [min(len(expected), len(ids))])[0] - 2)

    def pieces(numbers: list[int]) -> str:
        part = [str(converted.id_to_token(n)) for n in numbers[first : first + MOST_SHOWN]]
        return shown(part, 300)

    return RejeuError(
        f"{path}: its conversion to tokenizer.json cuts the text {shown(text, 200)} otherwise than "
        f"SentencePiece does. From piece {first} (from 0) on, SentencePiece: {pieces(expected)}; "
        f"the conversion: {pieces(ids)}. Expected the same pieces; give a tokenizer.json of the "
        "model's authors beside tokenizer.model, or choose another model"
    )
