# The commands of the scheduler, here Grid Engine's; nothing else in this folder knows them.
# Another scheduler needs these three functions anew: see docs/cluster-generic.md.

# submit NAME THREADS MEM_MB MINUTES GPUS LOG SCRIPT: print the number of the new job.
submit() {
    name=$1 threads=$2 mem_mb=$3 seconds=$(($4 * 60)) gpus=$5 log=$6 script=$7
    # -V: a job finds what the shell finds that Snakemake was started from.
    # -r n: Snakemake alone starts a job again, so that there are never two.
    # -notify: SIGUSR2 comes some seconds before SIGKILL (how many, the queue's `notify` says).
    set -- -terse -cwd -V -b n -S /bin/sh -r n -notify -N "$name" -j y -o "$log"
    if [ -n "$queue" ]; then set -- "$@" -q "$queue"; fi
    if [ "$threads" -gt 1 ]; then set -- "$@" -pe "$parallel_environment" "$threads"; fi
    # All of these are counted per slot.
    if [ -n "$memory" ]; then set -- "$@" -l "$memory=$((mem_mb / threads))M"; fi
    if [ "$gpus" -gt 0 ]; then set -- "$@" -l "$gpu=$((gpus / threads > 0 ? gpus / threads : 1))"; fi
    # After s_rt comes SIGUSR1, after h_rt the end.
    set -- "$@" -l "h_rt=$seconds"
    if [ "$seconds" -gt $((2 * warning_seconds)) ]; then
        set -- "$@" -l "s_rt=$((seconds - warning_seconds))"
    fi
    # shellcheck disable=SC2086  # options are words
    qsub "$@" $options "$script"
}

# state JOB: print `known`, `error` (it will never start) or `gone`; fail where nobody can say.
state() {
    rows=$(qstat -u "$(id -un)" 2> /dev/null) || return 1
    echo "$rows" | awk -v job="$1" '
        $1 == job { answer = $5 ~ /E/ ? "error" : "known" }
        END { print answer ? answer : "gone" }'
}

# cancel JOB...: delete jobs that wait or run.
cancel() {
    qdel "$@"
}
