# Rejeu: a report rebuilt from raw data. Data flows down the list of includes.
from snakemake.utils import min_version

min_version("9.0")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/sentiment.smk"
include: "rules/lora.smk"
include: "rules/timing.smk"
include: "rules/claims.smk"
include: "rules/report.smk"


mark_stale(workflow)


onstart:
    refuse_own_data(workflow)
    announce(workflow)


rule claims:
    input:
        f"results/{study.tier}/claims.json",


rule all:
    default_target: True
    input:
        "report.pdf",
        expand(
            "results/{tier}/report/report.{language}.html",
            tier=study.tier,
            language=LANGUAGES,
        ),
        # A rerun that was killed leaves its results out and all that follows in place.
        results=every_result(study.tier),
