# Times by batch size and by rank, from jobs that have the machine to themselves.
# Each measurement is repeated, so that there is an interval; a first round isn't counted.
REPEATS = 6
TIMED_ROWS = 64  # of one measurement of a batch size, or the next multiple of all sizes
TIMED_STEPS = 10  # of one measurement of a rank


rule time_batches:
    input:
        rows=lambda wildcards: graph.rows("train")(graph.timed(wildcards)),
        model=lambda wildcards: graph.pretrained(graph.timed(wildcards)),
    output:
        times="results/{tier}/timing/{timing}.json",
    log:
        "logs/{tier}/time_batches/{timing}.log",
    wildcard_constraints:
        timing=one_of(graph.timings_of("classifier")),
    priority: 1
    conda:
        "../envs/train.yaml"
    # All cores, so that nothing runs beside the job.
    threads: lambda wildcards: workflow.resource_settings.cores or 1
    resources:
        **needs(study, "time_batches", mem_mb=4000, disk_mb=1, gpu=True),
    params:
        code=graph.code("time_batches.py"),
        batch_sizes=settings.batch_sizes,
        settings=lambda wildcards: settings.of_experiment(
            "learning_rate", "max_grad_norm", *MACHINE
        )(graph.timed(wildcards)),
        classes=lambda wildcards: len(settings.classes(graph.timed(wildcards))),
        rows=TIMED_ROWS,
        repeats=REPEATS,
        seed=lambda wildcards: graph.timed(wildcards).seed,
    message:
        "Timing batch sizes, with nothing else running ({wildcards.tier})"
    script:
        "../scripts/time_batches.py"


rule time_ranks:
    input:
        rows=lambda wildcards: graph.rows("train")(graph.timed(wildcards)),
        base=lambda wildcards: graph.pretrained(graph.timed(wildcards)),
    output:
        times="results/{tier}/timing/{timing}.json",
    log:
        "logs/{tier}/time_ranks/{timing}.log",
    wildcard_constraints:
        timing=one_of(graph.timings_of("lora")),
    priority: 1
    conda:
        "../envs/train.yaml"
    # All cores, so that nothing runs beside the job.
    threads: lambda wildcards: workflow.resource_settings.cores or 1
    resources:
        **needs(study, "time_ranks", mem_mb=4000, disk_mb=1, gpu=True),
    params:
        code=graph.code("time_ranks.py"),
        settings=settings.ranks,
        machine=lambda wildcards: settings.of_experiment(*MACHINE)(
            graph.timed(wildcards)
        ),
        tier=lambda wildcards: settings.of_tier("max_steps", "quantisation")(
            graph.timed(wildcards)
        ),
        steps=TIMED_STEPS,
        repeats=REPEATS,
        seed=lambda wildcards: graph.timed(wildcards).seed,
    message:
        "Timing ranks, with nothing else running ({wildcards.tier})"
    script:
        "../scripts/time_ranks.py"
