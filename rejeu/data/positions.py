"""How many tokens a model has positions for."""

from pathlib import Path

from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json


def refuse_longer(key: str, max_length: int, config: Path) -> None:
    """Refuse rows of more tokens than a model has positions for.

    Args:
        key: the setting, for the message.
        max_length: the most tokens that a row may have.
        config: the model's config.json; without one there is nothing to say yet.

    Raises:
        RejeuError: the model would meet positions that it never had.
    """
    positions = read_json(config).get("max_position_embeddings") if config.is_file() else None
    if isinstance(positions, int) and max_length > positions:
        raise RejeuError(
            f"{key}: {max_length}; expected at most {positions}, since the model has no more "
            f"positions ({config})"
        )
