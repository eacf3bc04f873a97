# Parts of kind classifier: one run per experiment and seed, its predictions, its metrics.
rule train_classifier:
    input:
        rows=graph.rows("train"),
        start=graph.classifier_start,
    output:
        weights=f"{RUN}/model/model.safetensors",
        config=f"{RUN}/model/config.json",
        log=f"{RUN}/log.jsonl",
        run=f"{RUN}/run.json",
    log:
        "logs/{tier}/train_classifier/{part}.{experiment}.seed{seed}.log",
    benchmark:
        "results/{tier}/benchmark/train_classifier/{part}.{experiment}.seed{seed}.tsv"
    wildcard_constraints:
        part=one_of(study.of_kind("classifier")),
    priority: graph.priority
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **SAVE_STATE,
        **needs(study, "train_classifier", mem_mb=3000, disk_mb=100, gpu=True),
    params:
        code=graph.code("train_classifier.py"),
        checkpoints=f"{CHECKPOINTS}/{RUN}",
        settings=settings.of_run,
        classes=lambda wildcards: len(settings.classes(wildcards)),
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/train_classifier.py"


rule predict_classifier:
    input:
        rows=graph.rows("test"),
        examples=graph.data_of("test.parquet"),
        weights=f"{RUN}/model/model.safetensors",
        config=f"{RUN}/model/config.json",
    output:
        predictions=f"{RUN}/predictions.parquet",
    log:
        "logs/{tier}/predict_classifier/{part}.{experiment}.seed{seed}.log",
    benchmark:
        "results/{tier}/benchmark/predict_classifier/{part}.{experiment}.seed{seed}.tsv"
    wildcard_constraints:
        part=one_of(study.of_kind("classifier")),
    priority: graph.priority
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **needs(study, "predict_classifier", mem_mb=1500, disk_mb=1, gpu=True),
    params:
        code=graph.code("predict_classifier.py"),
        settings=settings.of_experiment("precision", "attention"),
        classes=lambda wildcards: len(settings.classes(wildcards)),
    message:
        "Predicting with {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/predict_classifier.py"


rule measure_classifier:
    input:
        predictions=f"{RUN}/predictions.parquet",
    output:
        metrics=f"{RUN}/metrics.json",
    log:
        "logs/{tier}/measure_classifier/{part}.{experiment}.seed{seed}.log",
    wildcard_constraints:
        part=one_of(study.of_kind("classifier")),
    priority: graph.priority
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "measure_classifier", mem_mb=300, disk_mb=1),
    params:
        code=graph.code("measure_classifier.py"),
        classes=settings.classes,
    message:
        "Measuring {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/measure_classifier.py"
