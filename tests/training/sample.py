"""Token rows and settings of a small LoRA run."""

import random

from rejeu.training.lora import Settings

SETTINGS = Settings(
    start_from=None,
    rank=4,
    alpha=8,
    rank_stabilised=False,
    dropout=0.1,
    target_modules=None,
    learning_rate=1e-2,
    warmup_share=0.2,
    max_grad_norm=0.3,
    batch_size=1,
    accumulation=2,
    length_grouping=True,
    max_steps=6,
    seed=7,
    joining="plain",
    dose=None,
)
_RANDOM = random.Random(0)
ROWS = [_RANDOM.choices(range(4, 60), k=_RANDOM.randint(3, 14)) for _ in range(20)]
