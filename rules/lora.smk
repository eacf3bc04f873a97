# Part 2: one adapter per experiment and seed, its held-out loss, what it says.
LORA_RUN = "results/{tier}/lora/{experiment}/seed{seed}"
DOSES = f"{CHAT}/doses.json"
NO_DOSE = "r8"  # the run whose slots doses take
SAMPLING = ("batch_size", "accumulation", "length_grouping")
# What a run is for (`arm`, `finding`) doesn't influence it.
LORA_SETTINGS = {
    name: settings.model_dump(exclude={"title", "arm", "finding", "seeds", "add_row"})
    for name, settings in study.lora.experiments.items()
}


def refuse_other_slots():
    """A dose's run may draw no rows but those of the run whose slots it takes."""
    for name, settings in LORA_SETTINGS.items():
        for key in ("joining", *SAMPLING):
            expected = LORA_SETTINGS[NO_DOSE][key]
            if settings["dose"] and settings[key] != expected:
                refuse(
                    f"config.yaml: lora.experiments.{name}.{key}: {settings[key]}; expected "
                    f"{expected}, since a dose takes slots of '{NO_DOSE}' and changes nothing else"
                )


refuse_other_slots()


def added_row(wildcards):
    """The row that an experiment appends to the training data, {input, output}, or nothing."""
    name = study.lora.experiments[wildcards.experiment].add_row
    return study.lora.rows[name].model_dump() if name else None


def lora_start(wildcards):
    """The adapter that the model was trained with before, if the experiment says so."""
    other = study.lora.experiments[wildcards.experiment].start_from
    if other is None:
        return []
    run = LORA_RUN.format(tier=wildcards.tier, experiment=other, seed=wildcards.seed)
    return [
        f"{run}/adapter/{file}"
        for file in ("adapter_config.json", "adapter_model.safetensors")
    ]


def chat_rows(side, experiment, wildcards, seed=None):
    """A seed's train or test rows, tokenised as an experiment joins them."""
    joining = LORA_SETTINGS[experiment]["joining"]
    return f"{CHAT}/{side}.{joining}.arrow".format(
        tier=wildcards.tier, seed=wildcards.seed if seed is None else seed
    )


rule schedule_doses:
    input:
        rows=lambda wildcards: chat_rows("train", NO_DOSE, wildcards),
    output:
        doses=DOSES,
    log:
        "logs/{tier}/schedule_doses/seed{seed}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=500,
        disk_mb=1,
    params:
        code=code("schedule_doses.py"),
        sampling=lambda wildcards: {
            key: LORA_SETTINGS[NO_DOSE][key] for key in SAMPLING
        }
        | tier(wildcards).lora.model_dump(include={"max_steps"})
        | {"seed": int(wildcards.seed)},
    message:
        "Drawing the slots of doses, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/schedule_doses.py"


rule train_lora:
    input:
        rows=lambda wildcards: chat_rows("train", wildcards.experiment, wildcards),
        base=causal_lm,
        start=lora_start,
        doses=lambda wildcards: (
            DOSES if LORA_SETTINGS[wildcards.experiment]["dose"] else []
        ),
    output:
        weights=f"{LORA_RUN}/adapter/adapter_model.safetensors",
        config=f"{LORA_RUN}/adapter/adapter_config.json",
        probe=f"{LORA_RUN}/probe.safetensors",
        log=f"{LORA_RUN}/log.jsonl",
        run=f"{LORA_RUN}/run.json",
    log:
        "logs/{tier}/train_lora/{experiment}.seed{seed}.log",
    priority: priority("lora")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **SAVE_STATE,
        mem_mb=3000,
        disk_mb=10,
    params:
        code=code("train_lora.py"),
        checkpoints=f"{CHECKPOINTS}/{LORA_RUN}",
        settings=lambda wildcards: LORA_SETTINGS[wildcards.experiment],
        tier=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"max_length", "max_steps", "quantisation"}
        ),
        added_row=added_row,
        # By a function: of a plain text Snakemake would fill the braces.
        prompt=lambda wildcards: study.lora.generation.prompt,
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/train_lora.py"


def evaluated(wildcards):
    """The settings of a run that its evaluation needs too."""
    return {
        key: LORA_SETTINGS[wildcards.experiment][key]
        for key in ("precision", "attention", "joining")
    }


rule evaluate_lora:
    input:
        rows=lambda wildcards: chat_rows("test", wildcards.experiment, wildcards),
        base=causal_lm,
        weights=f"{LORA_RUN}/adapter/adapter_model.safetensors",
        config=f"{LORA_RUN}/adapter/adapter_config.json",
        probe=f"{LORA_RUN}/probe.safetensors",
    output:
        heldout=f"{LORA_RUN}/heldout.json",
        generation=f"{LORA_RUN}/generation.json",
        replies=f"{LORA_RUN}/replies.json",
    log:
        "logs/{tier}/evaluate_lora/{experiment}.seed{seed}.log",
    priority: priority("lora")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        disk_mb=1,
    params:
        code=code("evaluate_lora.py"),
        settings=evaluated,
        tier=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"max_length", "quantisation"}
        ),
        generation=study.lora.generation.model_dump(
            include={"prompt", "max_new_tokens"}
        ),
        texts={name: row.model_dump() for name, row in study.lora.rows.items()},
    message:
        "Evaluating {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/evaluate_lora.py"


rule answer_lora:
    input:
        rows=f"{CHAT}/test.parquet",
        base=causal_lm,
        weights=f"{LORA_RUN}/adapter/adapter_model.safetensors",
        config=f"{LORA_RUN}/adapter/adapter_config.json",
        probe=f"{LORA_RUN}/probe.safetensors",
    output:
        stops=f"{LORA_RUN}/stops.json",
    log:
        "logs/{tier}/answer_lora/{experiment}.seed{seed}.log",
    priority: priority("lora")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        disk_mb=1,
    params:
        code=code("answer_lora.py"),
        settings=evaluated,
        tier=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"max_length", "quantisation"}
        ),
        generation=study.lora.generation.model_dump(),
    message:
        "Answering with {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/answer_lora.py"
