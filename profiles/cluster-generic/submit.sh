#!/bin/sh
# Submit a job and print its number, alone: Snakemake remembers it.
# Usage: submit.sh THREADS MEM_MB MINUTES GPUS SCRIPT
set -eu
here=$(dirname "$0")
. "$here/begin.sh"

script=$5
job=$(submit "$(basename "$script" .sh)" "$1" "$2" "$3" "$4" "$notes/\$JOB_ID.log" "$script")
# A scheduler that was set up anew gives numbers again that others had.
if [ -f "$notes/$job.exit" ] && [ "$script" -nt "$notes/$job.exit" ]; then
    rm "$notes/$job.exit"
fi
sed -n 's/^# properties = //p' "$script" > "$notes/$job.json" # what the job is to make
echo "$job"
