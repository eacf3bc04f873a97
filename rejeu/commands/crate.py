"""`rejeu crate`: a tier's results with their origin and verdicts, as an RO-Crate."""

import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rejeu.build.commit import git
from rejeu.build.engine import engine
from rejeu.build.snakemake_run import recorded_job
from rejeu.commands.study_here import study_here
from rejeu.errors import RejeuError, listed
from rejeu.graph.graph import Graph
from rejeu.graph.load import load_graph
from rejeu.graph.paths import CARDS, CLAIMS, INPUTS
from rejeu.graph.report_files import ReportFiles
from rejeu.job.whole_files import read_json, scratch
from rejeu.report.words import engine_words
from rejeu.sharing.crate import Contents, Job, crate
from rejeu.study.strict_reading import read_yaml

# Of the engine what says how results were made; of a study all that people wrote.
ENGINE_FILES = ("Snakefile", "rules/*.smk", "scripts/*.py", "envs/*.yaml", "requirements.lock")
STUDY_FILES = ("config.yaml", "Snakefile", "report/**/*", "CITATION.cff", "LICENSE", "LICENCE")
MOST_NAMED = 5


def main(out: Path | None, tier: str | None, root: Path) -> None:
    """Write the crate of a tier into a folder, or a zip file where `out` is called so.

    Raises:
        RejeuError: the tier isn't built, or `out` is there.
    """
    _, tier = study_here(tier)
    out = out or Path(f"{tier}.crate.zip")
    if out.exists():
        raise RejeuError(f"{out}: is there already; name another, or remove it")
    made = crate(contents(load_graph({"tier": tier}, root, engine()), tier))
    with scratch(out.absolute()) as begun:
        if out.suffix == ".zip":
            made.write_zip(begun / out.name)
            (begun / out.name).rename(out)
        else:
            made.write(begun)
            begun.rename(out)
    print(f"{out}: {len(made.data_entities)} files, {len(made.contextual_entities)} facts of them")


def contents(graph: Graph, tier: str) -> Contents:
    """What a tier's crate is made from.

    Raises:
        RejeuError: files are missing, or nobody knows which job made them.
    """
    report = ReportFiles(graph)
    settings = report.settings(tier)
    targets = [*report.whole(tier), CARDS.format(tier=tier)]
    if graph.study.tier == tier and Path("report.pdf").is_file():
        targets.append("report.pdf")
    missing = [path for path in targets if not Path(path).is_file()]
    if missing:
        raise RejeuError(
            f"{listed(missing, MOST_NAMED)}: not there; `rejeu report --tier {tier}` makes all"
        )
    known = git(graph.engine)
    cited = citation(Path("CITATION.cff"))
    title = settings["report"]["title"][graph.study.languages[0]]
    packages = read_json(f"results/{tier}/provenance.json")["packages"]
    return Contents(
        settings=settings,
        jobs=jobs_behind(targets),
        scripts={rule: placed(path, graph) for rule, path in scripts(graph).items()},
        shown=[path for path in targets if Path(path).suffix in (".pdf", ".html")]
        + ([CLAIMS.format(tier=tier)] if graph.claims else []),
        files={**files_of(graph), **logs(tier)},
        engine=graph.engine,
        version=f"{version('rejeu')}+{known['commit'][:12]}"
        if known["commit"]
        else version("rejeu"),
        packages={name: number for name, number in packages.items() if number},
        words=engine_words(graph.study.languages[0]),
        authors=[author_name(each) for each in cited.get("authors", [])] or [title],
        licence=cited.get("license") or "not stated",
        claims=read_json(CLAIMS.format(tier=tier)) if graph.claims else [],
    )


def citation(path: Path) -> dict[str, Any]:
    """What a study says of how it is cited; nothing where it has no such file."""
    return (read_yaml(path) or {}) if path.is_file() else {}


def author_name(author: dict[str, Any]) -> str:
    """A person's or an organisation's name, as CITATION.cff has them."""
    parts = (author.get("given-names"), author.get("family-names"))
    return author.get("name") or " ".join(part for part in parts if part)


def jobs_behind(targets: Iterable[str]) -> list[Job]:
    """All jobs that the targets come from, by the time at which they began.

    Raises:
        RejeuError: nobody knows how a target was made, as of results copied from elsewhere.
    """
    waiting, seen = list(targets), set(targets)
    made: dict[tuple[str, float], list[str]] = {}
    read: dict[tuple[str, float], tuple[list[str], float]] = {}
    while waiting:
        path = waiting.pop()
        record = recorded_job(path)
        if record is None or record.get("starttime") is None:
            if path.startswith("results/"):
                raise RejeuError(
                    f"{path}: Snakemake doesn't remember how it was made; a crate is written "
                    "where the tier was built"
                )
            continue
        # A job's outputs have its rule and its beginning in common.
        key = (record["rule"], record["starttime"])
        made.setdefault(key, []).append(path)
        inputs = list(record["input"] or [])
        read[key] = (inputs, record["endtime"])
        # What is read of inputs are the files that a job fetched, behind their record.
        behind = [
            f"{INPUTS}/{Path(each).parts[3]}/source.json" for each in inputs if INPUTS in each
        ]
        for each in (*inputs, *behind):
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return sorted(
        (
            Job(
                rule, tuple(read[rule, start][0]), tuple(sorted(paths)), start, read[rule, start][1]
            )
            for (rule, start), paths in made.items()
        ),
        key=lambda job: (job.start, job.rule, job.outputs),
    )


def scripts(graph: Graph) -> dict[str, Path]:
    """The script of each rule, as the rules' files say."""
    found: dict[str, Path] = {}
    said = re.compile(r'^(?:use )?rule (\w+)(?: as (\w+) with)?:|"\.\./scripts/(\w+\.py)"', re.M)
    for file in sorted(graph.engine.glob("rules/*.smk")):
        named = ""
        for rule, derived, script in said.findall(file.read_text(encoding="utf-8")):
            if script:
                found[named] = graph.engine / "scripts" / script
            elif derived and rule in found:
                found[derived] = found[rule]
            else:
                named = rule
    program = graph.engine / "scripts" / "run_command.py"
    return found | {f"run_{part}": program for part in graph.study.of_kind("command")}


def placed(path: Path, graph: Graph) -> str:
    """Where a file of the study or of the engine lies in the crate."""
    if path.is_relative_to(graph.folder):
        return str(path.relative_to(graph.folder))
    return f"engine/{path.relative_to(graph.engine)}"


def files_of(graph: Graph) -> dict[str, Path]:
    """What people wrote: of the study everything, of the engine its rules and scripts."""
    found = [
        path
        for folder, patterns in ((graph.folder, STUDY_FILES), (graph.engine, ENGINE_FILES))
        for pattern in patterns
        for path in sorted(folder.glob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    return {placed(path, graph): path for path in found}


def logs(tier: str) -> dict[str, Path]:
    """What jobs said, and what Snakemake measured of them."""
    measured = Path("results", tier, "benchmark")
    found = sorted(path for path in measured.rglob("*") if path.is_file())
    return {str(path): path for path in found}
