"""Bring a pretrained model, in any of three formats, into the one folder layout that is trained."""

import shutil
from pathlib import Path
from typing import Any, Literal

import gguf
import torch
from safetensors import SafetensorError
from tokenizers import pre_tokenizers
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer, logging

from rejeu.data.onnx_bert import bert_from_onnx
from rejeu.errors import RejeuError
from rejeu.files import replacing, scratch

# The weights last: where they are, the rest is too.
FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")

# Nothing is fetched here, and code that comes with a model doesn't run.
LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


def prepare_model(
    kind: Literal["encoder", "causal"],
    format: Literal["safetensors", "gguf", "onnx_bert"],
    source: Path,
    tokenizer: Path,
    output: Path,
) -> None:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json to `output`.

    `source` is the folder of the model's files and `tokenizer` that of its tokenizer's:

    - safetensors: the files as they are (a tokenizer without tokenizer.json is converted);
    - gguf (causal): dequantised to float32, tokenizer from the same file. A value scale * q +
      offset of Q4_1 needs more than bfloat16's 8 significant bits, so nothing smaller is exact;
    - onnx_bert (encoder): a BERT exported by sentence-transformers, as float32. It has no pooler:
      that is drawn anew when a classifier is built, like the classifier's own head.

    Weights kept as pickles and code that comes with a model are never read. Raises RejeuError when
    files are missing, of another kind or don't fit one another.
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
            else:
                _copy(source, ("config.json", "model.safetensors"), stage)
            _take_tokenizer(tokenizer, stage)
        _check_loads(kind, stage, source)
        for file in FILES:
            with replacing(output / file) as beside:
                (stage / file).replace(beside)


def _from_gguf(path: Path, stage: Path) -> None:
    options: dict[str, Any] = {"gguf_file": path.name, **LOCAL}
    try:
        fields = gguf.GGUFReader(path).fields
        model: Any = AutoModelForCausalLM.from_pretrained(
            path.parent, dtype=torch.float32, **options
        )
        tokenizer = AutoTokenizer.from_pretrained(path.parent, **options)
    except (ValueError, KeyError, IndexError, OSError) as error:
        raise RejeuError(f"{path}: not a readable GGUF model: {error}") from error
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


def _take_tokenizer(folder: Path, stage: Path) -> None:
    if (folder / "tokenizer.json").is_file():
        _copy(folder, ("tokenizer.json", "tokenizer_config.json"), stage)
        return
    try:
        AutoTokenizer.from_pretrained(folder, **LOCAL).save_pretrained(stage)
    except (ValueError, OSError) as error:
        raise RejeuError(f"{folder}: no tokenizer.json, and none can be made: {error}") from error


def _check_loads(kind: str, stage: Path, source: Path) -> None:
    """Load what was made: files that don't fit one another must fail here, not in training."""
    loader = AutoModelForCausalLM if kind == "causal" else AutoModel
    level = logging.get_verbosity()
    # Its report on absent or spare weights is replaced by the error below.
    logging.set_verbosity_error()
    try:
        loaded: Any = loader.from_pretrained(
            stage, use_safetensors=True, output_loading_info=True, **LOCAL
        )
        AutoTokenizer.from_pretrained(stage, **LOCAL)
    except (ValueError, KeyError, OSError, RuntimeError, SafetensorError) as error:
        raise RejeuError(f"{source}: the model doesn't load: {error}") from error
    finally:
        logging.set_verbosity(level)
    found = loaded[1]
    missing = sorted(name for name in found["missing_keys"] if "pooler." not in name)
    if missing or found["mismatched_keys"]:
        raise RejeuError(
            f"{source}: weights don't fit config.json: missing {missing[:5]}, "
            f"of another shape {sorted(found['mismatched_keys'])[:5]}"
        )


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        names = [path.name for path in found]
        raise RejeuError(f"{folder}: expected one file {pattern}, found {names or 'none'}")
    return found[0]


def _copy(folder: Path, files: tuple[str, ...], stage: Path) -> None:
    for file in files:
        if not (folder / file).is_file():
            names = sorted(path.name for path in folder.glob("*"))
            raise RejeuError(f"{folder}: no {file}; found {names}. Weights must be one safetensors")
        shutil.copyfile(folder / file, stage / file)
