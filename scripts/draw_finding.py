"""Draw the figure of one of the notebook's faults."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.job.run import run
from rejeu.job.whole_files import read_json
from rejeu.report import decisions, figures, hidden, hidden_figures
from rejeu.report.assignment import CHAIN, CROSSING, DOSES, ENDINGS, GRID
from rejeu.report.results import LoraResult, SentimentResult, read_lora, read_sentiment

Study = dict[str, Any]
Draw = Callable[[figures.Language], figures.Figure]


def chain(folder: Path, study: Study) -> Draw:
    results = sentiment(folder, study, CHAIN)

    def draw(language: figures.Language) -> figures.Figure:
        titles = study["sentiment"]["titles"][language.numbers.language]
        losses = {titles[name]: result.losses for name, result in results.items()}
        return figures.losses(language, losses)

    return draw


def rules(folder: Path, study: Study) -> Draw:
    frames = [
        pd.read_parquet(folder / "sentiment" / "baseline" / f"seed{seed}" / "predictions.parquet")
        for seed in study["sentiment"]["seeds"]["baseline"]
    ]
    found = decisions.rules(
        [(frame["label"].to_numpy(), frame[["logit_0", "logit_1"]].to_numpy()) for frame in frames]
    )
    return lambda language: hidden_figures.decision_rules(language, found)


def batches(folder: Path, _: Study) -> Draw:
    seconds = timed(folder / "timing" / "batch.json", "seconds_per_row")
    return lambda language: hidden_figures.batch_times(language, seconds)


def ranks(folder: Path, _: Study) -> Draw:
    seconds = timed(folder / "timing" / "rank.json", "seconds_per_step")
    return lambda language: hidden_figures.rank_times(language, seconds)


def ranks_and_scales(folder: Path, study: Study) -> Draw:
    by_rank = hidden.by_rank_and_scale(lora(folder, study, GRID))
    return lambda language: hidden_figures.rank_and_scale(language, by_rank)


def doses(folder: Path, study: Study) -> Draw:
    results = lora(folder, study, DOSES)
    responses = {row: hidden.dose_responses(results, row) for row in ("related", "placebo")}
    return lambda language: hidden_figures.dose_response(
        language,
        {
            language.words["added_reply"]: responses["related"],
            language.words["placebo_reply"]: responses["placebo"],
        },
    )


def endings(folder: Path, study: Study) -> Draw:
    results = lora(folder, study, ENDINGS)
    plain, separated = (hidden.shares_stopped(result) for result in results.values())
    return lambda language: hidden_figures.shares_stopped(
        language,
        {language.words["joined_plain"]: plain, language.words["joined_separated"]: separated},
    )


def crossing(folder: Path, study: Study) -> Draw:
    results = sentiment(folder, study, CROSSING)
    accuracies = hidden.crossed(results.values())
    larger = hidden.larger_share(results["baseline"])
    return lambda language: hidden_figures.crossing(language, accuracies, larger)


DRAWN: dict[str, Callable[[Path, Study], Draw]] = {
    "a1": chain,
    "a2": rules,
    "a3": batches,
    "a4": ranks_and_scales,
    "a5": ranks,
    "a7": doses,
    "a8": endings,
    "a10": crossing,
}


def sentiment(folder: Path, study: Study, names: tuple[str, ...]) -> dict[str, SentimentResult]:
    place, seeds = folder / "sentiment", study["sentiment"]["seeds"]
    return {name: read_sentiment(place, name, name, seeds[name], None) for name in names}


def lora(folder: Path, study: Study, names: tuple[str, ...]) -> dict[str, LoraResult]:
    place, seeds = folder / "lora", study["lora"]["seeds"]
    return {name: read_lora(place, name, name, seeds[name], None) for name in names}


def timed(path: Path, key: str) -> dict[int, list[float]]:
    return {int(setting): seconds for setting, seconds in read_json(path)[key].items()}


def main(inputs: Any, outputs: list[str], finding: str, study: Study) -> None:
    folder = Path(outputs[0]).parents[1]  # results/{tier}
    draw = DRAWN[finding](folder, study)
    figures.save(draw, figures.languages(inputs.words), outputs)


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        finding=snakemake.wildcards.finding,
        study=snakemake.params.study,
    ),
)
