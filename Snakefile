# Rejeu: a report rebuilt from raw data. What happens, in which order, is in rules/workflow.smk.
from snakemake.utils import min_version

min_version("9.27")


include: "rules/workflow.smk"


snakemake_run.build_by_default(workflow, "all")
