import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from tokenizers import Tokenizer

from rejeu.data.tokenise import pair_tokeniser, read_tokens, tokenise_pairs, tokenise_texts
from rejeu.errors import RejeuError

ROOT = Path(__file__).parents[2]
INPUTS = ["Hey, how are you?", "I paid  12 euros for it", "x"]
OUTPUTS = ["I'm fine. And you?", "That is not much", "café ☃"]


def columns(path: Path) -> dict[str, Any]:
    return dict(datasets.Dataset.from_file(str(path))[:])


def test_texts(tmp_path: Path, input_folder: Callable[[str], Path]) -> None:
    folder, path = input_folder("minilm_l6"), tmp_path / "train.arrow"
    texts = ["A fine film", "word " * 300]
    counts = tokenise_texts(texts, [1, 0], folder, 256, path)
    assert counts == {"rows": 2, "tokens": 5 + 256, "truncated": 1}
    dataset = datasets.Dataset.from_file(str(path))
    assert {name: str(feature) for name, feature in dataset.features.items()} == {
        "input_ids": "List(Value('int32'))",
        "label": "Value('int64')",
        "length": "Value('int32')",
    }
    rows = columns(path)
    # [CLS] ... [SEP], neither padded nor cut at the 128 tokens that the file asks for.
    assert rows["input_ids"][0] == [101, 1037, 2986, 2143, 102]
    assert (rows["input_ids"][1][0], rows["input_ids"][1][-1]) == (101, 102)
    assert (rows["label"], rows["length"]) == ([1, 0], [5, 256])
    assert [file.name for file in tmp_path.iterdir()] == ["train.arrow"]


def test_plain_pairs_are_one_string(tmp_path: Path, model_folder: Callable[[str], Path]) -> None:
    folder, path = model_folder("smollm2_135m"), tmp_path / "train.arrow"
    tokenise_pairs(INPUTS, OUTPUTS, pair_tokeniser(folder, "plain", 512), path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = columns(path)
    for row, (text, answer) in enumerate(zip(INPUTS, OUTPUTS, strict=True)):
        ids, prompt_length = rows["input_ids"][row], rows["prompt_length"][row]
        assert ids == tokenizer.encode(text + answer).ids
        assert rows["length"][row] == len(ids)
        # The prompt's tokens hold the whole input; without the last one they don't.
        assert tokenizer.decode(ids[:prompt_length]).startswith(text)
        assert not tokenizer.decode(ids[: prompt_length - 1]).startswith(text)
    # "it" + "That" and "x" + "café" meet inside a token: it counts as the prompt's.
    assert tokenizer.decode(rows["input_ids"][2][: rows["prompt_length"][2]]) == "xc"


def test_separated_pairs_end(tmp_path: Path, model_folder: Callable[[str], Path]) -> None:
    folder, path = model_folder("smollm2_135m"), tmp_path / "train.arrow"
    tokeniser = pair_tokeniser(folder, "separated", 512)
    tokenise_pairs(INPUTS, OUTPUTS, tokeniser, path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = columns(path)
    for row, (text, answer) in enumerate(zip(INPUTS, OUTPUTS, strict=True)):
        ids, prompt_length = rows["input_ids"][row], rows["prompt_length"][row]
        assert ids[-1] == tokenizer.token_to_id("<|im_end|>")
        assert tokenizer.decode(ids[:prompt_length]) == text + "\n"
        assert tokenizer.decode(ids[prompt_length:-1]) == answer
        # A prompt alone, and one pair alone, have the tokens that they have in the file.
        assert tokeniser.prompt(text) == ids[:prompt_length]
        assert tokeniser.pair(text, answer) == (ids, prompt_length)
    read = read_tokens(path)
    assert (list(read), read.prompt_lengths) == (rows["input_ids"], rows["prompt_length"])
    assert (read.lengths, read.labels) == (rows["length"], [])


def test_truncated_pair(tmp_path: Path, model_folder: Callable[[str], Path]) -> None:
    path = tmp_path / "train.arrow"
    tokeniser = pair_tokeniser(model_folder("smollm2_135m"), "plain", 4)
    counts = tokenise_pairs(["a b c d e f"], ["g"], tokeniser, path)
    assert counts == {"rows": 1, "tokens": 4, "truncated": 1}
    assert columns(path)["prompt_length"] == [4]


def test_special_tokens_of_the_tokenizer(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    path = tmp_path / "train.arrow"
    tokeniser = pair_tokeniser(input_folder("minilm_l6"), "plain", 64)
    tokenise_pairs(["a fine"], [" film"], tokeniser, path)
    rows = columns(path)
    # [CLS] is before the input's end, [SEP] is not.
    assert (rows["length"], rows["prompt_length"]) == ([5], [3])


def test_one_input_gives_one_file_and_nothing_else(
    tmp_path: Path, input_folder: Callable[[str], Path]
) -> None:
    """Written and read by `datasets`, in a process whose home shows what it leaves there."""
    folder, home = input_folder("minilm_l6"), tmp_path / "home"
    home.mkdir()
    code = """if True:
        import sys
        from pathlib import Path
        from rejeu.data.tokenise import read_tokens, tokenise_texts
        path, texts = Path(sys.argv[1]), ["fine " * row for row in range(1, 2501)]
        tokenise_texts(texts, [row % 2 for row in range(2500)], Path(sys.argv[2]), 16, path)
        rows = read_tokens(path)
        assert (len(rows), rows[2499], rows.labels[:3]) == (2500, list(rows)[2499], [0, 1, 0])
        assert not {"torch", "transformers"} & set(sys.modules)
    """
    # A name that the library's file systems would read as an address.
    paths = [tmp_path / "a::b é" / name for name in ("train.arrow", "again.arrow")]
    for path in paths:
        command = [sys.executable, "-c", code, str(path), str(folder)]
        environment = {"HOME": str(home), "PATH": "", "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(paths[0].parent.iterdir()) == sorted(paths)
    assert list(home.iterdir()) == []


def test_bad_input(tmp_path: Path, input_folder: Callable[[str], Path]) -> None:
    folder, path = input_folder("minilm_l6"), tmp_path / "train.arrow"
    with pytest.raises(RejeuError, match="no rows to tokenise"):
        tokenise_texts([], [], folder, 64, path)
    with pytest.raises(RejeuError, match=r"tokenizer\.json: no such file"):
        tokenise_texts(["a"], [1], tmp_path, 64, path)
    with pytest.raises(RejeuError, match="max_length 2: expected more than 2"):
        tokenise_texts(["a"], [1], folder, 2, path)
    with pytest.raises(RejeuError, match="no eos_token"):
        pair_tokeniser(folder, "separated", 64)
    with pytest.raises(RejeuError, match="joining 'odd' is unknown"):
        pair_tokeniser(folder, "odd", 64)  # pyright: ignore[reportArgumentType]
    assert list(tmp_path.iterdir()) == []


def test_torch_is_not_imported() -> None:
    modules = ["sources", "tables", "labelled_texts", "message_pairs", "tokenise"]
    imports = "; ".join(f"import rejeu.data.{module}" for module in modules)
    check = f"import sys; {imports}; sys.exit(bool({{'torch', 'transformers'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
