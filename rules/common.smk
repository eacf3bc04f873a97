# The study as validated, and what several rules ask of it.
import os
import sys
from pathlib import Path

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT))

from rejeu import plan
from rejeu.config import load
from rejeu.errors import RejeuError
from rejeu.identity import code_of
from rejeu.report.assignment import NAMED

# Jobs import rejeu from the project's folder, installed or not. The allocator keeps the large
# short-lived tensors of training: given back to the kernel at each step they cost page faults.
# PyTorch and oneDNN keep what they prepared for each shape of a product; rows have many lengths,
# and with the default of 1024 shapes a training job took half as much memory again.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
)
os.environ.setdefault("MALLOC_MMAP_MAX_", "0")
os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "100000000000")
os.environ.setdefault("MALLOC_TOP_PAD_", "100000000")
os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("MPLCONFIGDIR", str(ROOT / ".cache" / "matplotlib"))

LANGUAGES = ["fr", "en"]
INPUTS = ".cache/rejeu/inputs"
MODELS = ".cache/rejeu/models"
MODEL_FILES = [
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
]

try:
    study = load(config, "config.yaml")
except RejeuError as error:
    raise WorkflowError(str(error)) from None


wildcard_constraints:
    tier="|".join(study.tiers),
    input="|".join(study.inputs),
    model="|".join(study.models),
    experiment="[a-z][a-z0-9_]*",
    seed=r"\d+",
    language="|".join(LANGUAGES),


def code(script):
    """What a rule's result depends on besides its inputs and settings."""
    return code_of(ROOT / "scripts" / script, ROOT)


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


def announce(workflow):
    """Say what a build will run; stop it before it starts where the disk is too small."""
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
        raise WorkflowError(str(error)) from None
