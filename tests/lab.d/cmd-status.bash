# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab status

lab_status() {
    (($# == 0)) || usage_error "status: unexpected '$1'"
    need_root
    local h
    printf 'lab %s\nowner %s\n' "$LAB_NAME" "$(lab_owner)"
    lab_find || {
        echo "down"
        return 1
    }
    tr ' ' '\n' <"$LAB_STATE/options"
    for h in "$LAB_STATE"/hosts/*; do
        printf 'host %s %s\n' "${h##*/}" "$(host_pid "${h##*/}" >/dev/null && echo up || echo down)"
    done
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    ((LAB_NODES == 0)) || host_do ctl sinfo -h -N -o 'node %N %T %E' </dev/null 2>&1 || true
    [[ -z ${LAB_K8S-} ]] || kubectl_do get nodes --no-headers </dev/null 2>&1 | awk '{ print "node", $1, $2 }' || true
}
