# The whole workflow. Data flows down the list of includes. Studies elsewhere take it by `module:`, from
# the Snakefile beside this folder or, of a repository at a tag, from this file.
report: "captions/workflow.rst"


include: "common.smk"
include: "data.smk"
include: "classifier.smk"
include: "lora.smk"
include: "command.smk"
include: "timing.smk"
include: "claims.smk"
include: "cards.smk"
include: "report.smk"
include: "first.smk"


from rejeu.clusters import generic, kubernetes

snakemake_run.around_build(
    workflow,
    lambda workflow: before_jobs(workflow, graph),
    lambda: records.settle(study.tiers),
)


rule claims:
    input:
        f"results/{study.tier}/claims.json",
    localrule: True
    message:
        f"The claims are judged ({study.tier})"


rule all:
    default_target: True
    input:
        "report.pdf",
        # What was lost is made again, though the report is there.
        report_files.whole(study.tier),
        CARDS.format(tier=study.tier),
        # A first one, as soon as the report's own experiments are there.
        report_files.first_reports(study.tier),
    localrule: True
    message:
        f"All is there, report.pdf too ({study.tier})"


if workflow.is_main_process:
    kubernetes.share_folder(workflow)
    before_planning(workflow, report_files)
else:
    generic.leave_marks()
