"""What follows from the results, each as a word; the templates map words to sentences."""

from collections.abc import Sequence
from typing import Any, Literal

from findings.comparisons import Named

MOVED = ("higher", "lower")

Collapse = Literal["all", "none", "some"]
Decay = Literal["collapsed", "same", "other"]
Learned = Literal["learned", "mixed", "not", "open", "missing"]
Settled = Literal["higher", "lower", "same", "open"]
Surplus = Literal["not_learned", "rule", "beyond_rule", "none", "open"]
RankOrScale = Literal["against", "together", "only_scale", "only_rank", "neither", "open"]
ConstantText = Literal["unexplained", "all_speak", "some_speak", "none_speaks"]
Example = Literal["nothing_changed", "never_drawn", "not_alone"]
Naming = Literal["no_collapse", "rule", "both_alike", "not_always"]
Blame = Literal["rate", "rate_and_batch", "rate_at_least", "not_rate", "open", "depends"]
SharedObject = Literal["harmless", "leaves_mark", "open"]


def collapse(result: Any) -> Collapse:
    """On how many seeds a classifier names one class only."""
    if result.collapsed_seeds == len(result.seeds):
        return "all"
    return "some" if result.collapsed_seeds else "none"


def small_decay(result: Any, change: Any) -> Decay:
    """What the smaller weight decay comes to; `change` is against the baseline."""
    if collapse(result) == "all":
        return "collapsed"
    return "same" if change.word == "same" else "other"


def learned(judged: Any) -> Learned:
    """Whether accuracy is above that of always naming one class."""
    if judged.word == "higher":
        return "learned"
    if judged.mixed:
        return "mixed"
    words: dict[str, Learned] = {"lower": "not", "same": "not", "unclear": "open"}
    return words.get(judged.word, "missing")


def settled(judged: Any) -> Settled:
    """On which side of no effect a value lies, or that this isn't settled."""
    return judged.word if judged.word in (*MOVED, "same") else "open"


def surplus(baseline_learned: bool, by_rule: str, by_argmax: str) -> Surplus:
    """Whether the notebook's decision rule makes the surplus of false negatives.

    `by_rule` and `by_argmax` are the words for the negatives' share of all errors.
    """
    if not baseline_learned:
        return "not_learned"
    if by_rule == "higher" and by_argmax in ("same", "lower"):
        return "rule"
    if by_rule == by_argmax == "higher":
        return "beyond_rule"
    return "none" if by_rule in ("same", "lower") else "open"


def rank_or_scale(rank: str, scales: Sequence[str]) -> RankOrScale:
    """Which of rank and scale moves the training loss; of the scale at each rank, so they agree."""
    scale = scales[0] if len(set(scales)) == 1 else "unclear"
    if rank in MOVED and scale in MOVED:
        return "against" if scale == rank else "together"
    words: dict[tuple[bool, bool, str, str], RankOrScale] = {
        (False, True, "same", scale): "only_scale",
        (True, False, rank, "same"): "only_rank",
        (False, False, "same", "same"): "neither",
    }
    return words.get((rank in MOVED, scale in MOVED, rank, scale), "open")


def constant_text(cases: int, silent: int, unmoved: int) -> ConstantText:
    """What explains that the notebook's text never changed.

    Args:
        cases: runs whose text was made.
        silent: those of them whose adapter, made from its configuration, left the base's text.
        unmoved: those whose adapter did with its weights.
    """
    if silent < cases:
        return "unexplained"
    if unmoved == 0:
        return "all_speak"
    return "some_speak" if unmoved < cases else "none_speaks"


def example(changed: int, drawn: int) -> Example:
    """What the added rows can be credited with: texts that changed, and runs that drew the row."""
    if changed == 0:
        return "nothing_changed"
    return "not_alone" if drawn else "never_drawn"


def naming(stuck: Sequence[Named]) -> Naming:
    """What runs that name one class by argmax tell of `all negative`."""
    if not stuck:
        return "no_collapse"
    if any(run.logit_above_half != "negative" for run in stuck):
        return "not_always"
    return "rule" if any(run.argmax == "positive" for run in stuck) else "both_alike"


def blame(rates: Sequence[str], batches: Sequence[str]) -> Blame:
    """Whether learning rate or batch size is to blame, by their words at each of the other."""
    if set(rates) == {"lower"}:
        if set(batches) == {"same"}:
            return "rate"
        return "rate_and_batch" if set(batches) & set(MOVED) else "rate_at_least"
    if "lower" not in rates and set(rates) <= {"higher", "same"}:
        return "not_rate"
    return "open" if {"unclear", "missing", "undefined", "needs"} & set(rates) else "depends"


def shared_object(equal: Sequence[str]) -> SharedObject:
    """Whether a model object that ranks share leaves its mark, by each rank's word for equality."""
    if set(equal) == {"mostly"}:
        return "harmless"
    return "leaves_mark" if "seldom" in equal else "open"
