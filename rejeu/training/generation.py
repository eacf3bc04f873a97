"""Use a trained adapter: held-out loss, generated text, and proof that it was really loaded."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from tokenizers import Tokenizer
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel

from rejeu.data.tokenise import PairTokeniser
from rejeu.errors import RejeuError
from rejeu.job.run import Progress
from rejeu.training import forward
from rejeu.training.hardware import Hardware

HELD_OUT_TOKENS = 512  # at a time, on a processor: their logits over the vocabulary take 100 MB
TOGETHER = 16  # prompts that are answered at a time


@torch.inference_mode()
def probe(model: torch.nn.Module, prompt: list[int], hardware: Hardware) -> torch.Tensor:
    """Logits after each token of `prompt`, float32 of shape (tokens, vocabulary), on the CPU."""
    model.eval()
    with hardware.autocast():
        logits = model(input_ids=torch.tensor([prompt], device=hardware.device)).logits
    return logits[0].float().cpu()


def load_adapter(
    base: PreTrainedModel,
    folder: Path,
    expected: torch.Tensor,
    prompt: list[int],
    hardware: Hardware,
) -> PeftModel:
    """Put the *trained* adapter in `folder` on `base`, and check that it is the one trained.

    On one machine the reloaded logits equal the trained model's; between machines rounding may
    part them, but by less than 1 % of what training changed.

    Raises:
        RejeuError: when the logits differ from `expected`, those of the model as trained.
    """
    before = probe(base, prompt, hardware)[-1]
    model = PeftModel.from_pretrained(base, folder, is_trainable=False)
    after = probe(model, prompt, hardware)[-1]
    difference = (after - expected).abs().max().item()
    allowed = 0.01 * (before - expected).abs().max().item()
    if not difference <= allowed:
        raise RejeuError(
            f"{folder}: the reloaded adapter is not the one that was trained: its logits differ by "
            f"{difference:.4g} from those recorded after training (allowed: {allowed:.4g}). "
            "Delete the folder and train again."
        )
    return model


@torch.inference_mode()
def heldout_loss(
    model: torch.nn.Module, rows: list[list[int]], hardware: Hardware, progress: Progress
) -> dict[str, float | int]:
    """Mean negative log-likelihood per predicted token, in nats: {loss, tokens, rows}."""
    model.eval()
    total, tokens, done = 0.0, 0, 0
    lengths = [len(row) for row in rows]
    for chosen in forward.cutter(model, lengths, hardware, HELD_OUT_TOKENS)(range(len(rows))):
        loss, count = forward.loss(model, [rows[row] for row in chosen], hardware)
        total += loss.item()
        tokens += count
        done += len(chosen)
        progress.update(done, " held-out rows")
    return {"loss": total / tokens, "tokens": tokens, "rows": len(rows)}


@torch.inference_mode()
def generate(
    model: Any, tokenizer: Tokenizer, prompt: list[int], max_new_tokens: int, hardware: Hardware
) -> dict[str, Any]:
    """Greedy continuation of `prompt`: {tokens, text, stopped, logprob_per_token}.

    `tokens` and `text` hold the prompt too; `stopped` says whether the model ended it by itself;
    `logprob_per_token` is the mean log-probability, in nats, of the tokens it chose.
    """
    model.eval()
    ids = torch.tensor([prompt], device=hardware.device)
    ends = end_tokens(model)
    with hardware.autocast():
        tokens = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_new_tokens,
            do_sample=False,
            pad_token_id=min(ends, default=0),
        )
        logits = model(input_ids=tokens).logits[0, len(prompt) - 1 : -1].float()
    new = tokens[0, len(prompt) :]
    chosen = log_softmax(logits, dim=-1).gather(1, new[:, None])
    return {
        "tokens": tokens[0].tolist(),
        "text": tokenizer.decode(tokens[0].tolist(), skip_special_tokens=True),
        "stopped": int(new[-1]) in ends,
        "logprob_per_token": chosen.mean().item(),
    }


def end_tokens(model: Any) -> set[int]:
    """The tokens that end a model's text; none where it was never taught to end."""
    end = model.generation_config.eos_token_id
    return set(end if isinstance(end, list) else [end]) - {None}


@torch.inference_mode()
def answers(
    model: Any,
    tokenizer: Tokenizer,
    prompts: list[list[int]],
    max_new_tokens: int,
    hardware: Hardware,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Greedy continuations of many prompts, of one or more tokens each: [{text, stopped}].

    As `generate` gives them, but computed together: prompts are padded on the left, so that each
    reply follows its prompt. `text` holds the prompt too.
    """
    model.eval()
    ends = end_tokens(model)
    pad = min(ends, default=0)
    answered = []
    for start in range(0, len(prompts), TOGETHER):
        chosen = prompts[start : start + TOGETHER]
        width = max(map(len, chosen))
        ids = [[pad] * (width - len(prompt)) + prompt for prompt in chosen]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in chosen]
        with hardware.autocast():
            tokens = model.generate(
                input_ids=torch.tensor(ids, device=hardware.device),
                attention_mask=torch.tensor(mask, device=hardware.device),
                max_new_tokens=max_new_tokens,
                do_sample=False,
                pad_token_id=pad,
            )
        for prompt, new in zip(chosen, tokens[:, width:].tolist(), strict=True):
            text = tokenizer.decode(prompt + new, skip_special_tokens=True)
            answered.append({"text": text, "stopped": not ends.isdisjoint(new)})
        progress.update(len(answered), " prompts")
    return answered


def counted(
    prompts: list[str], answered: list[dict[str, Any]], max_new_tokens: int, shown: int
) -> dict[str, Any]:
    """How many answers stopped by themselves, and the first few of them, as stops.json has it."""
    pairs = zip(prompts[:shown], answered[:shown], strict=True)
    return {
        "prompts": len(answered),
        "stopped": sum(answer["stopped"] for answer in answered),
        "max_new_tokens": max_new_tokens,
        "answers": [{"prompt": text, **answer} for text, answer in pairs],
    }


def states(
    model: PeftModel,
    adapter: Path,
    tokeniser: PairTokeniser,
    prompt: str,
    max_new_tokens: int,
    hardware: Hardware,
) -> list[dict[str, Any]]:
    """What the base model, the trained adapter and a re-initialised one say to `prompt`.

    The model is left as it was, with the trained adapter.

    `reinitialised` is what loading an adapter's *configuration* gives: its B matrix is zero. Where
    its logits after every token of the base model's text equal the base model's, bit for bit, its
    greedy text is the base model's too, and is not generated again.
    """
    ids = tokeniser.prompt(prompt)

    def say() -> dict[str, Any]:
        return generate(model, tokeniser.tokenizer, ids, max_new_tokens, hardware)

    def entry(state: str, generated: dict[str, Any], difference: float) -> dict[str, Any]:
        kept = {name: value for name, value in generated.items() if name != "tokens"}
        return {
            "state": state,
            "prompt": prompt,
            **kept,
            "max_logit_difference_from_base": difference,
        }

    def difference(tokens: list[int], base: torch.Tensor) -> float:
        return (probe(model, tokens, hardware) - base).abs().max().item()

    with model.disable_adapter():
        base = say()
        whole = probe(model, base["tokens"], hardware)
        prompted = probe(model, ids, hardware)
    trained = entry("trained", say(), difference(ids, prompted))
    model.add_adapter("reinitialised", LoraConfig.from_pretrained(str(adapter)))
    model.set_adapter("reinitialised")
    away = difference(base["tokens"], whole)
    reinitialised = entry("reinitialised", base if away == 0 else say(), away)
    model.set_adapter("default")
    model.delete_adapter("reinitialised")
    return [entry("base", base, 0.0), trained, reinitialised]
