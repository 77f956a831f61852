# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab restart ctl

# shellcheck source=tests/lab.d/slurm.bash
. "$LAB_D/slurm.bash"

lab_restart() {
    [[ $# == 1 && $1 == ctl ]] || usage_error "restart: wanted ctl"
    need_lab
    lab_lock
    slurmctld_stop
    slurmctld_start
}
