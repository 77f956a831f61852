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
# Watts of the licence that slurmctld counts as in use.
power_used() { lab on ctl -- scontrol show lic power | sed -n 's/.* Used=\([0-9]*\) .*/\1/p'; }
node_is() { [[ $(lab on ctl -- sinfo -h -n "$1" -o %T) == "$2" ]]; }

# raw_submit_built FOLDER: raw_submit.c is there, of bob's, built for this Slurm.
raw_submit_built() {
    as bob test -x "$1/raw_submit" && return
    as bob sh -c "cat >$1/slurm_compat.h" <"${BASH_SOURCE[0]%/*}/../../jobsubmit/slurm_compat.h"
    as bob sh -c "cat >$1/raw_submit.c && cc -w -o $1/raw_submit $1/raw_submit.c -lslurm" <"${BASH_SOURCE[0]%/*}/raw_submit.c"
}

# Slurm of Debian sid has no PMIx plugin: its PMIx is newer than any that Slurm 26.05 takes. MPI programs are started by mpirun there.
has_pmix() { [[ $(as alice srun --mpi=list 2>&1) == *pmix* ]]; }
# mpi_launch: the words that start a rank on each node of a job, within it. mpirun would bind all to one core, the nodes' first.
mpi_launch() {
    if has_pmix; then echo 'srun --mpi=pmix --ntasks-per-node=1'; else echo 'env PRTE_MCA_bindto=none mpirun --map-by ppr:1:node:oversubscribe'; fi
}
# wattlerun_by: its option for that.
wattlerun_by() { has_pmix || echo '--launcher mpirun'; }
# mpi_run SALLOC-OPTION… -- PROGRAM…: an MPI program of alice's on each node of a job of its own.
mpi_run() {
    local options=() launch
    while [[ $1 != -- ]]; do options+=("$1") && shift; done
    if has_pmix; then
        as alice srun --mpi=pmix --ntasks-per-node=1 "${options[@]}" "${@:2}"
    else
        read -ra launch < <(mpi_launch)
        as alice salloc -Q -K "${options[@]}" --ntasks-per-node=1 "${launch[@]}" "${@:2}"
    fi
}

# A batch job's slurmstepds on a node: extern, and one more.
stepds() { lab on "$1" -- pgrep -x slurmstepd; }
has_stepds() { [[ $(stepds "$1" | wc -l) -ge $2 ]]; }
