# Rejeu: a report rebuilt from raw data. Data flows down the list of includes.
from snakemake.utils import min_version

min_version("9.0")


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/classifier.smk"
include: "rules/lora.smk"
include: "rules/timing.smk"
include: "rules/claims.smk"
include: "rules/report.smk"
include: "rules/first.smk"


onstart:
    refuse_raw_data(workflow)
    refuse_report(workflow)
    announce(workflow)
    snakemake_run.start_jobs_freely(workflow)


onsuccess:
    records.settle(study.tiers)


onerror:
    records.settle(study.tiers)


rule claims:
    input:
        f"results/{study.tier}/claims.json",
    message:
        "The claims are judged ({study.tier})"


rule all:
    default_target: True
    input:
        "report.pdf",
        # What was lost is made again, though the report is there.
        whole(study.tier),
        # A first one, as soon as the document's own experiments are there.
        first_reports(study.tier),
    message:
        "All is there, report.pdf too ({study.tier})"


if workflow.is_main_process:
    before_planning(workflow)
