"""Predict the test rows with one trained classifier."""

from pathlib import Path
from typing import Any

import pandas as pd

from rejeu.data.tables import write_parquet
from rejeu.data.tokenise import read_tokens
from rejeu.job.run import Job, Progress, run


def main(
    inputs: Any, output: str, settings: dict[str, Any], threads: int, job: Job, label: str
) -> None:
    from rejeu.training import classifier, hardware

    machine = hardware.choose(settings["precision"], settings["attention"], threads)
    model = classifier.load(Path(inputs.weights).parent, machine, attention_dropout=0.0)
    rows = read_tokens(inputs.rows)
    logits = classifier.predict(model, rows, machine, Progress(label, len(rows), job.terminal))
    frame = pd.read_parquet(inputs.examples, columns=["id", "label"])
    columns = {f"logit_{number}": values for number, values in enumerate(logits.T)}
    write_parquet(output, frame.assign(**columns))


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        output=snakemake.output.predictions,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        job=job,
        label=f"predicting {snakemake.wildcards.experiment}, seed {snakemake.wildcards.seed}",
    ),
    keep=True,
)
