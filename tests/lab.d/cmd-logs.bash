# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab logs

lab_logs() {
    (($# == 1 || $# == 2)) || usage_error "logs: wanted a host, and at most one file of its /var/log/slurm"
    need_lab
    need_host "$1"
    local logs=$LAB_STATE/hosts/$1/upper/var/log/slurm
    if [[ -n ${2-} ]]; then
        [[ -f $logs/${2##*/} ]] || die "$1 has no log '$2': it has $(cd "$logs" && echo *)"
        cat "$logs/${2##*/}"
    else
        tail -n +1 "$logs"/*.log
    fi
}
