"""A tier's results as an RO-Crate: files, what made each of them, and what they say of each claim.

It follows the Provenance Run Crate profile, and so those of workflow and process runs
(https://www.researchobject.org/workflow-run-crate/profiles/0.5). What a job read and made is taken
from Snakemake's own memory, and the sha256 of what it made from the records of jobs.

Weights, tokenised rows and rows of the data are described with their sha256 and left out: they are
large, and the rows are not ours to pass on. Nothing that is judged is read from them.
"""

import mimetypes
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.model.entity import Entity
from rocrate.rocrate import ROCrate

from rejeu.build.records import recorded
from rejeu.evaluation.judge import claimed
from rejeu.evaluation.judge_tier import values_compared
from rejeu.job.whole_files import read_json, sha256_of
from rejeu.sharing.licences import spdx

RUN_PROFILE = "https://w3id.org/ro/wfrun/{}/0.5"
RUN_PROFILES = {
    "process": "Process Run Crate",
    "workflow": "Workflow Run Crate",
    "provenance": "Provenance Run Crate",
}
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
BIOSCHEMAS = "https://bioschemas.org/profiles/{}"
WORKFLOW_PROFILE = BIOSCHEMAS.format("ComputationalWorkflow/1.0-RELEASE")
PARAMETER_PROFILE = BIOSCHEMAS.format("FormalParameter/1.0-RELEASE")
TERMS = "https://w3id.org/ro/terms/workflow-run#"
COMPLETED = "http://schema.org/CompletedActionStatus"
LEFT_OUT = (".safetensors", ".arrow")
LARGEST = 16 * 1024**2  # bytes of a file that goes in
TYPES = {
    ".arrow": "application/vnd.apache.arrow.file",
    ".bib": "application/x-bibtex",
    ".cff": "application/yaml",
    ".gguf": "application/octet-stream",
    ".j2": "text/x-jinja2",
    ".jsonl": "application/x-ndjson",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".onnx": "application/octet-stream",
    ".parquet": "application/vnd.apache.parquet",
    ".qmd": "text/markdown",
    ".safetensors": "application/octet-stream",
    ".smk": "text/x-snakemake",
    ".tsv": "text/tab-separated-values",
    ".typ": "text/x-typst",
    ".yaml": "application/yaml",
}


@dataclass(frozen=True)
class Job:
    """One job: its rule, the files that it read and made, and when it began and ended."""

    rule: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    start: float
    end: float

    @property
    def id(self) -> str:
        """Its name in the crate, after the first file that it made."""
        return f"#job/{self.rule}/{local(self.outputs[0])}"


@dataclass(frozen=True)
class Contents:
    """What a crate is made from; paths as Snakemake names them, in the study's folder.

    Attributes:
        settings: the study: {tier, languages, report, parts, statements, licences}.
        jobs: those that made the tier's results, in the order of the workflow.
        scripts: by rule, the script that it runs.
        shown: what people look at first: the reports, and the claims with their verdicts.
        files: those that go in beside what jobs read and made, by their places in the crate.
        engine: the folder of rules and scripts, and by `version` and `commit` which it is.
        packages: versions by name.
        words: the engine's, in the first language.
        authors: of the study, by name.
        licence: of the study's own files.
        claims: the entries of claims.json.
    """

    settings: Mapping[str, Any]
    jobs: list[Job]
    scripts: Mapping[str, str]
    shown: list[str]
    files: Mapping[str, Path]
    engine: Path
    version: str
    packages: Mapping[str, str]
    words: Mapping[str, str]
    authors: list[str]
    licence: str
    claims: list[dict[str, Any]] = field(default_factory=list)


def local(path: str) -> str:
    """A path as names in the crate have it: without the cache before it."""
    return path.removeprefix(".cache/rejeu/")


def left_out(path: str, tier: str) -> bool:
    """Whether a file that a job read or made is described only."""
    place = Path(path)
    rows = place.suffix == ".parquet" and path.startswith(f"results/{tier}/data/")
    cached = path.startswith(".cache/") and place.name != "source.json"
    return (
        cached or rows or place.suffix in LEFT_OUT or not place.is_file() or size(place) > LARGEST
    )


def size(path: Path) -> int:
    """A file's bytes."""
    return path.stat().st_size


def media_type(path: str) -> str:
    """What kind of content a file has, by its name."""
    suffix = Path(path).suffix
    return TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "text/plain"


def moment(seconds: float) -> str:
    """A moment as the profiles want it, to the second."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


class Crate:
    """An RO-Crate as it is filled."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.tier = contents.settings["tier"]
        self.crate: Any = ROCrate(version="1.1", gen_preview=False)
        terms = ("environment", "resourceUsage", "sha256")
        self.crate.metadata.extra_terms |= {name: f"{TERMS}{name}" for name in terms}
        self.files: dict[str, Entity] = {}  # by path, as jobs name them

    def add(self, identifier: str, kind: str, /, **properties: Any) -> Entity:
        """An entity of the context, once by its identifier; lists of one value are that value."""
        identifier = quote(identifier, safe="/:#=,+~()@") if identifier[0] == "#" else identifier
        if known := self.crate.dereference(identifier):
            return known
        return self.crate.add(
            ContextEntity(self.crate, identifier, {"@type": kind, **compact(properties)})
        )

    def file(self, path: str, source: Any = None, **properties: Any) -> Entity:
        """A file, once by its path: in the crate, or described with its sha256 alone."""
        if path in self.files:
            return self.files[path]
        place = self.placed(path)
        facts = {"encodingFormat": media_type(place), "name": Path(place).name}
        if source is None:
            record = recorded(path)
            known = record.sha256 if record else None
            if Path(path).is_file():
                facts |= {"contentSize": str(size(Path(path))), "sha256": known or sha256_of(path)}
        if source is None and left_out(path, self.tier):
            entity = self.add(f"#{place}", "File", **(facts | properties))
        else:
            entity = self.crate.add_file(
                source or Path(path), place, properties=compact(facts | properties)
            )
        self.files[path] = entity
        return entity

    def placed(self, path: str) -> str:
        """Where a file lies in the crate: the study's where it lies there, the engine's beside."""
        place = Path(path)
        if place.is_absolute() and place.is_relative_to(self.contents.engine):
            return f"engine/{place.relative_to(self.contents.engine)}"
        return local(path)

    def value(self, name: str, value: Any) -> Entity:
        """A setting or a fact: one entity for all that have the same value of the same name."""
        text = value if isinstance(value, bool | int | float | str) else str(value)
        return self.add(f"#value/{name}={text}", "PropertyValue", name=name, value=text)


def compact(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties without those that are None or empty; a list of one is that one."""
    known = {}
    for name, value in properties.items():
        each = value[0] if isinstance(value, list) and len(value) == 1 else value
        if each is not None and each != []:
            known[name] = each
    return known


def crate(contents: Contents) -> ROCrate:
    """The crate of a tier."""
    built = Crate(contents)
    for place, source in contents.files.items():
        built.file(place, source=source)
    about(built)
    add_inputs(built)
    workflow = add_workflow(built)
    add_actions(built, workflow)
    add_claims(built)
    root = built.crate.root_dataset
    root["hasPart"] = sorted(root["hasPart"], key=lambda entity: entity.id)
    return built.crate


def about(built: Crate) -> None:
    """The crate as a whole: title, who, when, licence, profiles, and how to use it."""
    settings, root = built.contents.settings, built.crate.root_dataset
    language = settings["languages"][0]
    title = settings["report"]["title"][language]
    address = settings["report"]["repository"]
    who = [
        # Who has no public address is known by this crate alone.
        built.add(f"#who/{name}", "Organization", name=name, url=address or "./")
        for name in built.contents.authors
    ]
    profiles = [
        built.add(RUN_PROFILE.format(name), "CreativeWork", name=title, version="0.5")
        for name, title in RUN_PROFILES.items()
    ]
    profiles.append(
        built.add(WORKFLOW_CRATE, "CreativeWork", name="Workflow RO-Crate", version="1.0")
    )
    built.crate.metadata["conformsTo"] = [
        {"@id": "https://w3id.org/ro/crate/1.1"},
        {"@id": WORKFLOW_CRATE},
    ]
    facts = {
        "name": title,
        "description": built.contents.words["crate_about"].format(title=title, tier=built.tier),
        "datePublished": settings["report"]["date"],
        "license": add_licence(built, built.contents.licence),
        "author": who,
        "publisher": who[0],
        "conformsTo": profiles,
    }
    for name, value in compact(facts).items():
        root[name] = value
    text = built.contents.words["crate_readme"].format(title=title, tier=built.tier)
    built.file("README.md", source=StringIO(text), about=root)


def add_licence(built: Crate, text: str) -> Entity:
    """A licence: by its address where SPDX knows it, else by what the study says of it."""
    name = spdx(text)
    place = f"https://spdx.org/licenses/{name}" if name else f"#licence/{text}"
    return built.add(place, "CreativeWork", name=text, description=text)


def add_inputs(built: Crate) -> None:
    """The raw files of each input, with their sha256, licence and source."""
    for path in {path for job in built.contents.jobs for path in (*job.inputs, *job.outputs)}:
        if Path(path).name != "source.json" or not path.startswith(".cache/"):
            continue
        record = read_json(path)
        name = record["input"]
        licence = add_licence(built, built.contents.settings["licences"][name])
        source = record["source"]
        address = {
            "pypi": "https://pypi.org/project/{package}/{version}/",
            "hub": "https://huggingface.co/{repository}",
        }.get(source["kind"])
        for file, facts in record["files"].items():
            raw = f".cache/rejeu/inputs/{name}/{file}"
            built.files[raw] = built.add(
                f"#inputs/{name}/{file}",
                "File",
                name=f"{name}: {file}",
                encodingFormat=media_type(file),
                contentSize=str(facts["bytes"]),
                sha256=facts["sha256"],
                license=licence,
                version=record.get("revision"),
                isBasedOn=address.format(**source) if address else None,
            )


def add_workflow(built: Crate) -> Entity:
    """The workflow, its rules as steps, and the scripts that they run as its tools."""
    contents = built.contents
    workflow: Any = built.files["Snakefile"]
    language = built.add(
        "https://w3id.org/workflowhub/workflow-ro-crate#snakemake",
        "ComputerLanguage",
        name="Snakemake",
        identifier="https://snakemake.github.io",
        url="https://snakemake.github.io",
        version=contents.packages.get("snakemake"),
    )
    rules = list(dict.fromkeys(job.rule for job in contents.jobs))
    steps = []
    for position, rule in enumerate(rules, start=1):
        tool = tool_of(built, rule)
        steps.append(
            built.add(
                f"Snakefile#{rule}",
                "HowToStep",
                name=rule,
                position=str(position),
                workExample=tool,
            )
        )
    tools = dict.fromkeys(step["workExample"].id for step in steps)
    packages = [
        built.add(
            f"https://pypi.org/project/{name}/{version}/",
            "SoftwareApplication",
            name=name,
            softwareVersion=version,
            url=f"https://pypi.org/project/{name}/{version}/",
        )
        for name, version in contents.packages.items()
    ]
    asked, shown = asked_and_shown(built)
    inputs = [
        parameter(built, name, kind, example)
        for (name, kind), example in zip((("config", "File"), ("tier", "Text")), asked, strict=True)
    ]
    outputs = [parameter(built, each.id, "File", each) for each in shown]
    for name, value in compact(
        {
            "name": "Snakefile",
            "programmingLanguage": language,
            "conformsTo": {"@id": WORKFLOW_PROFILE},
            "version": contents.version,
            "url": contents.settings["report"]["repository"] or "Snakefile",
            "license": add_licence(built, contents.licence),
            "hasPart": [{"@id": name} for name in tools],
            "step": steps,
            "input": inputs,
            "output": outputs,
            "softwareRequirements": packages,
        }
    ).items():
        workflow[name] = value
    workflow._jsonld["@type"] = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
    built.crate.root_dataset["mainEntity"] = workflow
    return workflow


def asked_and_shown(built: Crate) -> tuple[list[Entity], list[Entity]]:
    """What a run of the workflow is given, and what of it people look at first."""
    asked = [built.files["config.yaml"], built.value("tier", built.tier)]
    return asked, [built.file(path) for path in built.contents.shown]


def tool_of(built: Crate, rule: str) -> Entity:
    """The script that a rule runs, as software."""
    script: Any = built.files[built.contents.scripts[rule]]
    script._jsonld["@type"] = ["File", "SoftwareSourceCode"]
    script["version"] = built.contents.version
    script["url"] = built.contents.settings["report"]["repository"] or script.id
    script["programmingLanguage"] = "Python"
    return script


def parameter(built: Crate, name: str, kind: str, example: Entity) -> Entity:
    """A parameter of the workflow, and what it was in this run."""
    found = built.add(
        f"#parameter/{name}",
        "FormalParameter",
        name=name,
        additionalType=kind,
        workExample=example,
        conformsTo={"@id": PARAMETER_PROFILE},
    )
    example["exampleOfWork"] = found
    return found


def add_actions(built: Crate, workflow: Entity) -> None:
    """The run of the workflow and of each job: when, by whom, from what, with which settings."""
    contents = built.contents
    agent = built.crate.root_dataset["publisher"]
    actions, controls = [], []
    for job in contents.jobs:
        step = built.crate.dereference(f"Snakefile#{job.rule}")
        made = ", ".join(Path(path).name for path in job.outputs[:3])
        action = built.add(
            job.id,
            "CreateAction",
            name=f"{job.rule}: {job.outputs[0]}",
            description=f"{job.rule} made {made}{' and more' if len(job.outputs) > 3 else ''}",
            instrument=step["workExample"],
            object=[*(built.file(path) for path in job.inputs), *settings_of(built, job)] or None,
            result=[built.file(path) for path in job.outputs],
            startTime=moment(job.start),
            endTime=moment(job.end),
            agent=agent,
            actionStatus=COMPLETED,
            **usage_of(built, job),
        )
        actions.append(action)
        controls.append(
            built.add(
                f"#control/{job.id.removeprefix('#job/')}",
                "ControlAction",
                name=f"orchestrate {job.rule}",
                instrument=step,
                object=action,
                actionStatus=COMPLETED,
            )
        )
    title = built.crate.root_dataset["name"]
    asked, shown = asked_and_shown(built)
    run = built.add(
        "#run",
        "CreateAction",
        name=f"{title} ({built.tier})",
        description=f"rejeu report --tier {built.tier}",
        instrument=workflow,
        object=asked,
        result=shown,
        startTime=moment(min(job.start for job in contents.jobs)),
        endTime=moment(max(job.end for job in contents.jobs)),
        agent=agent,
        actionStatus=COMPLETED,
    )
    version = contents.packages["snakemake"]
    built.add(
        "#build",
        "OrganizeAction",
        name=f"Snakemake {version}",
        instrument={"@id": f"https://pypi.org/project/snakemake/{version}/"},
        object=controls,
        result=run,
        agent=agent,
        startTime=run["startTime"],
        endTime=run["endTime"],
        actionStatus=COMPLETED,
    )
    built.crate.root_dataset["mentions"] = [run, *actions]


def run_of(job: Job) -> Mapping[str, Any]:
    """The run.json that a job wrote; empty where it wrote none."""
    paths = [path for path in job.outputs if Path(path).name == "run.json"]
    return read_json(paths[0]) if paths else {}


def settings_of(built: Crate, job: Job) -> list[Entity]:
    """The settings and the seed with which a job ran, as its run.json says."""
    settings = run_of(job).get("settings", {})
    return [built.value(name, value) for name, value in settings.items() if value is not None]


def usage_of(built: Crate, job: Job) -> dict[str, Any]:
    """On what a training computed, and how much time and memory it took."""
    run = run_of(job)
    if not run:
        return {}
    kept = ("device", "precision", "attention", "threads")
    machine = {**{name: run[name] for name in kept if name in run}, **run.get("machine", {})}
    spent = {
        "wall_seconds": "http://qudt.org/vocab/unit/SEC",
        "peak_memory_mb": "http://qudt.org/vocab/unit/MegaBYTE",
    }
    used = [
        built.add(
            f"#usage/{name}/{job.id.removeprefix('#job/')}",
            "PropertyValue",
            name=name,
            propertyID=f"#usage/{name}",
            value=run[name],
            unitCode=unit,
        )
        for name, unit in spent.items()
        if name in run
    ]
    known = [built.value(name, value) for name, value in machine.items() if value is not None]
    return {"environment": known, "resourceUsage": used}


def add_claims(built: Crate) -> None:
    """Each claim, its margins and intervals, its verdict, and the files that it was judged by."""
    contents = built.contents
    statements = contents.settings["statements"]
    file = built.files.get(f"results/{built.tier}/claims.json")
    for entry in contents.claims:
        claim = built.add(
            f"#claim/{entry['id']}",
            "Claim",
            name=entry["id"],
            text=list(statements.get(entry["id"], {}).values()),
        )
        files = dict.fromkeys(evidence(entry, built.tier))
        measured = list(margins(built, entry))
        built.add(
            f"#verdict/{entry['id']}",
            "ClaimReview",
            name=f"{entry['id']}: {entry['verdict']}",
            claimReviewed=next(iter(statements.get(entry["id"], {}).values()), entry["id"]),
            itemReviewed=claim,
            reviewRating=built.add(
                f"#rating/{entry['verdict']}",
                "Rating",
                name=entry["verdict"],
                alternateName=contents.words[f"verdict_{entry['verdict']}"],
            ),
            reviewBody=contents.words[f"meaning_{entry['verdict']}"],
            isPartOf=file,
            isBasedOn=[built.files[path] for path in files if path in built.files],
            variableMeasured=measured,
        )


def evidence(entry: Mapping[str, Any], tier: str) -> Iterator[str]:
    """The result files that a claim's comparisons were read from."""
    for compared in entry["arms"].values():
        for each in compared:
            yield from (file for file, _ in values_compared(each, tier))


def margins(built: Crate, entry: Mapping[str, Any]) -> Iterable[Entity]:
    """Each comparison of a claim: what was measured, its interval, its margin and its state."""
    for arm, compared in entry["arms"].items():
        for number, each in enumerate(compared, start=1):
            name = f"{entry['id']}/{arm}/{number}"
            low, high = each["interval"] or (None, None)
            against = f" {each['by']} {each['against']}" if each["against"] else ""
            margin = built.add(
                f"#margin/{name}",
                "PropertyValue",
                name="margin",
                value=each["margin"],
                description=claimed(each),
            )
            yield built.add(
                f"#measured/{name}",
                "PropertyValue",
                name=f"{each['of']}{against}",
                description=f"{arm}: {each['state']}"
                + (" (the share of seeds that show it)" if each["test"] == "most" else ""),
                value=each.get("measured"),
                minValue=low,
                maxValue=high,
                valueReference=margin,
            )
