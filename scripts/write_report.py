"""Write both languages' report sources from the results, and record where those come from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rejeu.job.run import run
from rejeu.job.whole_files import read_json, write_json, write_text
from rejeu.report.context import context
from rejeu.report.provenance import provenance
from rejeu.report.results import read_lora, read_sentiment
from rejeu.report.write import write
from rejeu.study.strict_reading import read_yaml

READERS: dict[str, Any] = {"sentiment": read_sentiment, "lora": read_lora}


def main(inputs: Any, outputs: Any, folder: Path, study: dict[str, Any], root: Path) -> None:
    reference = read_yaml(inputs.reference)
    statistics = {Path(path).parents[1].name: read_json(path) for path in inputs.statistics}
    sources = {Path(path).parent.name: Path(path) for path in inputs.sources}
    results = {
        part: {
            name: read(
                folder / part,
                name,
                name,
                study[part]["seeds"][name],
                reference[part]["experiments"].get(name),
            )
            for name in study[part]["titles"]["en"]
        }
        for part, read in READERS.items()
    }
    facts = provenance(study, sources, **results, root=root)
    write_json(outputs.provenance, facts)
    for template, output in zip(inputs.templates, outputs.sources, strict=True):
        language = Path(template).parent.name
        titled: dict[str, Any] = {
            part: {
                name: replace(result, title=study[part]["titles"][language][name])
                for name, result in found.items()
            }
            for part, found in results.items()
        }
        names = context(
            language,
            study,
            **titled,
            statistics=statistics,
            reference=reference,
            provenance=facts,
            claims=read_json(inputs.claims),
            observations=read_json(inputs.observations),
            timings={Path(path).stem: read_json(path) for path in inputs.timings},
        )
        write_text(output, write(Path(template), names))


run(
    snakemake,
    lambda _: main(
        inputs=snakemake.input,
        outputs=snakemake.output,
        folder=Path(snakemake.params.folder),
        study=snakemake.params.study,
        root=Path(snakemake.scriptdir).parent,
    ),
)
