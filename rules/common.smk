# The study as validated, and what several rules ask of it.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from snakemake.utils import update_config

from rejeu.study import claims as claims_file
from rejeu.study import looks, margins
from rejeu.build import plan, records, snakemake_run, stale
from rejeu.build.build_lock import BuildLock
from rejeu.study.configuration import load, suggest
from rejeu.data.positions import refuse_longer
from rejeu.data.sources import files_of
from rejeu.build.environment import prepare
from rejeu.errors import RejeuError
from rejeu.build.kept_results import ANEW
from rejeu.build.identity import code_of, fingerprints, remember
from rejeu.build.packages import versions
from rejeu.study.strict_reading import as_yaml, read_yaml
from rejeu.report.assignment import LORA_SHOWN, NAMED, SENTIMENT_SHOWN
from rejeu.report import precheck
from rejeu.commands.retrain import run_files

prepare(ROOT)

LANGUAGES = ["fr", "en"]
CHECKPOINTS = ".cache/rejeu/checkpoints"
# How often a training run saves what it needs to go on after a kill. A profile may say otherwise,
# `set-resources: {train_lora: {checkpoint_steps: 20}}`, and nothing is trained again for that.
SAVE_STATE = {"checkpoint_seconds": 60, "checkpoint_steps": 0}  # 0 steps: by time only
INPUTS = ".cache/rejeu/inputs"
MODELS = ".cache/rejeu/models"
MODEL_FILES = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]


def refuse(error):
    """End with the message alone: a WorkflowError would add where in the rules it was raised."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(1)


if set("{}") & set(str(Path.cwd()) + str(ROOT)):
    refuse(
        f"{Path.cwd()}: Snakemake takes braces in a path for its own; rename the folder"
    )

# Not by `configfile:`, which of a key that stands twice takes the last without a word.
try:
    raw = read_yaml("config.yaml")
    if config:
        load(raw, "config.yaml")  # so that what --config says isn't blamed on the file
        update_config(raw, as_yaml(config))
    study = load(raw, "--config" if config else "config.yaml")
    looks_taken = looks.taken(study, ROOT)
except RejeuError as error:
    refuse(error)


wildcard_constraints:
    tier="|".join(study.tiers),
    input="|".join(study.inputs),
    model="|".join(study.models),
    experiment="[a-z][a-z0-9_]*",
    seed=r"\d+",
    language="|".join(LANGUAGES),
    finding=r"a\d+",


# By tier and part, the seeds of each experiment.
SEEDS = {name: looks.seeds(study, name, looks_taken) for name in study.tiers}


def code(script):
    """What a rule's result depends on besides its inputs and settings."""
    try:
        return code_of(ROOT / "scripts" / script, ROOT)
    except RejeuError as error:
        raise WorkflowError(str(error)) from None


def tier(wildcards):
    return study.tiers[wildcards.tier]


def model_files(name):
    return [f"{MODELS}/{name}/{file}" for file in MODEL_FILES]


def encoder(wildcards):
    return model_files(tier(wildcards).sentiment.encoder)


def causal_lm(wildcards):
    return model_files(tier(wildcards).lora.causal_lm)


def source(name):
    return f"{INPUTS}/{name}/source.json"


def runs(part, experiments, *files):
    """A function of the wildcards: these files of these experiments' runs, for each of their seeds.

    Of the named experiments, those that the tier runs; None names all of these.
    """

    def paths(wildcards):
        known = study.experiments(part, wildcards.tier)
        wanted = known if experiments is None else experiments
        names = [
            wildcards.experiment if name == "{experiment}" else name
            for name in wanted
            if name in known or name == "{experiment}"
        ]
        return [
            f"results/{wildcards.tier}/{part}/{name}/seed{seed}/{file}"
            for name in names
            for seed in SEEDS[wildcards.tier][part][name]
            for file in files
        ]

    return paths


MOST_NAMED = 12  # damaged files; the others are counted
# What runs are made from first, or one that waits for it is passed by runs that should come later.
PREPARATION = 5
# Then the document's own experiments, then what its claims hang on.
PRIORITY = {None: 4, "a1": 3}
OTHER_PRIORITY = 2


def priority(part):
    def of_run(wildcards):
        finding = getattr(study, part).experiments[wildcards.experiment].finding
        return PRIORITY.get(finding, OTHER_PRIORITY)

    return of_run


def before_planning(workflow):
    """Before Snakemake looks at any file: one build at a time, and damage is seen."""
    options = snakemake_run.command()
    try:
        snakemake_run.refuse_unknown_targets(options, workflow)
        refuse_study(workflow)
        if snakemake_run.runs_jobs(options):
            lock = BuildLock(Path.cwd())
            lock.hold()
            lock.clear()
            margins.declare(study, claims.judged(), ROOT)
    except RejeuError as error:
        refuse(error)
    adopt_inputs()
    mend()
    mark_stale()


def refuse_study(workflow):
    """Refuse what the study says and no job could do, as far as that can be seen from here."""
    rules = [rule.name for rule in workflow.rules]
    for name, here in study.tiers.items():
        for rule in here.expected_seconds:
            if rule not in rules:
                raise RejeuError(
                    f"config.yaml: tiers.{name}.expected_seconds: no rule is called '{rule}'; "
                    f"{suggest(rule, rules)}"
                )
        for part, model in (("sentiment", "encoder"), ("lora", "causal_lm")):
            settings = getattr(here, part)
            refuse_longer(
                f"config.yaml: tiers.{name}.{part}.max_length",
                settings.max_length,
                Path(MODELS, getattr(settings, model), "config.json"),
            )
    for file in REPORT_SOURCES:
        if not Path(file).is_file():
            raise RejeuError(
                f"{file}: no such file; the report is made from it. Put it back, or undo the "
                "change that removed it"
            )


def adopt_inputs():
    """Record raw inputs that came without their record; what isn't whole is fetched again."""
    for name in study.inputs:
        output = source(name)
        if Path(output).exists() and records.recorded(output) is None:
            try:
                records.finish([output], files_of(output))
            except (RejeuError, OSError, ValueError, KeyError, TypeError):
                snakemake_run.mark_incomplete(output)


def mend():
    """Name what is damaged, and let Snakemake make it again."""
    damaged, begun = records.compare([study.tier])
    for damage in damaged[:MOST_NAMED]:
        print(
            f"damaged: {damage.path} {damage.reason}; it will be made again",
            file=sys.stderr,
        )
    if len(damaged) > MOST_NAMED:
        print(f"and {len(damaged) - MOST_NAMED} files more", file=sys.stderr)
    for damage in damaged:
        for path in {damage.path, damage.output}:
            snakemake_run.mark_incomplete(path)
    for path in begun:
        snakemake_run.mark_incomplete(path)
    # Of what is missing Snakemake looks no further than the target's own inputs.
    lost = not all(Path(path).exists() for path in whole(study.tier))
    made_for = snakemake_run.recorded_params("report.pdf") if lost else []
    if lost and repr(study.tier) in made_for:
        snakemake_run.mark_incomplete("report.pdf")


def announce(workflow):
    """Say what a build will run; stop it before it starts where the disk is too small.

    The code that it runs with is recorded, for `make why`.
    """
    for script in (ROOT / "scripts").glob("*.py"):
        remember(fingerprints(script, ROOT), ROOT)
    if snakemake_run.is_forced(workflow):
        os.environ[ANEW] = "1"
    jobs = [
        plan.Job(
            name=job.rule.name,
            seconds=(
                study.tiers[job.wildcards.tier].expected_seconds.get(job.rule.name, 2)
                if "tier" in job.wildcards.keys()
                else 5
            ),
            threads=job.threads,
            memory_mb=job.resources.get("mem_mb", 0),
            disk_mb=job.resources.get("disk_mb", 0),
        )
        for job in workflow.dag.needrun_jobs()
    ]
    try:
        print(
            plan.describe(jobs, workflow.resource_settings.cores or 1, ROOT),
            file=sys.stderr,
        )
    except RejeuError as error:
        refuse(error)


def mark_stale():
    """Say which of the tier's results other versions of packages made; that reruns nothing."""
    made = [
        stale.read_run(path)
        for paths in run_files(study.tier, SEEDS[study.tier]).values()
        for path in paths
    ]
    found = stale.stale([run for run in made if run is not None], versions())
    if found:
        print(stale.describe(found, study.tier), file=sys.stderr)
