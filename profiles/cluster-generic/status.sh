#!/bin/sh
# Print what has become of a job: running, success or failed.
#
# How a job ended is what it noted itself (job.sh): accounting may lag, or be switched off. A job that
# the scheduler no longer knows and that noted nothing was deleted, or lost its node. Its note may take
# a moment to be seen from here, so a job fails only when it was first missed some seconds ago.
set -eu
trap '' INT # Ctrl-C is Snakemake's
here=$(dirname "$0")
. "$here/begin.sh"
job=$1 patience=10 # seconds

noted() {
    [ -f "$notes/$job.exit" ] || return 1
    if [ "$(cat "$notes/$job.exit")" = 0 ]; then echo success; else echo failed; fi
}

noted && exit
found=$(state "$job") || found=known # ask again later: nobody answers now
case $found in
known)
    rm -f "$notes/$job.missed"
    echo running
    ;;
error)
    cancel "$job" >&2
    echo "job $job can't start, says the scheduler; it was deleted" >&2
    echo deleted > "$notes/$job.exit"
    echo failed
    ;;
gone)
    now=$(date +%s)
    [ -f "$notes/$job.missed" ] || echo "$now" > "$notes/$job.missed"
    ls "$notes" > /dev/null # so that a network file system looks again
    if noted; then
        :
    elif [ $((now - $(cat "$notes/$job.missed"))) -lt "$patience" ]; then
        echo running
    else
        echo failed
    fi
    ;;
esac
