"""Measure one set of predictions of Part 1."""

import pandas as pd

from rejeu.evaluation.metrics import measure_by_rule
from rejeu.job.run import run
from rejeu.job.whole_files import write_json


def main(predictions: str, metrics: str) -> None:
    frame = pd.read_parquet(predictions)
    logits = frame[["logit_0", "logit_1"]].to_numpy()
    write_json(metrics, measure_by_rule(frame["label"].to_numpy(), logits))


run(
    snakemake,
    lambda _: main(snakemake.input.predictions, snakemake.output.metrics),
    keep=True,
)
