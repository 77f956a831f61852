# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab fault: power hardware that misbehaves, and an API server that does

# shellcheck source=tests/lab.d/host.bash
. "$LAB_D/host.bash"

lab_fault() {
    (($# >= 2)) || usage_error "fault: wanted a node, and fault lines (OP ZONE FILE KIND …) or clear"
    need_lab
    need_host "$1"
    [[ $1 != kctl ]] || {
        api_fault "${@:2}"
        return
    }
    host_is_node "$1" || usage_error "fault: '$1' has no power hardware"
    local control=$LAB_STATE/hosts/$1/control node=$1
    shift
    # One line: `fault n1 write '*' '*' EACCES`; or several, each an argument of its own.
    if [[ $1 == clear ]]; then
        set --
    elif [[ $1 != *' '* ]]; then
        set -- "$*"
    fi
    # Replaced as a whole, so that powercapfs never reads half a list.
    (($# == 0)) || printf '%s\n' "$@" >"$control/faults.new"
    (($#)) || : >"$control/faults.new"
    mv "$control/faults.new" "$control/faults"
    fault_taken "$control" || die "$node: powercapfs did not take the faults: $(grep '^error' "$control/state" || echo "it does not answer (dead?)")"
}

# What the clients of kctl's port 6443 meet on their way to the API server.
api_fault() {
    if [[ $1 == fired && $# == 1 ]]; then
        host_do kctl "$LAB_D/k8s/faulty-api" --fired </dev/null
        return
    fi
    if [[ $1 == clear ]]; then
        set --
    elif [[ $1 != *' '* ]]; then
        set -- "$*"
    fi
    printf '%s\n' "$@" | host_do kctl "$LAB_D/k8s/faulty-api" --take || die "kctl: the faults were not taken"
}

# A line that doesn't parse is left out by powercapfs, and named in its state.
fault_taken() {
    local i lines
    lines=$(grep -vc '^ *\(#\|$\)' "$1/faults") || true
    for ((i = 0; i < 200; i++)); do
        sleep 0.05
        grep -q "^node .* faults=$lines bad_fault_lines=0" "$1/state" && return
        # not what it said of the lines before
        ((i < 20)) || ! grep -q '^node .* bad_fault_lines=[1-9]' "$1/state" || return 1
    done
    return 1
}
