"""The values that a claim may name in each result file, by their keys."""

from collections.abc import Iterable, Mapping
from typing import Any

from rejeu.evaluation.metrics import RULES

NUMBER, COUNT, TEXT = "number", "count", "text"
# Values that can't leave 0 to 1, and so neither can their intervals.
SHARES = (
    "accuracy",
    "precision",
    "precision_or_zero",
    "recall",
    "f1",
    "larger_class",
    "share_stopped",
)

_CELLS = dict.fromkeys(("tn", "fp", "fn", "tp"), COUNT)
_MEASURED: dict[str, Any] = {
    **dict.fromkeys(("accuracy", "precision", "recall", "f1"), NUMBER),
    **dict.fromkeys(("above_larger_class", "larger_class", "precision_or_zero"), NUMBER),
    **dict.fromkeys(("n", "predicted_negative", "predicted_positive"), COUNT),
    "confusion": _CELLS,
}
_LOG = dict.fromkeys(("middle_loss", "final_loss"), NUMBER)
_RUN = {
    **dict.fromkeys(("train_loss", "wall_seconds", "peak_memory_mb"), NUMBER),
    **dict.fromkeys(("samples_per_second", "tokens_per_second"), NUMBER),
    **dict.fromkeys(("rows", "steps", "threads", "resumes", "diverged_at"), COUNT),
}
_SAID = {
    **dict.fromkeys(("logprob_per_token", "max_logit_difference_from_base", "stopped"), NUMBER),
    **dict.fromkeys(("prompt", "text"), TEXT),
}
_SCORED = {"tokens": COUNT, **dict.fromkeys(("base", "trained", "beyond_placebo"), NUMBER)}


def fields(
    part: str, rows: Iterable[str], batch_sizes: Iterable[int], ranks: Iterable[int]
) -> Mapping[str, Any]:
    """Nested keys of a part's result files, each ending in the kind of value that stands there.

    Args:
        part: sentiment, lora, or timing.
        rows: names of the rows whose replies are scored.
        batch_sizes: those that are timed.
        ranks: those that are timed.
    """
    if part == "sentiment":
        by_rule = dict.fromkeys(RULES, _MEASURED)
        return {
            "metrics": _MEASURED | {"by_rule": by_rule},
            "run": _RUN,
            "log": _LOG,
        }
    if part == "lora":
        return {
            "run": _RUN | {"trainable_parameters": COUNT, "added_row": {"times_drawn": COUNT}},
            "log": _LOG,
            "heldout": {"loss": NUMBER, "tokens": COUNT, "rows": COUNT},
            "generation": dict.fromkeys(("base", "trained", "reinitialised"), _SAID),
            "replies": dict.fromkeys(rows, _SCORED),
            "stops": {
                **dict.fromkeys(("prompts", "stopped", "max_new_tokens"), COUNT),
                "share_stopped": NUMBER,
            },
        }
    return {
        "batch": {"seconds_per_row": {str(size): NUMBER for size in batch_sizes}},
        "rank": {"seconds_per_step": {str(rank): NUMBER for rank in ranks}},
    }
