# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For every test on a cluster: its users, and waiting for what is to come.

as() { lab run --user "$1" -- "${@:2}"; }

# until_true SECONDS CMD…: CMD is tried several times at least, as slow as the machine may be; and ten seconds or more are
# no requirement but somebody's guess of what is long enough, which is two minutes.
until_true() {
    local limit=$1 deadline tries=5
    ((limit < 10 || limit > 120)) || limit=120
    deadline=$((${EPOCHREALTIME/./} + limit * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        ((--tries > 0 || ${EPOCHREALTIME/./} < deadline)) || {
            { echo "not within time: $*" && lab trouble; } >&2 || true
            return 1
        }
        sleep 0.02
    done
}

# Not if slurmctld does not answer.
no_jobs() {
    local jobs
    jobs=$(lab on ctl -- squeue -h) && [[ -z $jobs ]]
}
wait_idle() { until_true 120 no_jobs; }
job_gone() {
    local job
    if job=$(lab on ctl -- squeue -h -j "$1" 2>&1); then [[ -z $job ]]; else [[ $job == *'Invalid job id'* ]]; fi
}
job_is() { [[ $(lab on ctl -- squeue -h -j "$1" -o %T) == "$2" ]]; }
node_is() { [[ $(lab on ctl -- sinfo -h -n "$1" -o %T) == "$2" ]]; }

# A batch job's slurmstepds on a node: extern, and one more.
stepds() { lab on "$1" -- pgrep -x slurmstepd; }
has_stepds() { [[ $(stepds "$1" | wc -l) -ge $2 ]]; }
