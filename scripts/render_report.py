"""Render one language's report to PDF and HTML."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rejeu.job.run import Job, run
from rejeu.job.whole_files import replacing
from rejeu.report.render import choose_renderer, render


def main(inputs: Any, outputs: Any, renderer: str, date: str, assets: Path, job: Job) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        chosen = choose_renderer(renderer)
        print(f"  renderer: {chosen}", file=job.terminal)
        print(f"renderer: {chosen}")
        source = Path(scratch) / "report.qmd"
        shutil.copyfile(inputs.source, source)
        (source.parent / "figures").mkdir()
        for figure in inputs.figures:
            shutil.copy(figure, source.parent / "figures")
        timestamp = datetime.fromisoformat(date).replace(tzinfo=UTC)
        pdf, html = Path(outputs.pdf), Path(outputs.html)
        render(source, assets, pdf, html, renderer=chosen, timestamp=timestamp)
        with replacing(Path(outputs.typst)) as new:
            shutil.copyfile(source.with_suffix(".typ"), new)


run(
    snakemake,
    lambda job: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        renderer=snakemake.params.renderer,
        date=snakemake.params.date,
        assets=Path(snakemake.params.texts),
        job=job,
    ),
)
