"""What the study's templates name as `facts`."""

from typing import Any

from findings import comparisons, deductions
from rejeu.report.evidence import Evidence
from rejeu.report.traced import computed, counted


def facts(evidence: Evidence, seen: Any, compared: Any, claims: Any) -> dict[str, Any]:
    """What the study's templates name as `facts`: values, and words that they map to sentences.

    Args:
        seen: what the report says on its own account, by id.
        compared: each claim's comparisons, by its id and arm.
        claims: the claims as judged, by id.
    """
    sentiment, lora = evidence.results["sentiment"], evidence.results["lora"]
    baseline, high, low = (
        sentiment[name] for name in ("baseline", "high_learning_rate", "low_weight_decay")
    )
    first = next(iter(sentiment.values())).runs[0]
    negatives = compared["more_false_negatives"]
    by_rule, by_argmax = negatives["notebook"][0], negatives["corrected"][0]
    chain = comparisons.compared(evidence, "sentiment", "chain")
    named = comparisons.named([high, *chain[1:3]])
    stuck = [run for run in named if run.argmax != "both"]
    judged_by = [metrics["by_rule"] for result in (high, *chain[1:3]) for metrics in result.metrics]
    asked = comparisons.compared(evidence, "lora", "asked")
    loading = {result.name: comparisons.loading(result) for result in asked}
    cases = sum(counted(result.seeds) for result in asked)
    silent, unmoved = (
        sum(states[state]["same_text"] for states in loading.values())
        for state in ("reinitialised", "trained")
    )
    added = [result for result in asked if result.name != "r8"]
    return {
        # Part 1
        "numerics": first | first["settings"],
        "fresh": not any(each.runs[0]["settings"]["start_from"] for each in (baseline, high, low)),
        "learned": {
            name: deductions.learned(seen[f"{name}_learns"])
            for name in sentiment
            if f"{name}_learns" in seen
        },
        "prevailing": deductions.settled(by_argmax),
        "high_collapse": deductions.collapse(high),
        "small_decay": deductions.small_decay(low, compared["low_decay_hurts"]["corrected"][0]),
        "chain": chain,
        "errors": comparisons.errors(baseline),
        "surplus": deductions.surplus(
            claims["baseline_learns"].states["corrected"] == "holds", by_rule.word, by_argmax.word
        ),
        "named": named,
        "stuck": computed(len(stuck), judged_by),
        "turned": computed(sum(run.argmax == "positive" for run in stuck), judged_by),
        "called_negative": computed(
            sum(run.logit_above_half == "negative" for run in stuck), judged_by
        ),
        "naming": deductions.naming(stuck),
        "batch_time": deductions.settled(seen["batch_on_time"]),
        "blame": deductions.blame(
            [seen["rate_at_small_batch"].word, seen["rate_at_large_batch"].word],
            [seen["batch_at_low_rate"].word, seen["batch_at_high_rate"].word],
        ),
        # Part 2
        "sweep": comparisons.rank_sweep(evidence),
        "scales": {name: comparisons.scale(result) for name, result in lora.items()},
        "rank_or_scale": deductions.rank_or_scale(
            seen["rank_on_loss"].word, [seen["scale_on_loss"].word, seen["scale_on_loss_16"].word]
        ),
        "rank_time": deductions.settled(seen["rank_on_time"]),
        "asked": asked,
        "loading": loading,
        "cases": cases,
        "silent": silent,
        "unmoved": unmoved,
        "constant_text": deductions.constant_text(cases, silent, unmoved),
        "example": deductions.example(
            sum(result.texts_changed(lora["r8"]) for result in added),
            sum(result.drawn for result in added),
        ),
        "doses": comparisons.doses(comparisons.compared(evidence, "lora", "doses")),
        "stopped": {
            result.name: comparisons.stopped(result)
            for result in comparisons.compared(evidence, "lora", "endings")
        },
        "shared_object": deductions.shared_object(
            [seen["chained_8_equal"].word, seen["chained_16_equal"].word]
        ),
    }
