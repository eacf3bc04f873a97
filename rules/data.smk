# Raw inputs, models as safetensors, and data: cleaned, split, tokenised.
from typing import get_args

from rejeu.study.parts import Joining


rule fetch:
    output:
        # Other copies of the project may share the cache: what they use must not vanish.
        source=update(f"{INPUTS}/{{input}}/source.json"),
    log:
        "logs/fetch/{input}.log",
    priority: PREPARATION
    localrule: True
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "fetch", mem_mb=300, disk_mb=300),
    params:
        code=graph.code("fetch.py"),
        spec=lambda wildcards: settings.of_input(wildcards.input),
        # So that a corrected file is fetched again, and one only touched is not.
        own=lambda wildcards: unpinned(**settings.of_input(wildcards.input)),
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
        # What a converted tokenizer must cut as the original does.
        texts=graph.texts_to_cut,
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
        **needs(study, "prepare_model", mem_mb=2500, disk_mb=700),
    params:
        code=graph.code("prepare_model.py"),
        kind=lambda wildcards: study.models[wildcards.model].kind,
        format=lambda wildcards: study.models[wildcards.model].format,
        sha256=lambda wildcards: settings.of_input(
            study.models[wildcards.model].input
        )["files"],
    message:
        "Preparing {wildcards.model}"
    script:
        "../scripts/prepare_model.py"


rule clean_texts:
    input:
        source=graph.raw_input,
    output:
        clean=f"{ALL_SEEDS}/clean.parquet",
        counts=f"{ALL_SEEDS}/clean.json",
    log:
        "logs/{tier}/clean_texts/{data}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("classifier")),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "clean_texts", mem_mb=1000, disk_mb=50),
    params:
        code=graph.code("clean_texts.py"),
        data=settings.of_tier("text", "label", "labels", "where", "cleaning"),
    message:
        "Cleaning the texts of {wildcards.data} ({wildcards.tier})"
    script:
        "../scripts/clean_texts.py"


rule split_texts:
    input:
        clean=f"{ALL_SEEDS}/clean.parquet",
        counts=f"{ALL_SEEDS}/clean.json",
    output:
        train=f"{DATA}/train.parquet",
        test=f"{DATA}/test.parquet",
        stats=f"{DATA}/stats.json",
    log:
        "logs/{tier}/split_texts/{data}.seed{seed}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("classifier")),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "split_texts", mem_mb=1000, disk_mb=20),
    params:
        code=graph.code("split_texts.py"),
        sizes=settings.of_tier("train_rows", "test_rows"),
        seed=lambda wildcards: int(wildcards.seed),
    message:
        "Splitting the texts of {wildcards.data}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/split_texts.py"


rule tokenise_texts:
    input:
        train=f"{DATA}/train.parquet",
        test=f"{DATA}/test.parquet",
        model=graph.pretrained,
    output:
        train=f"{DATA}/train.arrow",
        test=f"{DATA}/test.arrow",
    log:
        "logs/{tier}/tokenise_texts/{data}.seed{seed}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("classifier")),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "tokenise_texts", mem_mb=1000, disk_mb=20),
    params:
        code=graph.code("tokenise_texts.py"),
        max_length=lambda wildcards: graph.in_tier(wildcards).max_length,
    message:
        "Tokenising the texts of {wildcards.data}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/tokenise_texts.py"


rule pair_messages:
    input:
        source=graph.raw_input,
    output:
        pairs=f"{ALL_SEEDS}/pairs.parquet",
    log:
        "logs/{tier}/pair_messages/{data}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("lora")),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "pair_messages", mem_mb=1500, disk_mb=20),
    params:
        code=graph.code("pair_messages.py"),
        words=lambda wildcards: graph.in_tier(wildcards).words,
    message:
        "Pairing the messages of {wildcards.data} ({wildcards.tier})"
    script:
        "../scripts/pair_messages.py"


rule split_pairs:
    input:
        pairs=f"{ALL_SEEDS}/pairs.parquet",
    output:
        train=f"{DATA}/train.parquet",
        test=f"{DATA}/test.parquet",
        stats=f"{DATA}/stats.json",
    log:
        "logs/{tier}/split_pairs/{data}.seed{seed}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("lora")),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "split_pairs", mem_mb=1000, disk_mb=10),
    params:
        code=graph.code("split_pairs.py"),
        sizes=settings.of_tier("train_rows", "heldout_rows"),
        seed=lambda wildcards: int(wildcards.seed),
    message:
        "Splitting the conversations of {wildcards.data}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/split_pairs.py"


rule tokenise_pairs:
    input:
        train=f"{DATA}/train.parquet",
        test=f"{DATA}/test.parquet",
        model=graph.pretrained,
    output:
        train=f"{DATA}/train.{{joining}}.arrow",
        test=f"{DATA}/test.{{joining}}.arrow",
    log:
        "logs/{tier}/tokenise_pairs/{data}.{joining}.seed{seed}.log",
    wildcard_constraints:
        data=one_of(graph.data_folders("lora")),
        joining=one_of(get_args(Joining)),
    priority: PREPARATION
    conda:
        "../envs/data.yaml"
    resources:
        **needs(study, "tokenise_pairs", mem_mb=1000, disk_mb=10),
    params:
        code=graph.code("tokenise_pairs.py"),
        max_length=lambda wildcards: graph.in_tier(wildcards).max_length,
    message:
        "Tokenising {wildcards.data}, {wildcards.joining}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/tokenise_pairs.py"
