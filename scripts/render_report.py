"""Render one language's report to PDF and HTML."""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rejeu.job.run import Job, run
from rejeu.job.whole_files import read_json, replacing, write_text
from rejeu.report.render import render, stage
from rejeu.report.tables_page import tables_page
from rejeu.report.words import read_words


def main(inputs: Any, outputs: Any, renderer: str, date: str, assets: Path, job: Job) -> None:
    """Render in a folder of its own, of which the source's has all but what rendering leaves.

    Args:
        renderer: as `renderer.chosen` gives it.
        assets: the study's folder of templates, `report`.
    """
    print(f"  renderer: {renderer}", file=job.terminal)
    print(f"renderer: {renderer}")
    written = Path(inputs.source)
    words = read_words(inputs.words)
    language = written.parent.name
    others = {code: known["language"] for code, known in words.items() if code != language}
    own = words[language]
    stage(written.parent, written.read_text(encoding="utf-8"), assets)
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "report.qmd"
        shutil.copyfile(written, source)
        for folder in (written.parent, source.parent):
            for figure in map(Path, inputs.figures):
                with replacing(folder / "figures" / figure.name) as new:
                    shutil.copyfile(figure, new)
        timestamp = datetime.fromisoformat(date).replace(tzinfo=UTC)
        pdf, html = Path(outputs.pdf), Path(outputs.html)
        name, _, _ = renderer.partition(" ")
        said = render(
            *(source, assets, pdf, html),
            renderer=name,
            timestamp=timestamp,
            others=others,
            words=own,
            addresses=read_json(inputs.addresses),
        )
        print(said, end="")
        page = tables_page(html.read_text(encoding="utf-8"), words[language]["tables"])
        write_text(outputs.tables, page)
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
