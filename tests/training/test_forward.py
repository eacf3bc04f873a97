"""Models that Rejeu has no forward pass for train as plain transformers and peft would."""

import io
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, set_seed

from rejeu.data.tokenise import TokenRows, pair_tokeniser
from rejeu.errors import RejeuError
from rejeu.job.run import Progress
from rejeu.training import classifier, forward, generation, lora, replies, timing
from rejeu.training.checkpoint import Checkpoints
from rejeu.training.hardware import Hardware
from rejeu.training.outputs import save_weights
from tests.training import small_models
from tests.training.sample import ROWS
from tests.training.sample import SETTINGS as LORA
from tests.training.test_checkpoint import Train, assert_same, died, states
from tests.training.test_classifier import SETTINGS, reviews

PROMPT = [10, 11, 12]
ADAPTER = ["adapter_model.safetensors", "adapter_config.json"]


def folder_of(name: str, root: pytest.TempPathFactory) -> Path:
    return small_models.saved(getattr(small_models, name), root.mktemp(name))


@pytest.fixture(scope="module", params=["electra", "roberta"])
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(request.param, tmp_path_factory)


@pytest.fixture(scope="module", params=["gpt2", "qwen2", "gpt_neox"])
def causal(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(request.param, tmp_path_factory)


def three_classes(count: int) -> TokenRows:
    rows = reviews(count)
    return TokenRows(rows.ids, rows.lengths, [place % 3 for place in range(count)])


def progress() -> Progress:
    return Progress("test", 1, io.StringIO())


def alone(model: Any, rows: list[list[int]]) -> torch.Tensor:
    """Logits of rows given to the library one by one, so that nothing is padded."""
    return torch.cat([model(input_ids=torch.tensor([row])).logits for row in rows])


def test_a_classifier_s_logits_and_gradients_are_the_library_s(
    encoder: Path, fp32: Hardware
) -> None:
    torch.manual_seed(5)
    model = classifier.load(encoder, fp32, 0.0, classes=3).eval()
    rows = list(three_classes(9))
    assert len({len(row) for row in rows}) > 3
    ours = forward.logits_of(model, fp32)(rows)
    assert ours.shape == (9, 3)
    ours.square().sum().backward()
    gradients = {name: value.grad for name, value in model.named_parameters()}
    model.zero_grad()
    expected = alone(model, rows)
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-4)
    expected.square().sum().backward()
    for name, value in model.named_parameters():
        torch.testing.assert_close(gradients[name], value.grad, atol=1e-5, rtol=1e-3)


def test_a_classifier_s_first_step_is_plain_training(encoder: Path, fp32: Hardware) -> None:
    """Dropout too: both draw from one seed, and a batch that fits is computed at once."""
    rows = three_classes(8)
    settings = replace(SETTINGS, batch_size=8, classes=3, attention_dropout=0.2)
    _, log, record = classifier.train(encoder, rows, settings, fp32, "test", io.StringIO())
    set_seed(settings.seed)
    model: Any = AutoModelForSequenceClassification.from_pretrained(
        encoder, num_labels=3, attn_implementation="eager", attention_probs_dropout_prob=0.2
    ).train()
    (batch,) = classifier.schedule(rows.lengths, settings)
    chosen = sorted(batch, key=lambda row: -rows.lengths[row])
    inputs = forward.padded([rows[row] for row in chosen], model.config.pad_token_id, "cpu")
    loss = model(**inputs, labels=torch.tensor([rows.labels[row] for row in chosen])).loss
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
    assert log[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert log[0]["grad_norm"] == pytest.approx(norm.item(), rel=1e-4)
    assert record["attention"] == "eager"


def test_a_batch_in_parts_gives_the_same_and_bounds_padding(encoder: Path, fp32: Hardware) -> None:
    torch.manual_seed(5)
    model = classifier.load(encoder, fp32, 0.0).eval()
    rows = reviews(40)
    logits_of = forward.logits_of(model, fp32)
    parts = forward.cutter(model, rows.lengths, fp32, 64)(range(40))
    assert max(rows.lengths) <= 64
    assert all(len(part) * max(rows.lengths[row] for row in part) <= 64 for part in parts)
    with torch.no_grad():
        whole = logits_of(list(rows))
        for part in parts:
            torch.testing.assert_close(logits_of([rows[row] for row in part]), whole[part])


def test_prediction_is_the_saved_model_s(encoder: Path, fp32: Hardware, tmp_path: Path) -> None:
    """In the rows' own order, without dropout, with as many classes as were trained."""
    rows = three_classes(30)
    settings = replace(SETTINGS, classes=3, attention_dropout=0.5)
    model, _, _ = classifier.train(encoder, rows, settings, fp32, "test", io.StringIO())
    save_weights(model, tmp_path, ["model.safetensors", "config.json"])
    again = classifier.load(tmp_path, fp32, 0.0)
    found = classifier.predict(again, rows, fp32, progress())
    assert found.shape == (30, 3)
    plain: Any = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        np.testing.assert_allclose(found, alone(plain, list(rows)).numpy(), atol=1e-5)
    assert np.array_equal(found, classifier.predict(model, rows, fp32, progress()))


@pytest.mark.parametrize("make", ["electra", "gpt2"])
def test_a_run_that_died_goes_on_bit_for_bit(
    make: str,
    fp32: Hardware,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = folder_of(make, tmp_path_factory)

    def classified(saved: Checkpoints | None) -> Any:
        settings = replace(SETTINGS, epochs=2, attention_dropout=0.1)
        return classifier.train(folder, reviews(22), settings, fp32, "run", io.StringIO(), saved)

    def adapted(saved: Checkpoints | None) -> Any:
        return trained(folder, replace(LORA, max_steps=12), fp32, saved)

    train: Train = classified if make == "electra" else adapted
    undisturbed = train(None)
    left = died(tmp_path, train, monkeypatch)
    said = io.StringIO()
    with states(left, said=said) as saved:
        again = train(saved)
    assert "goes on after step 8" in said.getvalue()
    assert_same(again, undisturbed)


def said_of(folder: Path, hardware: Hardware) -> str:
    said = io.StringIO()
    classifier.train(folder, reviews(8), SETTINGS, hardware, "large, seed 7", said)
    return said.getvalue()


def test_what_is_slower_is_said_once(
    fp32: Hardware, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (
        "'electra' models are computed by transformers' own forward pass, slower than Rejeu's for "
        "bert and distilbert\n"
    )
    assert (
        said_of(folder_of("electra", tmp_path_factory), fp32).count(f"large, seed 7: {line}") == 1
    )
    assert capsys.readouterr().out.count(line) == 1  # in the job's log
    said = said_of(folder_of("xlnet", tmp_path_factory), fp32)
    assert "no setting for dropout in attention: attention_dropout 0.0 changes nothing" in said


def test_models_that_rejeu_computes_are_not_remarked_on(
    fp32: Hardware, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "forward pass" not in said_of(folder_of("bert", tmp_path_factory), fp32)


def trained(
    folder: Path,
    settings: lora.Settings,
    hardware: Hardware,
    saved: Checkpoints | None = None,
    terminal: io.StringIO | None = None,
) -> tuple[PeftModel, list[dict[str, float]], dict[str, Any]]:
    base = lora.load(folder, hardware, "none")
    batches = lora.schedule([len(row) for row in ROWS], settings)
    terminal = terminal or io.StringIO()
    return lora.train(base, ROWS, batches, settings, hardware, "test", terminal, saved)


def summed(model: Any, rows: list[list[int]]) -> torch.Tensor:
    """The negative log-likelihood by hand, row by row."""
    losses = [
        cross_entropy(
            model(input_ids=torch.tensor([row])).logits[0, :-1],
            torch.tensor(row[1:]),
            reduction="sum",
        )
        for row in rows
    ]
    return torch.stack(losses).sum()


def test_an_adapter_s_loss_and_gradients_are_the_library_s(causal: Path, fp32: Hardware) -> None:
    torch.manual_seed(6)
    base = AutoModelForCausalLM.from_pretrained(causal, attn_implementation="eager")
    transposed = base.config.model_type == "gpt2"
    config = LoraConfig(
        r=4, task_type="CAUSAL_LM", init_lora_weights=False, fan_in_fan_out=transposed
    )
    model = get_peft_model(base, config).eval()
    rows = ROWS[:6]
    assert len({len(row) for row in rows}) > 2
    found, tokens = forward.loss(model, rows, fp32)
    expected = summed(model, rows)
    assert tokens == sum(len(row) - 1 for row in rows)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    parameters = lora.trainable(model)
    for one, other in zip(
        torch.autograd.grad(found, parameters),
        torch.autograd.grad(expected, parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)
        assert float(one.abs().sum()) > 0


def test_an_adapter_s_first_step_is_plain_training(causal: Path, fp32: Hardware) -> None:
    """Dropout too, the adapter's and what GPT-2 has of its own: both draw from one seed."""
    settings = replace(LORA, max_steps=1, batch_size=3)
    said = io.StringIO()
    ours, log, record = trained(causal, settings, fp32, terminal=said)
    set_seed(settings.seed)
    base = AutoModelForCausalLM.from_pretrained(causal, attn_implementation="eager")
    transposed = base.config.model_type == "gpt2"
    config = LoraConfig(
        r=4, lora_alpha=8, lora_dropout=0.1, task_type="CAUSAL_LM", fan_in_fan_out=transposed
    )
    model = get_peft_model(base, config).train()
    (batch,) = lora.schedule([len(row) for row in ROWS], settings)
    rows = sorted((ROWS[row] for row in batch), key=len, reverse=True)
    inputs = forward.padded(rows, 0, "cpu")
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    torch.manual_seed(random.Random(settings.seed).getrandbits(63))  # as each step has its own
    loss = model(**inputs, labels=labels).loss
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(lora.trainable(model), 1e9)
    assert log[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert log[0]["grad_norm"] == pytest.approx(norm.item(), rel=1e-4)
    assert "slower than Rejeu's for llama" in said.getvalue()
    assert record["target_modules"] == ours.peft_config["default"].target_modules  # pyright: ignore
    assert record["settings"]["target_modules"] is None


def test_an_adapter_is_used_as_it_was_trained(causal: Path, fp32: Hardware, tmp_path: Path) -> None:
    """Reloaded, probed, held-out loss, generation, answers and replies: as plain peft says."""
    settings = replace(LORA, max_steps=12, learning_rate=5e-2)
    model, _, _ = trained(causal, settings, fp32)
    expected = generation.probe(model, PROMPT, fp32)[-1]
    save_weights(model, tmp_path, ADAPTER)
    base = lora.load(causal, fp32, "none")
    again = generation.load_adapter(base, tmp_path, expected, PROMPT, fp32)
    assert torch.equal(generation.probe(again, PROMPT, fp32)[-1], expected)
    found = generation.heldout_loss(again, ROWS, fp32, progress())
    with torch.no_grad():
        total = summed(again, ROWS).item()
    assert found["loss"] == pytest.approx(total / sum(len(row) - 1 for row in ROWS), rel=1e-5)
    tokeniser = pair_tokeniser(causal, "plain", 64)
    said = generation.states(again, tmp_path, tokeniser, "w10 w11 w12", 6, fp32)
    assert [one["max_logit_difference_from_base"] > 0 for one in said] == [False, True, False]
    prompts = [PROMPT, [20], [30, 31, 32, 33]]
    together = generation.answers(again, tokeniser.tokenizer, prompts, 6, fp32, progress())
    assert [one["text"] for one in together] == [
        generation.generate(again, tokeniser.tokenizer, prompt, 6, fp32)["text"]
        for prompt in prompts
    ]
    replies.in_float32(again)
    scores = replies.scores(again, tokeniser, {"a": {"input": "w5 w6", "output": " w7"}}, fp32)
    assert scores["a"]["base"] != scores["a"]["trained"]


@pytest.mark.parametrize("name", ["gpt2", "qwen2"])
def test_chosen_layers_are_adapted(
    name: str, fp32: Hardware, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = folder_of(name, tmp_path_factory)
    wanted = {"gpt2": ["mlp.c_fc", "c_proj"], "qwen2": ["up_proj", "k_proj"]}[name]
    settings = replace(LORA, max_steps=2, target_modules=wanted)
    model, _, record = trained(folder, settings, fp32)
    assert record["target_modules"] == sorted(wanted)
    adapted = [path for path, _ in model.named_parameters() if "lora_A" in path]
    assert adapted
    assert all(any(f".{layer}.lora_A" in path for layer in wanted) for path in adapted)


def test_a_llama_s_chosen_layers_are_computed_packed(
    fp32: Hardware, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = folder_of("llama", tmp_path_factory)
    wanted = ["k_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"]
    settings = replace(LORA, max_steps=6, learning_rate=5e-2, target_modules=wanted)
    model, _, _ = trained(folder, settings, fp32)
    model.eval()
    assert forward.is_packed(model, fp32)
    with torch.no_grad():
        found, _ = forward.loss(model, ROWS, fp32)
        assert found.item() == pytest.approx(summed(model, ROWS).item(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("phimoe", None, "'phimoe' model: peft doesn't know which of its layers .*(.*q_proj.*)"),
        ("gpt2", ["q_proj"], r"'q_proj'; expected linear layers of the 'gpt2' model \(c_attn, c_f"),
        ("qwen2", ["q_proj", "embed_tokens"], "target_modules: 'embed_tokens'; expected linear"),
    ],
)
def test_layers_that_can_not_be_adapted_are_refused(
    name: str,
    wanted: list[str] | None,
    message: str,
    fp32: Hardware,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = folder_of(name, tmp_path_factory)
    with pytest.raises(RejeuError, match=message):
        trained(folder, replace(LORA, target_modules=wanted), fp32)


def test_batches_and_ranks_are_timed(
    fp32: Hardware, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = three_classes(24)
    folder = folder_of("roberta", tmp_path_factory)
    found = timing.by_batch_size(
        folder, rows, [4, 8], 3, 1e-3, 1.0, fp32, 8, 1, 7, "test", io.StringIO()
    )
    assert found["seconds_per_row"].keys() == {"4", "8"}
    settings = [replace(LORA, rank=rank) for rank in (2, 4)]
    folder = folder_of("gpt2", tmp_path_factory)
    found = timing.by_rank(folder, ROWS, settings, "none", fp32, 2, 1, "test", io.StringIO())
    # 2 layers, whose c_attn has 32 in and 3 * 32 out
    assert found["trainable_parameters"] == {str(r): 2 * r * (32 + 96) for r in (2, 4)}


def test_a_processor_s_bfloat16_is_near(
    encoder: Path, causal: Path, fp32: Hardware, bf16: Hardware
) -> None:
    torch.manual_seed(5)
    model = classifier.load(encoder, fp32, 0.0).eval()
    rows = list(reviews(6))
    with torch.no_grad():
        exact, coarse = (forward.logits_of(model, one)(rows) for one in (fp32, bf16))
        assert 0 < (exact - coarse).abs().max() < 0.02
        losses = [
            forward.loss(lora.load(causal, one, "none"), ROWS, one)[0] for one in (fp32, bf16)
        ]
    assert losses[1].item() == pytest.approx(losses[0].item(), rel=0.03)
    _, log, _ = trained(causal, LORA, bf16)
    assert len(log) == LORA.max_steps
