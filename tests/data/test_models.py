import json
import logging.handlers
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from rejeu.data.models import FILES, prepare_model
from rejeu.errors import RejeuError
from tests.training import small_models

Folders = Callable[[str], Path]


@pytest.fixture(autouse=True)
def no_warnings() -> Iterator[None]:
    """transformers warns through its logger, which pytest's own capture doesn't see."""
    handler = logging.handlers.BufferingHandler(1_000)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("transformers")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    # A new head is what a pretrained encoder is for.
    shown = [record.getMessage() for record in handler.buffer]
    assert [text for text in shown if "BertForSequenceClassification LOAD REPORT" not in text] == []


@pytest.mark.parametrize("name", ["minilm_l6", "minilm_l3", "smollm2_135m"])
def test_layout(model_folder: Folders, name: str) -> None:
    folder = model_folder(name)
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    # Nothing is left of the temporary folders, and no file names a path of this machine.
    assert [path for path in folder.parent.iterdir() if path.name.startswith(".")] == []
    for file in ("config.json", "tokenizer_config.json"):
        assert str(Path.cwd()) not in (folder / file).read_text()


@pytest.mark.parametrize(
    ("name", "new"), [("minilm_l6", {"classifier"}), ("minilm_l3", {"classifier", "bert.pooler"})]
)
def test_encoders_load_with_a_new_head(model_folder: Folders, name: str, new: set[str]) -> None:
    loaded = AutoModelForSequenceClassification.from_pretrained(
        model_folder(name), local_files_only=True, output_loading_info=True
    )
    model, found = loaded  # pyright: ignore[reportGeneralTypeIssues]
    heads = {key.removesuffix(".weight").removesuffix(".bias") for key in found["missing_keys"]}
    assert {head.removesuffix(".dense") for head in heads} == new
    assert not found["unexpected_keys"]
    assert model.config.num_hidden_layers == int(name[-1])


def test_safetensors_are_copied(input_folder: Folders, model_folder: Folders) -> None:
    source, made = input_folder("minilm_l6"), model_folder("minilm_l6")
    assert all((source / file).read_bytes() == (made / file).read_bytes() for file in FILES)


def test_converted_bert_equals_its_graph(input_folder: Folders, model_folder: Folders) -> None:
    sentences = ["A fine film.", "I walked out after ten minutes; it was dreadful!", "Why?"]
    tokenizer = AutoTokenizer.from_pretrained(model_folder("minilm_l3"), local_files_only=True)
    batch = tokenizer(sentences, padding=True, return_tensors="pt")
    model = AutoModel.from_pretrained(
        model_folder("minilm_l3"), local_files_only=True, add_pooling_layer=False
    ).eval()
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    with torch.no_grad():
        states = model(**inputs).last_hidden_state
    graph = ReferenceEvaluator(str(input_folder("minilm_l3") / "paraphrase-MiniLM-L3-v2.onnx"))
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    # The graph's outputs: hidden states and, last, their mean over the real tokens.
    outputs = graph.run(["onnx::Shape_422", "461"], arrays)
    expected, pooled = (np.asarray(output) for output in outputs)
    mask = inputs["attention_mask"].unsqueeze(-1)
    np.testing.assert_allclose(states.numpy(), expected, atol=1e-5)
    means = (states * mask).sum(1) / mask.sum(1)
    np.testing.assert_allclose(means.numpy(), pooled, atol=1e-5)


def test_gguf_weights_are_exact_in_float32(input_folder: Folders, model_folder: Folders) -> None:
    weights = load_file(model_folder("smollm2_135m") / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    tensors = {
        t.name: t for t in GGUFReader(next(input_folder("smollm2_135m").glob("*.gguf"))).tensors
    }
    for ours, theirs in [
        ("model.embed_tokens", "token_embd"),
        ("model.layers.7.mlp.down_proj", "blk.7.ffn_down"),
        ("model.layers.29.self_attn.v_proj", "blk.29.attn_v"),
    ]:
        tensor = tensors[f"{theirs}.weight"]
        expected = dequantize(tensor.data, tensor.tensor_type)
        np.testing.assert_array_equal(weights[f"{ours}.weight"].numpy(), expected)
    down = weights["model.layers.7.mlp.down_proj.weight"]
    assert not torch.equal(down, down.bfloat16().float())


def test_gguf_model_continues_text(model_folder: Folders) -> None:
    folder = model_folder("smollm2_135m")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    ids = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        assert tokenizer.decode(model(ids).logits[0, -1].argmax()) == " Paris"
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")


def test_gguf_tokenizer_cuts_digits(model_folder: Folders) -> None:
    tokenizer = AutoTokenizer.from_pretrained(model_folder("smollm2_135m"), local_files_only=True)
    assert tokenizer.tokenize("In  2024, paid") == ["In", "ĠĠ", "2", "0", "2", "4", ",", "Ġpaid"]
    assert tokenizer.decode(tokenizer("café  ☃ 12")["input_ids"]) == "café  ☃ 12"


def test_bad_models(tmp_path: Path, input_folder: Folders) -> None:
    minilm, out, bad = input_folder("minilm_l6"), tmp_path / "out", tmp_path / "bad"
    bad.mkdir()
    with pytest.raises(RejeuError, match="'gguf' can't be of kind 'encoder'"):
        prepare_model("encoder", "gguf", minilm, minilm, out)
    with pytest.raises(RejeuError, match=r"expected one file \*\.onnx, found none"):
        prepare_model("encoder", "onnx_bert", minilm, minilm, out)
    (bad / "pytorch_model.bin").write_bytes(b"a pickle")
    shutil.copy(minilm / "config.json", bad)
    with pytest.raises(RejeuError, match=r"no model\.safetensors; found .*pytorch_model\.bin"):
        prepare_model("encoder", "safetensors", bad, minilm, out)
    (bad / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(RejeuError, match="its weights can't be read"):
        prepare_model("encoder", "safetensors", bad, minilm, out)
    (bad / "model.gguf").write_bytes(b"torn")
    with pytest.raises(RejeuError, match="not a readable GGUF model"):
        prepare_model("causal", "gguf", bad, bad, out)
    (bad / "model.onnx").write_bytes(b"torn")
    with pytest.raises(RejeuError, match="not a readable ONNX file"):
        prepare_model("encoder", "onnx_bert", bad, minilm, out)
    assert list(out.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "out"]


def changed_model(source: Path, folder: Path, **config: Any) -> Path:
    """A copy of a model's folder, with other values in its config.json."""
    shutil.copytree(source, folder, copy_function=os.link)
    content = json.loads((folder / "config.json").read_text()) | config
    (folder / "config.json").unlink()
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"_attn_implementation": "flash_attention_2"},
            "_attn_implementation: 'flash_attention_2'",
        ),
        ({"attn_implementation": "sdpa"}, "`attention` of the experiment in config.yaml decides"),
        ({"quantization_config": {"quant_method": "x"}}, "`quantisation` of the tier"),
        ({"dtype": "nonsense"}, "dtype: 'nonsense'; expected float32, float16 or bfloat16"),
        ({"torch_dtype": "int8"}, "torch_dtype: 'int8'"),
        ({"num_hidden_layers": 10_000_000}, "10,000,000 layers, but only"),
        ({"hidden_size": "wide"}, "the model doesn't load"),
        ({"vocab_size": 3}, "of another shape [('embeddings.word_embeddings.weight'"),
    ],
    ids=str,
)
def test_a_config_that_would_change_the_computation(
    tmp_path: Path, input_folder: Folders, config: dict[str, Any], said: str
) -> None:
    bad = changed_model(input_folder("minilm_l6"), tmp_path / "bad", **config)
    with pytest.raises(RejeuError) as caught:
        prepare_model("encoder", "safetensors", bad, bad, tmp_path / "out")
    assert said in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_tokenizer_that_is_not_the_model_s(tmp_path: Path, input_folder: Folders) -> None:
    """transformers makes one of five special tokens up where the vocabulary is missing."""
    minilm, other = input_folder("minilm_l6"), tmp_path / "other"
    other.mkdir()
    for file in ("config.json", "tokenizer_config.json"):
        shutil.copy(minilm / file, other)
    with pytest.raises(RejeuError, match=r"the tokenizer has 5 tokens, .* embedding 30,522 rows"):
        prepare_model("encoder", "safetensors", minilm, other, tmp_path / "out")
    larger = json.loads((minilm / "tokenizer.json").read_text())
    larger["model"]["vocab"]["unheardof"] = 30_522
    (other / "tokenizer.json").write_text(json.dumps(larger))
    with pytest.raises(RejeuError, match=r"30,523 tokens, numbered up to 30,522"):
        prepare_model("encoder", "safetensors", minilm, other, tmp_path / "out")


def test_weights_that_are_no_numbers(tmp_path: Path, input_folder: Folders) -> None:
    bad = changed_model(input_folder("minilm_l6"), tmp_path / "bad")
    weights = load_file(bad / "model.safetensors")
    weights["encoder.layer.2.output.dense.bias"][7] = float("nan")
    (bad / "model.safetensors").unlink()
    save_file(weights, bad / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        RejeuError, match=r"the weight encoder\.layer\.2\.output\.dense\.bias holds"
    ):
        prepare_model("encoder", "safetensors", bad, bad, tmp_path / "out")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # those that are there are read as garbage
@pytest.mark.parametrize("count", [0, 100])
def test_a_gguf_that_lacks_weights(tmp_path: Path, input_folder: Folders, count: int) -> None:
    content = bytearray(next(input_folder("smollm2_135m").glob("*.gguf")).read_bytes())
    struct.pack_into("<Q", content, 8, count)  # of tensors, in the header
    (tmp_path / "bad.gguf").write_bytes(content)
    with pytest.raises(RejeuError, match=r"only 0 weights|missing \['model\.layers"):
        prepare_model("causal", "gguf", tmp_path, tmp_path, tmp_path / "out")


@pytest.mark.parametrize("architecture", ["bert", "unheard_of"])
def test_code_that_comes_with_a_model_never_runs(
    tmp_path: Path, input_folder: Folders, architecture: str
) -> None:
    """Neither in place of a known architecture nor for one that only its code knows."""
    minilm, bad, ran = input_folder("minilm_l6"), tmp_path / "bad", tmp_path / "ran"
    shutil.copytree(minilm, bad)
    code = f"open({str(ran)!r}, 'w')\nfrom transformers import BertConfig as C, BertModel as M\n"
    (bad / "evil.py").write_text(code)
    for file in ("config.json", "tokenizer_config.json"):
        content = json.loads((bad / file).read_text()) | {
            "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M", "AutoTokenizer": "evil.M"},
            "model_type": architecture,
        }
        (bad / file).write_text(json.dumps(content))
    if architecture == "bert":
        prepare_model("encoder", "safetensors", bad, bad, tmp_path / "out")
    else:
        with pytest.raises(RejeuError, match="doesn't load"):
            prepare_model("encoder", "safetensors", bad, bad, tmp_path / "out")
    assert not ran.exists()
    assert not list(tmp_path.rglob("out/*.py"))


def test_onnx_weights_outside_the_folder_are_not_followed(tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (tmp_path / "secret").write_bytes(bytes(16))
    tensor = TensorProto(
        name="embeddings.word_embeddings.weight",
        data_type=TensorProto.FLOAT,
        dims=[2, 2],
        data_location=TensorProto.EXTERNAL,
    )
    tensor.external_data.add(key="location", value="../secret")
    model = helper.make_model(helper.make_graph([], "bad", [], [], [tensor]))
    (bad / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(RejeuError, match=r"not a readable ONNX file: .*outside the directory"):
        prepare_model("encoder", "onnx_bert", bad, bad, tmp_path / "out")


def test_weights_that_do_not_fit_the_configuration(tmp_path: Path, input_folder: Folders) -> None:
    minilm = input_folder("minilm_l6")
    config = json.loads((minilm / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 7}))
    shutil.copy(minilm / "model.safetensors", tmp_path)
    with pytest.raises(RejeuError, match=r"weights don't fit config\.json: missing .*layer\.6"):
        prepare_model("encoder", "safetensors", tmp_path, minilm, tmp_path / "out")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("encoder", "electra"), ("encoder", "roberta"), ("causal", "gpt2"), ("causal", "qwen2")],
)
def test_models_of_other_kinds(
    tmp_path: Path, kind: Literal["encoder", "causal"], name: str
) -> None:
    source, out = small_models.saved(getattr(small_models, name), tmp_path / "in"), tmp_path / "out"
    prepare_model(kind, "safetensors", source, source, out)
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    weights = load_file(out / "model.safetensors")
    assert weights.keys() == load_file(source / "model.safetensors").keys()
    # One weight less, but not a pooler's, is refused as of any model.
    lost = next(key for key in weights if "layer.1" in key or "h.1" in key or "layers.1" in key)
    (source / "model.safetensors").unlink()
    kept = {key: value for key, value in weights.items() if key != lost}
    save_file(kept, source / "model.safetensors", {"format": "pt"})
    with pytest.raises(RejeuError, match="weights don't fit config"):
        prepare_model(kind, "safetensors", source, source, tmp_path / "other")


def test_an_encoder_that_was_trained_to_fill_gaps(tmp_path: Path) -> None:
    """The hub's encoders come with that head and without a pooler; their own names say so."""
    torch.manual_seed(1)
    source = small_models.saved(small_models.roberta, tmp_path / "in")
    config = AutoConfig.from_pretrained(source)
    AutoModelForMaskedLM.from_config(config).save_pretrained(source)
    names = load_file(source / "model.safetensors").keys()
    assert not any("pooler" in name for name in names)
    assert any(name.startswith("lm_head") for name in names)
    prepare_model("encoder", "safetensors", source, source, tmp_path / "out")
