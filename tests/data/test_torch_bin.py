"""Weights in a .bin: what is read of one, and that nothing of one runs."""

import builtins
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch._utils import _rebuild_tensor_v2  # pyright: ignore[reportPrivateUsage]

from rejeu.data.models import FILES, prepare_model
from rejeu.data.torch_bin import convert_torch_bin
from rejeu.errors import RejeuError
from rejeu.job.whole_files import sha256_of
from tests.training import small_models

ROOT = Path(__file__).parents[2]


def saved(folder: Path, content: Any, **options: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pytorch_model.bin"
    torch.save(content, path, **options)
    return path


def converted(path: Path, output: Path) -> dict[str, torch.Tensor]:
    convert_torch_bin(path, sha256_of(path), output)
    return load_file(output)


def test_tensors_keep_values_and_types(tmp_path: Path) -> None:
    torch.manual_seed(1)
    base = torch.randn(6, 4)
    tensors = {
        "a.half": torch.randn(3, 5).half(),
        "a.brain": torch.randn(2, 2).bfloat16(),
        "a.parameter": torch.nn.Parameter(torch.randn(4)),
        "a.numbers": torch.arange(3),
        "tied": base,
        "tied_again": base,
        "transposed": base.T,
        "part": base[2:4],
        "scalar": torch.tensor(2.5),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.randn(2),
    }
    made = converted(saved(tmp_path, tensors), tmp_path / "out.safetensors")
    assert made.keys() == tensors.keys() - {"model.layers.0.self_attn.rotary_emb.inv_freq"}
    for name, tensor in made.items():
        assert tensor.dtype == tensors[name].dtype
        assert torch.equal(tensor, tensors[name])


def test_a_model_in_a_bin_is_prepared_as_its_safetensors(tmp_path: Path) -> None:
    source = small_models.saved(small_models.qwen2, tmp_path / "in")
    prepare_model("causal", "safetensors", source, source, tmp_path / "expected")
    weights = load_file(source / "model.safetensors")
    (source / "model.safetensors").unlink()
    known = {"pytorch_model.bin": sha256_of(saved(source, weights))}
    prepare_model("causal", "torch_bin", source, source, tmp_path / "out", known)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    made, expected = (load_file(tmp_path / at / "model.safetensors") for at in ("out", "expected"))
    assert made.keys() == expected.keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in expected.items())
    for file in FILES[:3]:
        assert sha256_of(tmp_path / "out" / file) == sha256_of(tmp_path / "expected" / file)


def test_only_a_file_that_somebody_vouches_for_is_read(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.ones(2)})
    with pytest.raises(RejeuError) as caught:
        convert_torch_bin(path, None, tmp_path / "out")
    assert f"below `files` of its input: pytorch_model.bin: {sha256_of(path)}" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(RejeuError, match=f"expected sha256 {'0' * 64}, found {sha256_of(path)}"):
        convert_torch_bin(path, "0" * 64, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Calls:
    """What a pickle makes of an object: a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def planted(kind: str, mark: Path) -> Any:
    """A payload that would leave the file `mark`, or that misuses what the unpickler knows."""
    payloads: dict[str, Any] = {
        "system": Calls(os.system, f"touch {mark}"),
        "eval": Calls(builtins.eval, f"open({str(mark)!r}, 'w')"),
        "state of a tensor": Calls(
            _rebuild_tensor_v2,
            Calls(os.system, f"touch {mark}"),
            0,
            (1,),
            (1,),
            False,
            {},
        ),
        "another library's": Calls(subprocess.getoutput, f"touch {mark}"),
        "a storage out of nothing": Calls(
            _rebuild_tensor_v2,
            b"bytes",
            0,
            (1_000_000,),
            (1,),
            False,
            {},
        ),
    }
    return payloads[kind]


KINDS = ("system", "eval", "state of a tensor", "another library's", "a storage out of nothing")


@pytest.mark.parametrize("layout", ["zip", "old", "bare"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_pickle_is_refused_and_nothing_runs(
    tmp_path: Path, kind: str, layout: str
) -> None:
    mark, out = tmp_path / "ran", tmp_path / "out"
    content = {"weight": torch.ones(2), "more": planted(kind, mark)}
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "pytorch_model.bin"
    if layout == "bare":
        path.write_bytes(pickle.dumps(planted(kind, mark)))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    (folder / "config.json").write_text("{}")
    with pytest.raises(RejeuError) as caught:
        prepare_model("causal", "torch_bin", folder, folder, out, {path.name: sha256_of(path)})
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 600
    assert ("nothing of it was run" if layout == "zip" else "a plain pickle") in said
    assert not mark.exists()
    assert list(out.iterdir()) == []


def test_the_payload_would_have_run(tmp_path: Path) -> None:
    """Else the tests above would show nothing."""
    for kind in KINDS[:4]:
        mark = tmp_path / f"ran {len(kind)}".replace(" ", "_")
        code = f"import torch; torch.load({str(tmp_path / 'in.bin')!r}, weights_only=False)"
        torch.save({"more": planted(kind, mark)}, tmp_path / "in.bin")
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
        assert mark.exists(), kind


def test_a_function_that_another_library_allows_is_not_allowed_here(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = saved(tmp_path / "in", {"more": Calls(os.system, f"touch {mark}")})
    torch.serialization.add_safe_globals([os.system])
    with pytest.raises(RejeuError, match="nothing of it was run"):
        convert_torch_bin(path, sha256_of(path), tmp_path / "out")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "state": {"a": torch.ones(1)}}, "found 'epoch': 3"),
        ([torch.ones(1)], "expected tensors by name, found [tensor"),
        (torch.ones(1), "expected tensors by name, found tensor"),
        ({}, "expected tensors by name, found {}"),
        ({1: torch.ones(1)}, "found 1: tensor"),
        ({"a": torch.ones(2, 2).to_sparse()}, "the weight a is sparse"),
        ({"a": torch.ones(2, device="meta")}, "the weight a is sparse, quantised or without data"),
    ],
    ids=str,
)
def test_anything_but_tensors_by_name(tmp_path: Path, content: Any, said: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(RejeuError) as caught:
        convert_torch_bin(path, sha256_of(path), tmp_path / "out")
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_damaged_files(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.ones(1000)})
    content = path.read_bytes()
    for damage in (content[: len(content) // 2], content[:40], b"PK\x03\x04", b"", b"\x80\x02."):
        path.write_bytes(damage)
        with pytest.raises(RejeuError, match=r"pytorch_model\.bin: not "):
            convert_torch_bin(path, sha256_of(path), tmp_path / "out")
    with zipfile.ZipFile(path, "w") as other:
        other.writestr("readme", "no weights")
    with pytest.raises(RejeuError, match="nothing of it was run"):
        convert_torch_bin(path, sha256_of(path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", ["pytorch_model.bin.index.json", "pytorch_model-2.bin"])
def test_shards_are_refused(tmp_path: Path, more: str) -> None:
    saved(tmp_path / "in", {"a": torch.ones(1)})
    (tmp_path / "in" / more).write_text("{}")
    with pytest.raises(RejeuError, match=r"weights in several \.bin files; expected one"):
        prepare_model("causal", "torch_bin", tmp_path / "in", tmp_path / "in", tmp_path / "out")


def test_memory_stays_near_what_a_tensor_takes(tmp_path: Path) -> None:
    """Of a file of 256 MB, which is mapped: its pages are the system's to take back."""
    path = saved(tmp_path, {f"layer.{n}": torch.full((2**21,), float(n)) for n in range(32)})
    code = """if True:
        import resource, sys
        from pathlib import Path
        from rejeu.data.torch_bin import convert_torch_bin
        def own():
            lines = Path("/proc/self/status").read_text().splitlines()
            return int(next(l.split()[1] for l in lines if l.startswith("RssAnon")))
        before = own()
        convert_torch_bin(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
        print((own() - before) // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, path, sha256_of(path), tmp_path / "out"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    own, _ = map(int, done.stdout.split())
    assert own < 64
    assert sha256_of(tmp_path / "out")
