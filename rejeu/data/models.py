"""Bring a pretrained model, in any of four formats, into the one folder layout that is trained."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import gguf
import torch
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, logging

from rejeu.data.onnx_bert import bert_from_onnx
from rejeu.data.sentencepiece_model import from_sentencepiece, refuse_other_pieces
from rejeu.data.torch_bin import convert_torch_bin
from rejeu.errors import RejeuError
from rejeu.job.run import refusal
from rejeu.job.whole_files import replacing, scratch
from rejeu.study.strict_reading import parse_json, read_utf8, shown

# The weights last: where they are, the rest is too.
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")

PADDING = 1024  # rows that an embedding may have beyond its vocabulary, for the hardware's sake

# Nothing is fetched here, and code that comes with a model doesn't run.
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def prepare_model(
    kind: Literal["encoder", "causal"],
    format: Literal["safetensors", "torch_bin", "gguf", "onnx_bert"],
    source: Path,
    tokenizer: Path,
    output: Path,
    known: dict[str, str] | None = None,
    texts: Iterable[str] = (),
) -> None:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json to `output`.

    `source` is the folder of the model's files and `tokenizer` that of its tokenizer's:

    - safetensors: the files as they are (a tokenizer without tokenizer.json is converted);
    - torch_bin: pytorch_model.bin, a pickle, which is read as `convert_torch_bin` says: by
      PyTorch's restricted unpickler, and only if `known` has the file's sha256;
    - gguf (causal): dequantised to float32, tokenizer from the same file. A value scale * q +
      offset of Q4_1 needs more than bfloat16's 8 significant bits, so nothing smaller is exact;
    - onnx_bert (encoder): a BERT exported by sentence-transformers, as float32. It has no pooler:
      that is drawn anew when a classifier is built, like the classifier's own head.

    A tokenizer.model without tokenizer.json is converted as it says itself, and must cut `texts`
    as SentencePiece does. Code that comes with a model is never read. Raises RejeuError when files
    are missing, of another kind or don't fit one another: every weight must come from the files and
    be a number, and the tokenizer must be the model's.
    """
    # Progress bars would only fill the log.
    logging.disable_progress_bar()
    if (format == "gguf" and kind != "causal") or (format == "onnx_bert" and kind != "encoder"):
        raise RejeuError(f"{source}: a model of format '{format}' can't be of kind '{kind}'")
    output.mkdir(parents=True, exist_ok=True)
    with scratch(output) as stage:
        if format == "gguf":
            _from_gguf(_only(source, "*.gguf"), stage)
        else:
            if format == "onnx_bert":
                bert_from_onnx(_only(source, "*.onnx")).save_pretrained(stage)
            elif format == "torch_bin":
                _from_torch_bin(source, known or {}, stage)
            else:
                _copy(source, ("config.json", "model.safetensors"), stage)
            _take_tokenizer(tokenizer, stage, texts)
        _check_loads(kind, stage, source)
        for file in FILES:
            with replacing(output / file) as beside:
                (stage / file).replace(beside)


def _from_gguf(path: Path, stage: Path) -> None:
    options: dict[str, Any] = {"gguf_file": path.name, **LOCAL}
    try:
        reader = gguf.GGUFReader(path)
        fields = reader.fields
        layers = [field for name, field in fields.items() if name.endswith(".block_count")]
        _refuse_layers(path, layers[0].contents() if layers else 0, len(reader.tensors))
        with _without_load_report():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                path.parent, dtype=torch.float32, output_loading_info=True, **options
            )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **options)
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise RejeuError(f"{path}: not a readable GGUF model: {error}") from error
    model, loading_info = loaded
    _refuse_missing(path, loading_info)
    # transformers still takes the dequantised model for a quantised one, and won't save it.
    model.hf_quantizer = None
    model.is_quantized = False
    model.quantization_method = False
    del model.config.quantization_config
    if "tokenizer.ggml.pre" in fields and fields["tokenizer.ggml.pre"].contents() == "smollm":
        # transformers leaves out that SmolLM cuts digits from what is around them, spaces too.
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    tokenizer.model_max_length = model.config.max_position_embeddings
    # One file: the layout has no index of shards.
    model.save_pretrained(stage, max_shard_size="1TB")
    tokenizer.save_pretrained(stage)


def _from_torch_bin(source: Path, known: dict[str, str], stage: Path) -> None:
    if list(source.glob("*.bin.index.json")) or len(list(source.glob("*.bin"))) > 1:
        raise RejeuError(
            f"{source}: weights in several .bin files; expected one pytorch_model.bin. Save the "
            "model as one safetensors file, and set `format: safetensors`"
        )
    weights = _only(source, "*.bin")
    _copy(source, ("config.json",), stage)
    convert_torch_bin(weights, known.get(weights.name), stage / "model.safetensors")


def _take_tokenizer(folder: Path, stage: Path, texts: Iterable[str]) -> None:
    if (folder / "tokenizer.json").is_file():
        _copy(folder, ("tokenizer.json", "tokenizer_config.json"), stage)
        return
    if (model := folder / "tokenizer.model").is_file():
        from_sentencepiece(model, folder / "tokenizer_config.json").save_pretrained(stage)
        count = refuse_other_pieces(model, stage / "tokenizer.json", texts)
        print(f"{model}: {count:,} texts are cut into the same pieces as by SentencePiece")
        return
    try:
        AutoTokenizer.from_pretrained(folder, **LOCAL).save_pretrained(stage)
    except (ValueError, OSError) as error:
        raise RejeuError(f"{folder}: no tokenizer.json, and none can be made: {error}") from error


def _refuse_config(folder: Path, source: Path) -> None:
    """Refuse a config.json that would change how the model computes, or that its weights belie.

    How a run computes is said by its experiment and tier alone; the report prints that.
    """
    path = folder / "config.json"
    config = parse_json(read_utf8(path), f"{source}/config.json")
    if not isinstance(config, dict):
        raise RejeuError(f"{source}/config.json: expected an object, found {shown(config)}")
    for key, instead in {
        "quantization_config": "`quantisation` of the tier",
        "_attn_implementation": "`attention` of the experiment",
        "attn_implementation": "`attention` of the experiment",
    }.items():
        if config.get(key) is not None:
            raise RejeuError(
                f"{source}/config.json: {key}: {shown(config[key])}; remove it: {instead} in "
                "config.yaml decides that"
            )
    for key in ("dtype", "torch_dtype"):
        if config.get(key) not in (None, "float32", "float16", "bfloat16"):
            raise RejeuError(
                f"{source}/config.json: {key}: {shown(config[key])}; expected float32, float16 or "
                "bfloat16"
            )
    try:
        with safe_open(folder / "model.safetensors", framework="pt") as weights:
            tensors = len(list(weights.keys()))
    except (SafetensorError, OSError) as error:
        raise RejeuError(f"{source}: its weights can't be read: {error}") from error
    for key in ("num_hidden_layers", "n_layers", "num_layers", "n_layer"):
        _refuse_layers(source, config.get(key), tensors)


def _refuse_layers(source: Path, layers: Any, tensors: int) -> None:
    """A model of more layers than it has weights would fill the memory with made-up ones."""
    if isinstance(layers, int) and layers > tensors:
        raise RejeuError(
            f"{source}: {layers:,} layers, but only {tensors:,} weights; expected some in each"
        )


def _refuse_missing(source: Path, loading_info: dict[str, Any]) -> None:
    """Refuse weights that the files lack, but for a pooler, which a classifier draws anew."""
    missing = sorted(name for name in loading_info["missing_keys"] if "pooler." not in name)
    if missing or loading_info["mismatched_keys"]:
        raise RejeuError(
            f"{source}: weights don't fit config.json: missing {missing[:5]}, "
            f"of another shape {sorted(loading_info['mismatched_keys'])[:5]}"
        )


def _refuse_other_tokenizer(source: Path, tokenizer: Path, rows: int) -> None:
    """Refuse a tokenizer whose vocabulary isn't that of an embedding with so many rows."""
    numbers = Tokenizer.from_file(str(tokenizer)).get_vocab(with_added_tokens=True).values()
    if max(numbers, default=rows) >= rows or len(numbers) < rows - PADDING:
        raise RejeuError(
            f"{source}: the tokenizer has {len(numbers):,} tokens, numbered up to "
            f"{max(numbers, default=0):,}, and the model's embedding {rows:,} rows; expected the "
            "same vocabulary. Is the model's own vocabulary file missing (tokenizer.json, "
            "vocab.txt, tokenizer.model)?"
        )


@contextmanager
def _without_load_report() -> Iterator[None]:
    """Keep transformers' own report on absent or spare weights away: ours is an error."""
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def _check_loads(kind: str, stage: Path, source: Path) -> None:
    """Load what was made: files that don't fit one another must fail here, not in training."""
    _refuse_config(stage, source)
    loader = AutoModelForCausalLM if kind == "causal" else AutoModel
    try:
        with _without_load_report():
            loaded: Any = loader.from_pretrained(
                stage,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below
                **LOCAL,
            )
        AutoTokenizer.from_pretrained(stage, **LOCAL)
    except Exception as error:  # of any of the libraries that read foreign files here
        if refusal(error):
            raise
        raise RejeuError(f"{source}: the model doesn't load: {error}") from error
    model, loading_info = loaded
    _refuse_missing(source, loading_info)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise RejeuError(
                f"{source}: the weight {name} holds what is no number (NaN or infinite); expected "
                "finite numbers. Fetch the model again, or choose another"
            )
    rows = model.get_input_embeddings().num_embeddings
    _refuse_other_tokenizer(source, stage / "tokenizer.json", rows)


def _only(folder: Path, pattern: str) -> Path:
    matches = sorted(folder.glob(pattern))
    if len(matches) != 1:
        names = [path.name for path in matches]
        raise RejeuError(f"{folder}: expected one file {pattern}, found {names or 'none'}")
    return matches[0]


def _copy(folder: Path, files: tuple[str, ...], stage: Path) -> None:
    for file in files:
        if not (folder / file).is_file():
            names = sorted(path.name for path in folder.glob("*"))
            raise RejeuError(
                f"{folder}: no {file}; found {names}. Weights must be one safetensors, or one "
                "pytorch_model.bin (format: torch_bin)"
            )
        shutil.copyfile(folder / file, stage / file)
