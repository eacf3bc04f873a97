"""Words of each language: the engine's (`words/{language}.yaml`), and a study's beside them."""

from collections.abc import Iterable
from pathlib import Path

from rejeu.study.strict_reading import read_yaml

FOLDER = Path(__file__).parent / "words"


def known_languages() -> list[str]:
    """Languages that the engine has words for."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def engine_words(language: str) -> dict[str, str]:
    """The engine's words of a language, by their names.

    Raises:
        RejeuError: the engine has no words for it.
    """
    return read_yaml(FOLDER / f"{language}.yaml")


def read_words(paths: Iterable[str | Path]) -> dict[str, dict[str, str]]:
    """Each language's words, in the order in which the languages come.

    Args:
        paths: `words/{language}.yaml` and `{language}/words.yaml`; of a word that stands in several
            files the last is taken.
    """
    words: dict[str, dict[str, str]] = {}
    for path in map(Path, paths):
        language = path.parent.name if path.name == "words.yaml" else path.stem
        words.setdefault(language, {}).update(read_yaml(path))
    return words
