# Parts of kind lora: one adapter per experiment and seed, its held-out loss, what it says.
rule schedule_doses:
    input:
        rows=lambda wildcards: graph.rows("train")(graph.undosed(wildcards)),
    output:
        doses=f"{DATA}/doses.json",
    log:
        "logs/{tier}/schedule_doses/{data}.seed{seed}.log",
    wildcard_constraints:
        data=one_of(map(study.data_folder, graph.dosed_parts())),
    priority: PREPARATION
    localrule: True
    conda:
        "../envs/train.yaml"
    resources:
        **needs(study, "schedule_doses", mem_mb=500, disk_mb=1),
    params:
        code=graph.code("schedule_doses.py"),
        sampling=settings.sampling,
    message:
        "Drawing the slots of doses, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/schedule_doses.py"


rule train_lora:
    input:
        rows=graph.rows("train"),
        base=graph.pretrained,
        start=graph.started_from(
            "adapter/adapter_config.json", "adapter/adapter_model.safetensors"
        ),
        doses=graph.doses,
    output:
        weights=f"{RUN}/adapter/adapter_model.safetensors",
        config=f"{RUN}/adapter/adapter_config.json",
        probe=f"{RUN}/probe.safetensors",
        log=f"{RUN}/log.jsonl",
        run=f"{RUN}/run.json",
    log:
        "logs/{tier}/train_lora/{part}.{experiment}.seed{seed}.log",
    benchmark:
        "results/{tier}/benchmark/train_lora/{part}.{experiment}.seed{seed}.tsv"
    wildcard_constraints:
        part=one_of(study.of_kind("lora")),
    priority: graph.priority
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **SAVE_STATE,
        **needs(study, "train_lora", mem_mb=3000, disk_mb=10, gpu=True),
    params:
        code=graph.code("train_lora.py"),
        checkpoints=f"{CHECKPOINTS}/{RUN}",
        settings=settings.of_run,
        tier=settings.of_tier("max_length", "max_steps", "quantisation"),
        added_row=settings.added_row,
        # By a function: of a plain text Snakemake would fill the braces.
        prompt=lambda wildcards: study.parts[wildcards.part].generation.prompt,
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/train_lora.py"


rule evaluate_lora:
    input:
        rows=graph.rows("test"),
        base=graph.pretrained,
        weights=f"{RUN}/adapter/adapter_model.safetensors",
        config=f"{RUN}/adapter/adapter_config.json",
        probe=f"{RUN}/probe.safetensors",
    output:
        heldout=f"{RUN}/heldout.json",
        generation=f"{RUN}/generation.json",
        replies=f"{RUN}/replies.json",
    log:
        "logs/{tier}/evaluate_lora/{part}.{experiment}.seed{seed}.log",
    benchmark:
        "results/{tier}/benchmark/evaluate_lora/{part}.{experiment}.seed{seed}.tsv"
    wildcard_constraints:
        part=one_of(study.of_kind("lora")),
    priority: graph.priority
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **needs(study, "evaluate_lora", mem_mb=2500, disk_mb=1, gpu=True),
    params:
        code=graph.code("evaluate_lora.py"),
        settings=settings.of_experiment("precision", "attention", "joining"),
        tier=settings.of_tier("max_length", "quantisation"),
        generation=settings.of_generation("prompt", "max_new_tokens"),
        texts=settings.scored_rows,
    message:
        "Evaluating {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/evaluate_lora.py"


rule answer_lora:
    input:
        rows=graph.data_of("test.parquet"),
        base=graph.pretrained,
        weights=f"{RUN}/adapter/adapter_model.safetensors",
        config=f"{RUN}/adapter/adapter_config.json",
        probe=f"{RUN}/probe.safetensors",
    output:
        stops=f"{RUN}/stops.json",
    log:
        "logs/{tier}/answer_lora/{part}.{experiment}.seed{seed}.log",
    benchmark:
        "results/{tier}/benchmark/answer_lora/{part}.{experiment}.seed{seed}.tsv"
    wildcard_constraints:
        part=one_of(study.of_kind("lora")),
    priority: graph.priority
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **needs(study, "answer_lora", mem_mb=2500, disk_mb=1, gpu=True),
    params:
        code=graph.code("answer_lora.py"),
        settings=settings.of_experiment("precision", "attention", "joining"),
        tier=settings.of_tier("max_length", "quantisation"),
        generation=settings.of_generation("prompt", "max_new_tokens", "answered_rows"),
    message:
        "Answering with {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/answer_lora.py"
