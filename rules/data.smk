# Raw inputs, models as safetensors, and data: cleaned, split, tokenised.
from typing import get_args

from rejeu.study.configuration import Joining
from rejeu.data.sources import unpinned

# Each seed draws its own split, the same for all experiments of that seed.
REVIEWS = "results/{tier}/data/sentiment/seed{seed}"
CHAT = "results/{tier}/data/chat/seed{seed}"


def input_spec(name):
    return study.inputs[name].model_dump(mode="json", exclude={"licence"})


def refuse_raw_data(workflow):
    """Check the data that jobs will read, before Snakemake deletes anything for them."""
    reading = {
        **dict.fromkeys(("clean_texts", "split_texts"), "sentiment"),
        **dict.fromkeys(("pair_messages", "split_pairs"), "lora"),
    }
    waiting = {
        (reading[job.rule.name], job.wildcards.tier)
        for job in workflow.dag.needrun_jobs()
        if job.rule.name in reading
    }
    for part, name in sorted(waiting):
        settings = getattr(study.tiers[name], part)
        try:
            # Here, since pandas is slow to load, and with conda only the jobs may have it.
            from rejeu.data import raw_data
        except ImportError:
            return
        try:
            raw_data.check(
                settings.input,
                input_spec(settings.input),
                part,
                settings.model_dump(),
                sorted({seed for own in SEEDS[name][part].values() for seed in own}),
                Path(INPUTS, settings.input),
            )
        except RejeuError as error:
            refuse(error)


rule fetch:
    output:
        # Other copies of the project may share the cache: what they use must not vanish.
        source=update(f"{INPUTS}/{{input}}/source.json"),
    log:
        "logs/fetch/{input}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=300,
        disk_mb=300,
    params:
        code=code("fetch.py"),
        spec=lambda wildcards: input_spec(wildcards.input),
        # So that a corrected file is fetched again, and one only touched is not.
        own=lambda wildcards: unpinned(**input_spec(wildcards.input)),
    message:
        "Fetching {wildcards.input}"
    script:
        "../scripts/fetch.py"


rule prepare_model:
    input:
        source=lambda wildcards: source(study.models[wildcards.model].input),
        tokenizer=lambda wildcards: source(
            study.models[wildcards.model].tokenizer
            or study.models[wildcards.model].input
        ),
    output:
        config=update(f"{MODELS}/{{model}}/config.json"),
        weights=update(f"{MODELS}/{{model}}/model.safetensors"),
        tokenizer=update(f"{MODELS}/{{model}}/tokenizer.json"),
        tokenizer_config=update(f"{MODELS}/{{model}}/tokenizer_config.json"),
    log:
        "logs/prepare_model/{model}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=2500,
        disk_mb=700,
    params:
        code=code("prepare_model.py"),
        kind=lambda wildcards: study.models[wildcards.model].kind,
        format=lambda wildcards: study.models[wildcards.model].format,
    message:
        "Preparing {wildcards.model}"
    script:
        "../scripts/prepare_model.py"


rule clean_texts:
    input:
        source=lambda wildcards: source(tier(wildcards).sentiment.input),
    output:
        clean="results/{tier}/data/sentiment/clean.parquet",
        counts="results/{tier}/data/sentiment/clean.json",
    log:
        "logs/{tier}/clean_texts.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        disk_mb=50,
    params:
        code=code("clean_texts.py"),
        data=lambda wildcards: tier(wildcards).sentiment.model_dump(
            include={"text", "label", "labels", "where", "cleaning"}
        ),
    message:
        "Cleaning reviews ({wildcards.tier})"
    script:
        "../scripts/clean_texts.py"


rule split_texts:
    input:
        clean="results/{tier}/data/sentiment/clean.parquet",
        counts="results/{tier}/data/sentiment/clean.json",
    output:
        train=f"{REVIEWS}/train.parquet",
        test=f"{REVIEWS}/test.parquet",
        stats=f"{REVIEWS}/stats.json",
    log:
        "logs/{tier}/split_texts/seed{seed}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        disk_mb=20,
    params:
        code=code("split_texts.py"),
        sizes=lambda wildcards: tier(wildcards).sentiment.model_dump(
            include={"train_rows", "test_rows"}
        ),
        seed=lambda wildcards: int(wildcards.seed),
    message:
        "Splitting reviews, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/split_texts.py"


rule tokenise_texts:
    input:
        train=f"{REVIEWS}/train.parquet",
        test=f"{REVIEWS}/test.parquet",
        model=encoder,
    output:
        train=f"{REVIEWS}/train.arrow",
        test=f"{REVIEWS}/test.arrow",
    log:
        "logs/{tier}/tokenise_texts/seed{seed}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        disk_mb=20,
    params:
        code=code("tokenise_texts.py"),
        max_length=lambda wildcards: tier(wildcards).sentiment.max_length,
    message:
        "Tokenising reviews, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/tokenise_texts.py"


rule pair_messages:
    input:
        source=lambda wildcards: source(tier(wildcards).lora.input),
    output:
        pairs="results/{tier}/data/chat/pairs.parquet",
    log:
        "logs/{tier}/pair_messages.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1500,
        disk_mb=20,
    params:
        code=code("pair_messages.py"),
        words=lambda wildcards: tier(wildcards).lora.words,
    message:
        "Pairing turns of conversations ({wildcards.tier})"
    script:
        "../scripts/pair_messages.py"


rule split_pairs:
    input:
        pairs="results/{tier}/data/chat/pairs.parquet",
    output:
        train=f"{CHAT}/train.parquet",
        test=f"{CHAT}/test.parquet",
        stats=f"{CHAT}/stats.json",
    log:
        "logs/{tier}/split_pairs/seed{seed}.log",
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        disk_mb=10,
    params:
        code=code("split_pairs.py"),
        sizes=lambda wildcards: tier(wildcards).lora.model_dump(
            include={"train_rows", "heldout_rows"}
        ),
        seed=lambda wildcards: int(wildcards.seed),
    message:
        "Splitting conversations, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/split_pairs.py"


rule tokenise_pairs:
    input:
        train=f"{CHAT}/train.parquet",
        test=f"{CHAT}/test.parquet",
        model=causal_lm,
    output:
        train=f"{CHAT}/train.{{joining}}.arrow",
        test=f"{CHAT}/test.{{joining}}.arrow",
    log:
        "logs/{tier}/tokenise_pairs/{joining}.seed{seed}.log",
    wildcard_constraints:
        joining="|".join(get_args(Joining)),
    priority: PREPARATION
    conda:
        "../envs/train.yaml"
    resources:
        mem_mb=1000,
        disk_mb=10,
    params:
        code=code("tokenise_pairs.py"),
        max_length=lambda wildcards: tier(wildcards).lora.max_length,
    message:
        "Tokenising conversations, {wildcards.joining}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/tokenise_pairs.py"
