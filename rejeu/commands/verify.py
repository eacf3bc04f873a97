"""`rejeu verify`: whether a finished report says what the results say, in each number and verdict.

The results are judged again, the report is written and rendered from them in a folder of its own,
and what is finished is compared with that. Nothing is trained, and nothing in the study is changed.
"""

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pypdf.errors import PyPdfError

from rejeu.build import records
from rejeu.build.commit import git
from rejeu.build.engine import engine
from rejeu.errors import RejeuError
from rejeu.evaluation.judge_tier import judge_tier
from rejeu.graph.graph import Graph
from rejeu.graph.load import load_graph
from rejeu.graph.paths import CLAIMS, OBSERVATIONS
from rejeu.graph.report_files import ReportFiles
from rejeu.graph.settings import Settings
from rejeu.job.whole_files import read_json, sha256_of, write_json, write_text
from rejeu.report.addresses import as_json
from rejeu.report.compare import Difference, Pages, compare_html, compare_pdf, tokens_of_html
from rejeu.report.languages import Files, evidence_of, facts_of_run, write_languages
from rejeu.report.render import render
from rejeu.report.renderer import chosen, refuse_unusable
from rejeu.report.typeset import typeset_halves
from rejeu.report.words import read_words
from rejeu.study.names import suggest

# Of provenance.json, what says by which program and on which machine the report was written.
OF_THE_WRITER = (
    *("git", "python", "system", "packages", "licences"),
    *("stale", "accepted", "command", "retrain"),
)
MOST = 20  # differences that are shown of one file


def main(path: Path, tier: str | None, root: Path) -> int:
    """Verify and print; 1 where something differs.

    Args:
        path: the finished report, PDF or HTML, or a folder of them.
        root: the study's folder, with the results; the current one.

    Raises:
        RejeuError: results are missing, nothing to verify is there, or there is no such tier.
    """
    sys.path.insert(0, str(root / "report"))
    graph = load_graph({}, root, engine())
    tier = tier or tier_in(path, graph) or the_only_built(graph) or graph.study.tier
    if tier not in graph.study.tiers:
        raise RejeuError(f"--tier {tier}: no such tier; {suggest(tier, graph.study.tiers)}")
    finished = [*reports_in(path, tier)]
    with tempfile.TemporaryDirectory() as scratch:
        wrong = [*compared_claims(graph, tier, Path(scratch)), *changed_figures(graph, tier)]
        for line in wrong:
            print(line)
        recorded = read_json(f"results/{tier}/provenance.json")
        expected = render_all(graph, tier, recorded, Path(scratch))
        same = same_program(recorded)
        if not same:
            print(
                "note: the report was written by another version of Rejeu or of its packages; its "
                "text is compared, not its look"
            )
        for file in finished:
            told = compared(file, expected, look=same)
            print(f"{file}: {'as the results say' if not told else f'{len(told)} differ'}")
            for each in told[:MOST]:
                print(f"  {each}")
            if len(told) > MOST:
                print(f"  and {len(told) - MOST} more")
            wrong += map(str, told)
    return 1 if wrong else 0


def tier_in(path: Path, graph: Graph) -> str | None:
    """The tier in whose folder a report lies."""
    parts = path.resolve().parts
    named = [after for before, after in pairwise(parts) if before == "results"]
    return next((tier for tier in reversed(named) if tier in graph.study.tiers), None)


def the_only_built(graph: Graph) -> str | None:
    """The tier whose report is here, where there is one alone, as in a crate."""
    built = [
        tier for tier in graph.study.tiers if Path(f"results/{tier}/provenance.json").is_file()
    ]
    return built[0] if len(built) == 1 else None


def reports_in(path: Path, tier: str) -> list[Path]:
    """The finished reports that are meant.

    Raises:
        RejeuError: none is there.
    """
    if path.is_file():
        if path.suffix not in (".pdf", ".html"):
            raise RejeuError(f"{path}: expected a report, PDF or HTML, or a folder of them")
        return [path]
    places = [path / "report.pdf", *path.glob("report.*.*")]
    places += (path / "results" / tier / "report").glob("report.*.*")
    found = [it for it in places if it.suffix in (".pdf", ".html") and it.is_file()]
    if not found:
        raise RejeuError(f"{path}: no report there; expected report.pdf or report.LANGUAGE.html")
    return sorted(dict.fromkeys(found))


def files_of(graph: Graph, tier: str) -> Files:
    """What the report of a tier is written from, as the rule `write_report` has it.

    Raises:
        RejeuError: with the first that is missing.
    """
    report_files, wildcards = ReportFiles(graph), SimpleNamespace(tier=tier)
    judged = [path.format(tier=tier) for path in (CLAIMS, OBSERVATIONS) if graph.claims]
    statistics = graph.first_splits(wildcards)
    results = [*graph.results(tier), *graph.answers(tier), *graph.timings(tier), *statistics]
    for path in [*results, *judged, f"results/{tier}/provenance.json"]:
        if not Path(path).is_file():
            raise RejeuError(
                f"{path}: no such file; to verify a report all results of its tier "
                "are needed; of another tier it is said by --tier"
            )
    sources = [path for path in graph.sources(wildcards) if Path(path).is_file()]
    return Files(
        every=[*results, *report_files.reference],
        reference=report_files.reference,
        words=report_files.words,
        claims=judged[:1],
        observations=judged[1:],
        statistics=statistics,
        sources=sources,
    )


def judged_again(graph: Graph, tier: str, files: Files) -> list[dict[str, Any]]:
    """All entries of claims.json and observations.json, from the runs' results."""
    settings = Settings(graph)
    return judge_tier(
        files.every,
        files.reference,
        graph.judged,
        tier,
        seeds=graph.seeds[tier],
        own=settings.own_seeds(SimpleNamespace(tier=tier)),
        looks=graph.study.tiers[tier].looks,
        placebos=settings.placebos(),
    )


def compared_claims(graph: Graph, tier: str, scratch: Path) -> Iterator[str]:
    """Claims of which a file says another thing than the runs; the right ones go to `scratch`."""
    files = files_of(graph, tier)
    entries = judged_again(graph, tier, files) if graph.claims else []
    for kind, path in (("claim", *files.claims), ("seen", *files.observations)) if entries else ():
        mine = [entry for entry in entries if entry["kind"] == kind]
        write_json(scratch / path, mine)
        theirs = {entry["id"]: entry for entry in read_json(path)}
        for entry in read_json(scratch / path):
            found = theirs.get(entry["id"], {})
            keys = [key for key, value in entry.items() if found.get(key) != value]
            if keys:
                key = "verdict" if "verdict" in keys else keys[0]
                yield f"{path}, {entry['id']}, {key}: found {found.get(key)}; expected {entry[key]}"


def changed_figures(graph: Graph, tier: str) -> Iterator[str]:
    """Figures that aren't as the job that drew them recorded them."""
    unknown = 0
    for path in ReportFiles(graph).drawn_files(tier, ["svg", "csv"]):
        record = records.recorded(path)
        if not Path(path).is_file():
            raise RejeuError(f"{path}: no such file; to verify a report all its figures are needed")
        if record is None or not record.sha256:
            unknown += 1
        elif record.sha256 != sha256_of(path):
            yield f"{path}: found another figure than was drawn; its sha256 isn't the recorded one"
    if unknown:
        said = f"{unknown} files of figures have no record of their drawing here"
        print(f"note: {said}, and were taken as they are")


def render_all(
    graph: Graph, tier: str, recorded: dict[str, Any], scratch: Path
) -> dict[tuple[str, str], Path]:
    """The report that the results give: by language (or "" for all) and suffix, its file."""
    study, report_files = graph.study, ReportFiles(graph)
    files = files_of(graph, tier)
    settings = report_files.settings(tier)
    judged = {
        "claims": [str(scratch / path) for path in files.claims],
        "observations": [str(scratch / path) for path in files.observations],
    }
    files = replace(files, **judged)
    evidence = evidence_of(files, settings)
    record = facts_of_run(files, settings, evidence, "embedded", graph.engine)
    record |= {key: recorded[key] for key in OF_THE_WRITER if key in recorded}
    record["inputs"] = recorded["inputs"] | record["inputs"]
    renderer = "quarto" if "quarto" in recorded["packages"] else "embedded"
    refuse_unusable(chosen(renderer))
    texts = Path("report")
    reports = write_languages(study.languages, texts, files, settings, evidence, record)
    timestamp = datetime.fromisoformat(str(study.report.date)).replace(tzinfo=UTC)
    words = read_words(files.words)
    done: dict[tuple[str, str], Path] = {}
    halves = []
    for language, (text, standing) in reports.items():
        folder = scratch / language
        source = folder / "report.qmd"
        write_text(source, text)
        copy_figures(report_files, tier, language, folder / "figures")
        done[language, ".pdf"], done[language, ".html"] = folder / "out.pdf", folder / "out.html"
        render(
            source,
            texts,
            done[language, ".pdf"],
            done[language, ".html"],
            renderer=renderer,
            timestamp=timestamp,
            others={it: words[it]["language"] for it in words if it != language},
            words=words[language],
            addresses=as_json(language, tier, text, standing),
        )
        halves.append((language, source.with_suffix(".typ")))
    typeset_halves(halves, scratch, scratch / "joined.pdf", timestamp)
    done["", ".pdf"] = scratch / "joined.pdf"
    return done


def copy_figures(report_files: ReportFiles, tier: str, language: str, folder: Path) -> None:
    """Put a language's figures where its source looks for them."""
    folder.mkdir(parents=True)
    for path in report_files.shown(SimpleNamespace(tier=tier, language=language)):
        shutil.copyfile(path, folder / Path(path).name)


def same_program(recorded: dict[str, Any]) -> bool:
    """Whether the report was written by this version of the program, which isn't edited."""
    here = git(engine())
    return here["commit"] is not None and here == recorded["git"] and not here["modified"]


def compared(file: Path, expected: dict[tuple[str, str], Path], *, look: bool) -> list[Difference]:
    """Where a finished report differs from that of its language, whatever it is called.

    Raises:
        RejeuError: it can't be read.
    """
    candidates = [path for (_, suffix), path in expected.items() if suffix == file.suffix]
    try:
        nearest = max(candidates, key=lambda path: likeness(file, path))
        if file.suffix == ".pdf":
            return compare_pdf(file, nearest, look=look)
    except PyPdfError as error:
        raise RejeuError(f"{file}: no whole PDF ({error}); expected a finished report") from None
    return compare_html(read_page(file), read_page(nearest), look=look)


def likeness(file: Path, other: Path) -> tuple[int, int]:
    """How near two reports are: of PDFs by their pages, and by words that both have."""
    if file.suffix == ".html":
        words = [
            Counter(it.text for it in tokens_of_html(read_page(each))) for each in (file, other)
        ]
        return 0, (words[0] & words[1]).total()
    pages = [Pages(each) for each in (file, other)]
    words = [Counter(it.text for it in each.tokens(0)) for each in pages]
    counts = [len(each.reader.pages) for each in pages]
    return -abs(counts[0] - counts[1]), (words[0] & words[1]).total()


def read_page(path: Path) -> str:
    """A page's text, whatever it was altered to."""
    return path.read_text(encoding="utf-8", errors="replace")
