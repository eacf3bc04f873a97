"""Write both languages' report sources from the results, and record where those come from."""

from pathlib import Path
from typing import Any

from rejeu.files import read_json, read_yaml, write_json, write_text
from rejeu.job import logged
from rejeu.report.context import context
from rejeu.report.provenance import provenance
from rejeu.report.results import read_lora, read_sentiment
from rejeu.report.write import write


def main(inputs: Any, outputs: Any, study: dict[str, Any], root: Path, log: str) -> None:
    with logged(log):
        reference = read_yaml(inputs.reference)
        statistics = {Path(path).parent.name: read_json(path) for path in inputs.statistics}
        sources = {Path(path).parent.name: Path(path) for path in inputs.sources}
        folder = Path(outputs.provenance).parent
        for template, output in zip(inputs.templates, outputs.sources, strict=True):
            language = Path(template).parent.name
            known = {part: reference[part]["experiments"] for part in ("sentiment", "lora")}
            sentiment = {
                name: read_sentiment(
                    folder / "sentiment",
                    name,
                    title,
                    study["sentiment"]["seeds"],
                    known["sentiment"].get(name),
                )
                for name, title in study["sentiment"]["titles"][language].items()
            }
            lora = {
                name: read_lora(
                    folder / "lora", name, title, study["lora"]["seeds"], known["lora"].get(name)
                )
                for name, title in study["lora"]["titles"][language].items()
            }
            facts = provenance(study["tier"], sources, study["licences"], sentiment, lora, root)
            write_json(outputs.provenance, facts)
            names = context(language, study, sentiment, lora, statistics, reference, facts)
            write_text(output, write(Path(template), names))


main(
    inputs=snakemake.input,
    outputs=snakemake.output,
    study=snakemake.params.study,
    root=Path(snakemake.scriptdir).parent,
    log=snakemake.log[0],
)
