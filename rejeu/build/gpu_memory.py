"""How much memory of a GPU a part's training needs, by arithmetic: nothing is loaded.

Of each parameter that is trained, 32 bits for its value, its gradient and AdamW's two moments. Of a
frozen one its value: 16 bits; or 4 by NF4, which with their scales and the embeddings, left in 16,
come to 5.2. Of each token, what a layer keeps for the way back: 34 bytes per number of its state
(Korthikanti et al., arXiv 2205.05198, section 4.1, without scores, which fused attention doesn't
keep).
"""

from dataclasses import dataclass

from rejeu.study.configuration import Size, Study

TRAINED_BYTES = 16.0
FROZEN_BYTES = {"none": 2.0, "nf4": 0.65}
KEPT_BYTES = 34.0
AT_ONCE = 4096  # tokens; a larger batch is computed in parts
CONTEXT_GB = 1.0  # CUDA's own, and the room that its allocator wastes


@dataclass(frozen=True)
class GpuMemory:
    """What training takes, in GB (1e9 bytes), and in words how that comes about."""

    gigabytes: float
    arithmetic: str


def of_training(study: Study, tier: str, part: str) -> GpuMemory | None:
    """What a part's largest batch takes in a tier; None where the model's size isn't known."""
    given = study.tiers[tier].parts[part]
    model = getattr(given, "encoder", None) or getattr(given, "causal_lm", None)
    size = study.models[model].size if model else None
    if size is None:
        return None
    rows = max(
        getattr(each, "batch_size", 1) * getattr(each, "accumulation", 1)
        for each in study.experiments(part, tier).values()
    )
    tokens = min(AT_ONCE, rows * getattr(given, "max_length", AT_ONCE))
    frozen = getattr(given, "quantisation", None)
    return sized(size, TRAINED_BYTES if frozen is None else FROZEN_BYTES[frozen], tokens)


def sized(size: Size, parameter_bytes: float, tokens: int) -> GpuMemory:
    """What a model of a size takes with so many tokens at once."""
    weights = size.parameters * parameter_bytes / 1e9
    kept = tokens * size.layers * size.width * KEPT_BYTES / 1e9
    return GpuMemory(
        weights + kept + CONTEXT_GB,
        f"{size.parameters / 1e6:,.0f} M parameters x {parameter_bytes:g} bytes = "
        f"{weights:.1f} GB; "
        f"{tokens:,} tokens x {size.layers} layers x {size.width} x {KEPT_BYTES:g} bytes = "
        f"{kept:.1f} GB; {CONTEXT_GB:g} GB for CUDA",
    )
