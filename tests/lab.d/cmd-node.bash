# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab node: faults of a node

for part in room host power slurm product k8s; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_node() {
    (($# == 2)) || usage_error "node: wanted a node and what to do to it"
    need_lab
    need_host "$1"
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    case $1 in
    k*)
        lab_lock
        k8s_node "$1" "$2"
        return
        ;;
    esac
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
    product_paths
    host_halt "$1"
    host_boot "$1"
    munge_start "$1"
    slurmd_start "$1"
    agent_start "$1"
}

# A node of Kubernetes, or its control plane.
k8s_node() {
    local host=$1 name=${2#*-} have
    have=$(k8s_daemons "$host")
    if [[ $2 == reboot ]]; then
        product_paths
        host_halt "$host"
        host_boot "$host"
        for name in $have; do k8s_start "$host" "$name"; done
        return
    fi
    [[ $2 == *-* && " ${have//$'\n'/ } " == *" $name "* ]] || usage_error "node: $host: unknown '$2': wanted reboot, or kill-, start-, freeze- or thaw- and one of ${have//$'\n'/ }"
    k8s_command "$host" "$name"
    case $2 in
    kill-*) signal_all "$host" KILL "$(k8s_process)" ;;
    start-*)
        ! k8s_runs "$host" || die "$host: $name runs already"
        k8s_start "$host" "$name"
        ;;
    freeze-*) k8s_signal "$host" STOP ;;
    thaw-*) k8s_signal "$host" CONT ;;
    *) usage_error "node: unknown '$2'" ;;
    esac
}

k8s_signal() { host_do "$1" pkill "-$2" -x "$(k8s_process)" </dev/null || die "$1: no $(k8s_process) runs"; }
