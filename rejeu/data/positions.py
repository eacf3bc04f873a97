"""How many tokens a model has positions for."""

from pathlib import Path

from rejeu.errors import RejeuError
from rejeu.job.whole_files import read_json

# They count positions from their padding token's number on, so that the first few serve no token.
OFFSET = (
    *("camembert", "data2vec-text", "ibert", "longformer", "luke", "mpnet", "roberta"),
    *("roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
)


def refuse_longer(key: str, max_length: int, config: Path) -> None:
    """Refuse rows of more tokens than a model has positions for.

    Args:
        key: the setting, for the message.
        max_length: the most tokens that a row may have.
        config: the model's config.json; without one there is nothing to say yet.

    Raises:
        RejeuError: the model would meet positions that it never had.
    """
    model_settings = read_json(config) if config.is_file() else {}
    positions = model_settings.get("max_position_embeddings", model_settings.get("n_positions"))
    if not isinstance(positions, int):
        return
    if model_settings.get("model_type") in OFFSET:
        positions -= model_settings.get("pad_token_id", 1) + 1
    if max_length > positions:
        raise RejeuError(
            f"{key}: {max_length}; expected at most {positions}, since the model has no more "
            f"positions ({config})"
        )
