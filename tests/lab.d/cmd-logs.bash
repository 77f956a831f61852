# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab logs

lab_logs() {
    (($# == 1 || $# == 2)) || usage_error "logs: wanted a host, and at most one file of its /var/log/slurm or /var/log/kubernetes"
    need_lab
    need_host "$1"
    local file logs=() log=$LAB_STATE/hosts/$1/upper/var/log
    for file in "$log"/slurm/*.log "$log"/kubernetes/*.log; do
        [[ ! -f $file ]] || logs+=("$file")
    done
    ((${#logs[@]})) || die "$1 has no log"
    if [[ -n ${2-} ]]; then
        for file in "${logs[@]}"; do
            [[ ${file##*/} != "${2##*/}" ]] || exec cat "$file"
        done
        die "$1 has no log '$2': it has ${logs[*]##*/}"
    fi
    tail -n +1 "${logs[@]}"
}
