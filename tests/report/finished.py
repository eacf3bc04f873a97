"""A report of made-up results, written and rendered as the rules do, once for all tests."""

import atexit
import re
import shutil
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from rejeu.job.whole_files import write_json, write_text
from rejeu.report.addresses import as_json
from rejeu.report.languages import Files, evidence_of, facts_of_run, write_languages
from rejeu.report.render import render
from tests.report.results_folder import LANGUAGES, ROOT, files_below, write_results
from tests.report.sample import NAMES

FIGURE = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0L{0} 9"/></svg>'
TIMESTAMP = datetime(2025, 1, 2, tzinfo=UTC)


def files_in(folder: Path, tier: str) -> Files:
    """What the rule `write_report` gives of a results folder."""
    results = folder / "results" / tier
    return Files(
        every=files_below(results),
        reference=["report/reference.yaml"],
        words=[
            str(path)
            for language in LANGUAGES
            for path in (
                ROOT / f"rejeu/report/words/{language}.yaml",
                ROOT / "report" / language / "words.yaml",
            )
        ],
        claims=[str(results / "claims.json")],
        observations=[str(results / "observations.json")],
        statistics=sorted(map(str, results.rglob("stats.json"))),
        sources=sorted(map(str, (folder / "inputs").glob("*/source.json"))),
    )


def written(folder: Path, study: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Write {language}/report.qmd and addresses.json into `folder`; the content of the latter."""
    files = files_in(folder, study["tier"])
    evidence = evidence_of(files, study)
    record = facts_of_run(files, study, evidence, "embedded", folder)
    reports = write_languages(LANGUAGES, ROOT / "report", files, study, evidence, record)
    known = {}
    for language, (text, standing) in reports.items():
        known[language] = as_json(language, study["tier"], text, standing)
        write_text(folder / language / "report.qmd", text)
        write_json(folder / language / "addresses.json", known[language])
    return known


def rendered(folder: Path, known: dict[str, dict[str, Any]], name: str) -> dict[str, list[Path]]:
    """Render each language's source in a folder `name` of its own: its PDF and HTML."""
    done = {}
    for language, addresses in known.items():
        source = folder / language / name / "report.qmd"
        text = (folder / language / "report.qmd").read_text(encoding="utf-8")
        write_text(source, text)
        for number, figure in enumerate(re.findall(r"\(figures/([^)]+)\)", text)):
            write_text(source.parent / "figures" / figure, FIGURE.format(number))
        pdf, html = (source.parent / f"out.{suffix}" for suffix in ("pdf", "html"))
        others = {code: called for code, called in NAMES.items() if code != language}
        render(
            source,
            ROOT / "report",
            pdf,
            html,
            renderer="embedded",
            timestamp=TIMESTAMP,
            others=others,
            addresses=addresses,
        )
        done[language] = [pdf, html]
    return done


@cache
def finished(seed: int, runs: int = 3) -> tuple[Path, dict[str, dict[str, Any]]]:
    """A results folder with its report's sources; and what their addresses.json say."""
    folder = Path(tempfile.mkdtemp(prefix="rejeu-finished-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    study = write_results(folder, seed, runs=runs, extra=True)
    return folder, written(folder, study)
