"""What the templates name themselves; any other experiment gets a section of its own."""

SENTIMENT = ("baseline", "high_learning_rate", "low_weight_decay")
LORA = ("r4", "r8", "r16", "unrelated", "related")
NAMED = {*SENTIMENT, *LORA}

# Experiments of each finding's figure or table, the first being what the others stand beside.
CHAIN = (
    *("baseline", "high_learning_rate_chained"),
    *("low_weight_decay_chained", "low_weight_decay"),
)
CROSSING = ("baseline", "large_batch", "high_rate_alone", "high_learning_rate")
GRID = ("r8", "r4", "r4_scale_1", "r16_scale_1", "r16")
DOSES = ("r8", "dose_1", "dose_4", "dose_16", "dose_64")
ENDINGS = ("r8", "separated")
SENTIMENT_SHOWN = {"a1": CHAIN, "a2": ("baseline",), "a10": CROSSING}
LORA_SHOWN = {"a4": GRID, "a7": DOSES, "a8": ENDINGS}
