"""Write a card beside each checkpoint that the study's experiments left, and one of each data."""

from pathlib import Path
from typing import Any

from rejeu.evaluation.quantities import tier_folder
from rejeu.job.run import run
from rejeu.job.whole_files import read_json, write_json, write_text
from rejeu.report.evidence import read_evidence
from rejeu.report.words import read_words
from rejeu.sharing.cards import data_cards, model_cards


def main(
    inputs: Any, output: str, study: dict[str, Any], origins: dict[str, dict[str, str]]
) -> list[Path]:
    """Write the cards, and in `output` which there are; return their paths.

    Args:
        origins: by part, the inputs that are its data, model and tokenizer.
    """
    files = list(map(str, inputs))
    sources = {Path(path).parent.name: read_json(path) for path in inputs.sources}
    raw = {name: {"licence": study["licences"][name], **record} for name, record in sources.items()}
    statistics: dict[str, dict[int, Any]] = {}
    for path in map(Path, inputs.statistics):
        seed = int(path.parent.name.removeprefix("seed"))
        statistics.setdefault(path.parents[1].name, {})[seed] = read_json(path)
    words = read_words(inputs.words)
    claims = read_json(inputs.claims) if inputs.claims else []
    evidence = read_evidence(files, study, {})
    cards = {
        **model_cards(study, origins, words, evidence, statistics, raw, claims),
        **data_cards(study, origins, words, statistics, raw),
    }
    folder = tier_folder({output}, study["tier"])
    for place, text in cards.items():
        write_text(folder / place, text)
    write_json(output, sorted(cards))
    return [folder / place for place in cards]


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        output=snakemake.output.cards,
        study=snakemake.params.study,
        origins=snakemake.params.origins,
    ),
)
