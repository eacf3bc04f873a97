# The document's claims, each judged by the runs of both arms.
from types import SimpleNamespace

REFERENCE = "report/reference.yaml"
# What claims and the report read of each run.
SENTIMENT_RESULTS = ("run.json", "log.jsonl", "metrics.json")
LORA_RESULTS = (
    *("run.json", "log.jsonl", "heldout.json"),
    *("generation.json", "replies.json"),
)
# What else a run leaves to other tools.
SENTIMENT_FILES = (
    "predictions.parquet",
    "model/model.safetensors",
    "model/config.json",
)
LORA_FILES = ("adapter/adapter_model.safetensors", "adapter/adapter_config.json")
CLAIMS = "results/{tier}/claims.json"

OBSERVATIONS = "results/{tier}/observations.json"

try:
    claims = claims_file.load(
        read_yaml(ROOT / study.report.claims),
        study.report.claims,
        study,
        read_yaml(ROOT / REFERENCE),
    )
except RejeuError as error:
    refuse(error)


def every_result(name):
    """Of each of a tier's runs, the files that other tools read."""
    tier_alone = SimpleNamespace(tier=name)
    return [
        *runs("sentiment", None, *SENTIMENT_RESULTS, *SENTIMENT_FILES)(tier_alone),
        *runs("lora", None, *LORA_RESULTS, *LORA_FILES)(tier_alone),
    ]


def ran(wildcards, finding):
    return finding in tier(wildcards).findings


def answers(wildcards):
    """Which replies stop by themselves: counted with and without the separator."""
    if not ran(wildcards, "a8"):
        return []
    return runs("lora", ["r8", "separated"], "stops.json")(wildcards)


def timings(wildcards):
    """The measured times of the findings that the tier runs."""
    measured = {"a3": "batch", "a5": "rank"}
    return [
        f"results/{wildcards.tier}/timing/{name}.json"
        for finding, name in measured.items()
        if ran(wildcards, finding)
    ]


rule judge_claims:
    input:
        sentiment=runs("sentiment", None, *SENTIMENT_RESULTS),
        lora=runs("lora", None, *LORA_RESULTS),
        answers=answers,
        timings=timings,
        reference=REFERENCE,
    output:
        claims=CLAIMS,
        observations=OBSERVATIONS,
    log:
        "logs/{tier}/judge_claims.log",
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=400,
        disk_mb=1,
    params:
        code=code("judge_claims.py"),
        folder="results/{tier}",
        claims=claims.judged(),
        seeds=lambda wildcards: SEEDS[wildcards.tier],
        own=lambda wildcards: looks.seeds(study, wildcards.tier, {}),
        looks=lambda wildcards: tier(wildcards).looks,
        placebo=study.lora.placebo,
    message:
        "Judging the document's claims ({wildcards.tier})"
    script:
        "../scripts/judge_claims.py"
