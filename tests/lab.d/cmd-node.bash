# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab node: faults of a node

for part in room host power slurm product; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_node() {
    (($# == 2)) || usage_error "node: wanted a node and what to do to it"
    need_lab
    need_host "$1"
    host_is_node "$1" || usage_error "node: '$1' is no node"
    case $2 in
    kill-stepd) signal_all "$1" KILL slurmstepd ;;
    kill-slurmd) signal_all "$1" KILL slurmd ;;
    start-slurmd)
        ! host_do "$1" pgrep -x slurmd >/dev/null || die "$1: slurmd runs already"
        slurmd_start "$1"
        ;;
    reboot) node_reboot "$1" ;;
    *) usage_error "node: unknown '$2': wanted kill-stepd, kill-slurmd, start-slurmd or reboot" ;;
    esac
}

# Having nothing to kill is no error: the state asked for is there.
signal_all() {
    local pids=() i
    mapfile -t pids < <(host_do "$1" pgrep -x "$3")
    ((${#pids[@]})) || return 0
    host_do "$1" kill "-$2" "${pids[@]}" 2>/dev/null || true
    # Until they are gone: what the caller looks at next must not be their last moments.
    for ((i = 0; i < 500; i++)); do
        host_do "$1" sh -c 'for p; do [ ! -e "/proc/$p" ] || grep -q "^State:.Z" "/proc/$p/status" || exit 1; done' - "${pids[@]}" 2>/dev/null && return
        sleep 0.01
    done
    die "$1: $3 does not end"
}

node_reboot() {
    lab_lock
    # shellcheck source=/dev/null
    . "$LAB_STATE/options"
    product_paths
    host_halt "$1"
    host_boot "$1"
    munge_start "$1"
    slurmd_start "$1"
    agent_start "$1"
}
