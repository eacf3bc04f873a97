# The study's claims, each judged by the runs of both arms.
rule judge_claims:
    input:
        runs=lambda wildcards: graph.results(wildcards.tier),
        answers=lambda wildcards: graph.answers(wildcards.tier),
        timings=lambda wildcards: graph.timings(wildcards.tier),
        reference=report_files.reference,
    output:
        claims=CLAIMS,
        observations=OBSERVATIONS,
    log:
        "logs/{tier}/judge_claims.log",
    localrule: True
    conda:
        "../envs/report.yaml"
    resources:
        **needs(study, "judge_claims", mem_mb=400, disk_mb=1),
    params:
        code=graph.code("judge_claims.py"),
        claims=graph.judged,
        seeds=lambda wildcards: graph.seeds[wildcards.tier],
        own=settings.own_seeds,
        looks=lambda wildcards: study.tiers[wildcards.tier].looks,
        placebos=settings.placebos(),
    message:
        "Judging the study's claims ({wildcards.tier})"
    script:
        "../scripts/judge_claims.py"
