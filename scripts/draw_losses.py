"""Draw the training losses of several experiments in one figure."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from rejeu.evaluation.quantities import read_losses
from rejeu.job.run import run
from rejeu.report import figures


def main(inputs: Any, outputs: list[str], titles: dict[str, dict[str, str]]) -> None:
    runs: dict[str, list[list[float]]] = defaultdict(list)
    for path in map(Path, inputs.logs):
        runs[path.parents[1].name].append(read_losses(path))

    def draw(language: figures.Language) -> figures.Figure:
        named = titles[language.numbers.language]
        places = [list(named).index(name) for name in runs]
        losses_by_title = {named[name]: losses for name, losses in runs.items()}
        return figures.losses(language, losses_by_title, places)

    figures.save(draw, figures.languages(inputs.words), outputs)


run(
    snakemake,
    lambda _: main(snakemake.input, snakemake.output, snakemake.params.titles),
)
