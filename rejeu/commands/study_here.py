"""The study in the current folder, as the commands read it."""

from rejeu.errors import RejeuError
from rejeu.study.configuration import Study, load
from rejeu.study.strict_reading import read_yaml


def study_here(tier: str | None = None) -> tuple[Study, str]:
    """The study of `config.yaml`, and the tier that is asked for, or else its own.

    Raises:
        RejeuError: the file can't be used, or there is no such tier.
    """
    study = load(read_yaml("config.yaml"), "config.yaml")
    tier = tier or study.tier
    if tier not in study.tiers:
        raise RejeuError(f"--tier {tier}: no such tier; known: {', '.join(study.tiers)}")
    return study, tier
