# Times by batch size and by rank, from jobs that have the machine to themselves.
# Each measurement is repeated, so that there is an interval; a first round isn't counted.
REPEATS = 6
TIMED_ROWS = 64  # of one measurement of a batch size, or the next multiple of all sizes
TIMED_STEPS = 10  # of one measurement of a rank


def all_cores(wildcards):
    """As many threads as there are cores, so that nothing runs beside the job."""
    return workflow.resource_settings.cores or 1


rule time_batches:
    input:
        rows=lambda wildcards: f"{REVIEWS}/train.arrow".format(
            tier=wildcards.tier, seed=tier(wildcards).sentiment.seeds[0]
        ),
        model=encoder,
    output:
        times="results/{tier}/timing/batch.json",
    log:
        "logs/{tier}/time_batches.log",
    priority: OTHER_PRIORITY
    conda:
        "../envs/train.yaml"
    threads: all_cores
    resources:
        mem_mb=4000,
        disk_mb=1,
    params:
        code=code("time_batches.py"),
        batch_sizes=claims_file.timed_batch_sizes(study),
        settings={
            key: SENTIMENT_SETTINGS["baseline"][key]
            for key in ("learning_rate", "max_grad_norm", "precision", "attention")
        },
        rows=TIMED_ROWS,
        repeats=REPEATS,
        seed=lambda wildcards: tier(wildcards).sentiment.seeds[0],
    message:
        "Timing batch sizes, with nothing else running ({wildcards.tier})"
    script:
        "../scripts/time_batches.py"


rule time_ranks:
    input:
        rows=lambda wildcards: chat_rows(
            "train", "r8", wildcards, tier(wildcards).lora.seeds[0]
        ),
        base=causal_lm,
    output:
        times="results/{tier}/timing/rank.json",
    log:
        "logs/{tier}/time_ranks.log",
    priority: OTHER_PRIORITY
    conda:
        "../envs/train.yaml"
    threads: all_cores
    resources:
        mem_mb=4000,
        disk_mb=1,
    params:
        code=code("time_ranks.py"),
        settings=[
            {
                key: value
                for key, value in LORA_SETTINGS[name].items()
                if key not in ("precision", "attention")
            }
            for name in ("r4", "r8", "r16")
        ],
        machine={key: LORA_SETTINGS["r8"][key] for key in ("precision", "attention")},
        tier=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"max_steps", "quantisation"}
        ),
        steps=TIMED_STEPS,
        repeats=REPEATS,
        seed=lambda wildcards: tier(wildcards).lora.seeds[0],
    message:
        "Timing ranks, with nothing else running ({wildcards.tier})"
    script:
        "../scripts/time_ranks.py"
