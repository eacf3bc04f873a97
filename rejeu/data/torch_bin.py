"""Read weights that PyTorch saved, `pytorch_model.bin`: a pickle, of which nothing may run.

PyTorch's restricted unpickler knows tensors and their parts, and no other function. It is given
only a file whose content somebody vouches for, and what comes out must be tensors by name.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

from rejeu.errors import RejeuError
from rejeu.job.run import refusal
from rejeu.job.whole_files import sha256_of
from rejeu.study.strict_reading import shown

ZIP = b"PK\x03\x04"  # how PyTorch's files begin since 1.6
# What Llama models kept beside their weights, and compute anew since: no parameter.
BUFFERS = (".rotary_emb.inv_freq",)


def convert_torch_bin(path: Path, known: str | None, output: Path) -> None:
    """Write the tensors of `path` as safetensors to `output`, in the types that they have.

    A tensor that stands under two names is written under both. The files are mapped into memory,
    not read into it.

    Args:
        path: a file written by `torch.save` of a model's state.
        known: the sha256 that it must have, by config.yaml or the hub; None: nobody says.
        output: the safetensors file.

    Raises:
        RejeuError: the file is not as known, of another format, or holds anything but tensors.
            Nothing is written then, and nothing of it ran.
    """
    _refuse_unknown(path, known)
    with path.open("rb") as stream:
        if stream.read(len(ZIP)) != ZIP:
            raise RejeuError(
                f"{path}: not in PyTorch's zip format (of 1.6 and later), so a plain pickle that "
                "is never read; expected weights as safetensors or in that format"
            )
    tensors = {
        name: tensor for name, tensor in _tensors(path).items() if not name.endswith(BUFFERS)
    }
    save_file(_apart(tensors), output, {"format": "pt"})


def _refuse_unknown(path: Path, known: str | None) -> None:
    found = sha256_of(path)
    if known is None:
        raise RejeuError(
            f"{path}: a .bin holds a pickle, which is read only if its sha256 is known. If you "
            "trust where the file comes from, write it into config.yaml, below `files` of its "
            f"input: {path.name}: {found}"
        )
    if found != known:
        raise RejeuError(
            f"{path}: expected sha256 {known}, found {found}; a .bin of other content than is "
            "known is never read. Fetch it again, or correct the sha256 in config.yaml"
        )


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    # No other library may add functions to those that the unpickler knows.
    torch.serialization.clear_safe_globals()
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # the unpickler lets any error through that a file may cause
        if refusal(error):
            raise
        raise RejeuError(
            f"{path}: not weights alone, and nothing of it was run: {_reason(error)}. Expected "
            "tensors by name, as torch.save(model.state_dict()) writes them"
        ) from error
    if not isinstance(content, dict) or not content:
        raise RejeuError(f"{path}: expected tensors by name, found {shown(content)}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise RejeuError(
                f"{path}: expected tensors by name; found {shown(name)}: {shown(value)}. Keep the "
                "model's state alone: torch.save(model.state_dict())"
            )
        if value.layout != torch.strided or value.is_quantized or value.device.type != "cpu":
            raise RejeuError(
                f"{path}: the weight {name} is sparse, quantised or without data; expected plain "
                "tensors"
            )
    return content


def _reason(error: Exception) -> str:
    """The line of PyTorch's long message that says which function was asked for."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = [line for line in lines if "GLOBAL" in line or "Unsupported" in line]
    return (named or lines or [type(error).__name__])[0][:300]


def _apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors that share no memory, each contiguous: what shares some is copied."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        storage, plain = tensor.untyped_storage().data_ptr(), tensor.detach().contiguous()
        result[name] = plain.clone() if storage in seen else plain
        seen.add(storage)
    return result
