"""Measure one classifier's predictions."""

import pandas as pd

from rejeu.evaluation.metrics import measure_predictions
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(predictions: str, metrics: str, classes: list[str]) -> None:
    frame = pd.read_parquet(predictions)
    logits = frame[[f"logit_{number}" for number in range(len(classes))]].to_numpy()
    write_json(metrics, measure_predictions(frame["label"].to_numpy(), logits, classes))


run(
    snakemake,
    lambda _: main(
        predictions=snakemake.input.predictions,
        metrics=snakemake.output.metrics,
        classes=list(snakemake.params.classes),
    ),
    keep=True,
)
