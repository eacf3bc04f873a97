#!/bin/sh
# properties = {properties}
#
# Snakemake fills in this line and the command below; every other brace stands twice.
job=${{JOB_ID:-${{PBS_JOBID:-${{LSB_JOBID:-}}}}}} # Grid Engine, PBS, LSF
note="${{REJEU_CLUSTER_NOTES:-$PWD/.snakemake/cluster}}/$job.exit"

# Asked to end (its time is nearly up, it will be deleted, it makes room for another): the whole job
# gets SIGTERM, on which training saves its state. Its processes ignore the other signals.
stop() {{
    trap '' TERM
    kill -TERM 0
}}
trap '' USR1 USR2 XCPU
(
    trap : TERM # waits for what it runs, which takes the signal as it likes
    {exec_job}
) &
command=$!
trap stop USR1 USR2 XCPU TERM INT

# A signal ends `wait` too.
wait "$command"
code=$?
while kill -0 "$command" 2> /dev/null; do
    wait "$command"
    code=$?
done

# Renamed, so that it is there whole or not at all.
echo "$code" > "$note.new"
mv "$note.new" "$note"
exit "$code"
