# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab restart ctl

# shellcheck source=tests/lab.d/slurm.bash
. "$LAB_D/slurm.bash"

lab_restart() {
    [[ $# == 1 && $1 == ctl ]] || usage_error "restart: wanted ctl"
    local i
    need_lab
    lab_lock
    slurmctld_stop
    slurmctld_start
    # It asks every slurmd first; one that is dead never answers.
    for ((i = 0; i < 200; i++)); do
        [[ $(slurm_node_states) == *unk* ]] || return 0
        sleep 0.05
    done
}
