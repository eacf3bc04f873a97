"""The values that a claim may name in each result file, by their keys, with each one's kind."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

Side = Literal["above", "below", "within", "not_below"]

NUMBER, COUNT, TEXT = "number", "count", "text"
SHARE = "share"  # can't leave 0 to 1, and so neither can its interval
# Decision rules of two classes (`metrics.decide`): the class called positive is the second.
RULES = ("argmax", "logit_above_half")

# Last keys that are computed (`quantities.DERIVED`), each from these beside it.
DERIVED: dict[str, set[str]] = {
    **{key: {"confusion"} for key in ("above_larger_class", "larger_class")},
    **{key: {"confusion"} for key in ("predicted_negative", "predicted_positive")},
    "precision_or_zero": {"precision"},
    **{key: {"losses"} for key in ("middle_loss", "final_loss")},
    "share_stopped": {"stopped", "prompts"},
    "beyond_placebo": {"trained", "placebo"},
}

_SCORES = dict.fromkeys(("accuracy", "precision", "recall", "f1", "larger_class"), SHARE)
_BINARY: dict[str, Any] = {
    **_SCORES,
    **{"precision_or_zero": SHARE, "above_larger_class": NUMBER},
    **dict.fromkeys(("n", "predicted_negative", "predicted_positive"), COUNT),
    "confusion": dict.fromkeys(("tn", "fp", "fn", "tp"), COUNT),
}
_LOG = dict.fromkeys(("middle_loss", "final_loss"), NUMBER)
_RUN = {
    **dict.fromkeys(("train_loss", "wall_seconds", "peak_memory_mb"), NUMBER),
    **dict.fromkeys(("samples_per_second", "tokens_per_second"), NUMBER),
    **dict.fromkeys(("rows", "steps", "threads", "resumes", "diverged_at"), COUNT),
}
_GENERATED = {
    **dict.fromkeys(("logprob_per_token", "max_logit_difference_from_base", "stopped"), NUMBER),
    **dict.fromkeys(("prompt", "text"), TEXT),
}
_SCORED = {"tokens": COUNT, **dict.fromkeys(("base", "trained"), NUMBER)}
_STOPS = {
    **dict.fromkeys(("prompts", "stopped", "max_new_tokens"), COUNT),
    "share_stopped": SHARE,
}


def of_classifier(classes: list[str]) -> dict[str, Any]:
    """Nested keys of a classifier's result files, each ending in the kind of value there."""
    if len(classes) == 2:
        measured = _BINARY | {"by_rule": dict.fromkeys(RULES, _BINARY)}
    else:
        of_class = dict.fromkeys(("precision", "recall", "f1"), SHARE) | {"n": COUNT}
        measured = {
            **_SCORES,
            **{"above_larger_class": NUMBER, "n": COUNT},
            "by_class": dict.fromkeys(classes, of_class),
        }
    return {"metrics": measured, "run": _RUN, "log": _LOG}


def of_lora(
    rows: Iterable[str], *, placebo: bool, added_row: bool, answering: bool
) -> dict[str, Any]:
    """The same of a LoRA run.

    Args:
        rows: the names of the rows whose replies are scored.
        placebo: whether one of them is the placebo.
        added_row: whether the run trains on one.
        answering: whether its replies to held-out messages are counted.
    """
    scored = _SCORED | ({"beyond_placebo": NUMBER} if placebo else {})
    added = {"added_row": {"times_drawn": COUNT}} if added_row else {}
    return {
        "run": _RUN | {"trainable_parameters": COUNT} | added,
        "log": _LOG,
        "heldout": {"loss": NUMBER, "tokens": COUNT, "rows": COUNT},
        "generation": dict.fromkeys(("base", "trained", "reinitialised"), _GENERATED),
        "replies": dict.fromkeys(rows, scored),
        **({"stops": _STOPS} if answering else {}),
    }


def of_command(metrics: Mapping[str, str], writes: Iterable[str]) -> dict[str, Any]:
    """The same of a program's run, whose metrics the study declares with their kinds."""
    log = {"log": _LOG} if "log.jsonl" in writes else {}
    kept = ("wall_seconds", "peak_memory_mb", "threads", "resumes")
    return {"metrics": dict(metrics), "run": {key: _RUN[key] for key in kept}, **log}


def of_timing(kind: str, settings: Iterable[int]) -> dict[str, Any]:
    """The same of a timing of a part of this kind: seconds by batch size, or by rank."""
    key = "seconds_per_row" if kind == "classifier" else "seconds_per_step"
    return {key: {str(setting): NUMBER for setting in settings}}


def quantities(compared: Iterable[Mapping[str, Any]]) -> list[str]:
    """The paths of all quantities that comparisons measure."""
    return [path for each in compared for path in (each["of"], each["against"]) if path]


def run_of(path: str) -> str:
    """The part and the experiment that a quantity is of, as `part.experiment`."""
    return ".".join(path.split(".")[:2])


def with_text_keys(value: Any) -> Any:
    """Nested mappings as JSON would have them: a loss table's steps become text."""
    if not isinstance(value, dict):
        return value
    return {str(key): with_text_keys(inner) for key, inner in value.items()}
