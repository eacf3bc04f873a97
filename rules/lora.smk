# Part 2: one adapter per experiment and seed, its held-out loss, what it says.
LORA_RUN = "results/{tier}/lora/{experiment}/seed{seed}"
LORA_SETTINGS = {
    name: settings.model_dump(exclude={"title", "add_row"})
    for name, settings in study.lora.experiments.items()
}


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


rule train_lora:
    input:
        rows="results/{tier}/data/chat/train.arrow",
        base=causal_lm,
        start=lora_start,
    output:
        weights=f"{LORA_RUN}/adapter/adapter_model.safetensors",
        config=f"{LORA_RUN}/adapter/adapter_config.json",
        probe=f"{LORA_RUN}/probe.safetensors",
        log=f"{LORA_RUN}/log.jsonl",
        run=f"{LORA_RUN}/run.json",
    log:
        "logs/{tier}/train_lora/{experiment}.seed{seed}.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        disk_mb=10,
    params:
        code=code("train_lora.py"),
        settings=lambda wildcards: LORA_SETTINGS[wildcards.experiment],
        tier=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"max_length", "max_steps", "quantisation"}
        ),
        added_row=added_row,
        prompt=study.lora.generation.prompt,
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/train_lora.py"


rule evaluate_lora:
    input:
        rows="results/{tier}/data/chat/test.arrow",
        base=causal_lm,
        weights=f"{LORA_RUN}/adapter/adapter_model.safetensors",
        config=f"{LORA_RUN}/adapter/adapter_config.json",
        probe=f"{LORA_RUN}/probe.safetensors",
    output:
        heldout=f"{LORA_RUN}/heldout.json",
        generation=f"{LORA_RUN}/generation.json",
    log:
        "logs/{tier}/evaluate_lora/{experiment}.seed{seed}.log",
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=2500,
        disk_mb=1,
    params:
        code=code("evaluate_lora.py"),
        settings=lambda wildcards: {
            key: LORA_SETTINGS[wildcards.experiment][key]
            for key in ("precision", "attention")
        },
        quantisation=lambda wildcards: tier(wildcards).lora.quantisation,
        generation=study.lora.generation.model_dump(),
    message:
        "Evaluating {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/evaluate_lora.py"
