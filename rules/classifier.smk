# Part 1: one run per experiment and seed, its predictions, its metrics.
SENTIMENT_RUN = "results/{tier}/sentiment/{experiment}/seed{seed}"
# What a run is for (`arm`, `finding`) doesn't influence it.
SENTIMENT_SETTINGS = {
    name: settings.model_dump(exclude={"title", "arm", "finding", "seeds"})
    for name, settings in study.sentiment.experiments.items()
}


def sentiment_start(wildcards):
    """The weights that a run starts from: the pretrained encoder's, or another run's final ones."""
    other = study.sentiment.experiments[wildcards.experiment].start_from
    if other is None:
        return encoder(wildcards)
    run = SENTIMENT_RUN.format(
        tier=wildcards.tier, experiment=other, seed=wildcards.seed
    )
    return [f"{run}/model/config.json", f"{run}/model/model.safetensors"]


rule train_classifier:
    input:
        rows=f"{REVIEWS}/train.arrow",
        start=sentiment_start,
    output:
        weights=f"{SENTIMENT_RUN}/model/model.safetensors",
        config=f"{SENTIMENT_RUN}/model/config.json",
        log=f"{SENTIMENT_RUN}/log.jsonl",
        run=f"{SENTIMENT_RUN}/run.json",
    log:
        "logs/{tier}/train_classifier/{experiment}.seed{seed}.log",
    priority: priority("sentiment")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        **SAVE_STATE,
        mem_mb=3000,
        disk_mb=100,
    params:
        code=code("train_classifier.py"),
        checkpoints=f"{CHECKPOINTS}/{SENTIMENT_RUN}",
        settings=lambda wildcards: SENTIMENT_SETTINGS[wildcards.experiment],
    message:
        "Training {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/train_classifier.py"


rule predict_classifier:
    input:
        rows=f"{REVIEWS}/test.arrow",
        examples=f"{REVIEWS}/test.parquet",
        weights=f"{SENTIMENT_RUN}/model/model.safetensors",
        config=f"{SENTIMENT_RUN}/model/config.json",
    output:
        predictions=f"{SENTIMENT_RUN}/predictions.parquet",
    log:
        "logs/{tier}/predict_classifier/{experiment}.seed{seed}.log",
    priority: priority("sentiment")
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=1500,
        disk_mb=1,
    params:
        code=code("predict_classifier.py"),
        settings=lambda wildcards: {
            key: SENTIMENT_SETTINGS[wildcards.experiment][key]
            for key in ("precision", "attention")
        },
    message:
        "Predicting with {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/predict_classifier.py"


rule measure_classifier:
    input:
        predictions=f"{SENTIMENT_RUN}/predictions.parquet",
    output:
        metrics=f"{SENTIMENT_RUN}/metrics.json",
    log:
        "logs/{tier}/measure_classifier/{experiment}.seed{seed}.log",
    priority: priority("sentiment")
    conda:
        "../envs/report.yaml"
    resources:
        mem_mb=300,
        disk_mb=1,
    params:
        code=code("measure_classifier.py"),
    message:
        "Measuring {wildcards.experiment}, seed {wildcards.seed} ({wildcards.tier})"
    script:
        "../scripts/measure_classifier.py"
