"""Typeset all languages' reports as one PDF, in the study's order."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rejeu.job.run import run
from rejeu.job.whole_files import replacing
from rejeu.report.typeset import typeset_halves


def main(inputs: Any, output: str, date: str) -> None:
    with tempfile.TemporaryDirectory() as scratch, replacing(Path(output)) as new:
        halves = []
        for path in map(Path, inputs.halves):
            language = path.parent.name
            folder = Path(scratch, language)
            (folder / "figures").mkdir(parents=True)
            shutil.copy(path, folder)
            halves.append((language, folder / path.name))
            for figure in map(Path, inputs.figures):
                if figure.suffixes[-2:] == [f".{language}", ".svg"]:
                    shutil.copy(figure, folder / "figures")
        timestamp = datetime.fromisoformat(date).replace(tzinfo=UTC)
        typeset_halves(halves, Path(scratch), new, timestamp)


run(
    snakemake,
    lambda _: main(inputs=snakemake.input, output=snakemake.output.pdf, date=snakemake.params.date),
)
