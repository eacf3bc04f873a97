"""What the templates name themselves; any other experiment gets a section of its own."""

SENTIMENT = ("baseline", "high_learning_rate", "low_weight_decay")
LORA = ("r4", "r8", "r16", "unrelated", "related")
NAMED = {*SENTIMENT, *LORA}
