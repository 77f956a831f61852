# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A job under a cap has every slurmstepd on its node killed; wattle-agent runs there. Timed on the node.

bench() {
    local n i program before=()
    n=$(repeats 20 2)
    program=$(compile restore_wait.c)
    lab_up bench-restore --nodes 1
    lab bench-restore on n1 -- sh -c 'cat >/root/restore_wait && chmod +x /root/restore_wait' <"$program"
    mapfile -t before < <(limits)
    for ((i = 0; i < n; i++)); do
        lab bench-restore run --user alice -- sbatch -N1 --no-requeue --power-cap=200W -o /dev/null --wrap 'srun sleep 60' \
            </dev/null >/dev/null
        wait_until "the cap on n1" capped "${before[@]}"
        lab bench-restore on n1 -- /root/restore_wait "${before[@]}" </dev/null
        lab bench-restore run --user alice -- scancel -u alice </dev/null
        # slurmctld needs to see that the job is lost before the next fits.
        lab bench-restore on ctl -- sh -c 'squeue -h -o %i | xargs -r scancel; scontrol update nodename=n1 state=resume 2>/dev/null || true' </dev/null
        wait_until "the queue to empty" empty
    done | figure restore_after_kill ms le 100 "SIGKILL of a job's last process to every limit back, with wattle-agent"
}

limits() {
    # shellcheck disable=SC2016
    lab bench-restore on n1 -- sh -c 'for f in /sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw; do
        echo "$f=$(cat "$f")"; done' </dev/null
}
# All of them, or restore_wait would find one that has nothing to be restored.
capped() {
    local now
    now=$(limits)
    for limit; do [[ $now != *"$limit"* ]] || return 1; done
}
empty() { [[ -z $(lab bench-restore on ctl -- squeue -h </dev/null) ]]; }
wait_until() {
    local i what=$1
    shift
    for ((i = 0; i < 600; i++)); do
        "$@" && return
        sleep 0.1
    done
    note "waited a minute for $what"
    return 1
}
