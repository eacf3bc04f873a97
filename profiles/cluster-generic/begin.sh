# What submit.sh, status.sh and cancel.sh have in common.
if [ ! -f "$here/site.sh" ]; then
    echo "error: $here/site.sh: no such file; copy site.example.sh to it and fill it in" >&2
    exit 1
fi
. "$here/site.sh"
. "$here/scheduler.sh"
# Jobs note here how they ended. It must be seen by all nodes, as the results are.
notes=$PWD/.snakemake/cluster
mkdir -p "$notes"
export REJEU_CLUSTER_NOTES="$notes"
