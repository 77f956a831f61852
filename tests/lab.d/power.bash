# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The simulated power hardware of each node: a powercapfs that runs in the machine room, outside the node's cgroups and
# processes. A node that boots gets a new one, as limits don't survive a power cycle.

power_start() {
    host_is_node "$1" || return 0
    local h=$LAB_ROOM/hosts/$1 cgroups=() options=()
    mkdir -p "$LAB_STATE/hosts/$1/powercap"
    install -d -m 700 "$LAB_STATE/hosts/$1/control"
    mapfile -t cgroups < <(power_cgroups "$1")
    if ((${#cgroups[@]} == 1)); then
        options=(--cgroup2 "${cgroups[0]}")
    else
        options=(--cgroup-cpu "${cgroups[0]}" --cgroup-cpuacct "${cgroups[1]}")
    fi
    # Its own copy: the file that was named may be gone at the next boot.
    [[ ! -e $LAB_STATE/power.conf ]] || options+=(--config "$LAB_ROOM/power.conf")
    (
        lock_close
        exec nsenter --target "$LAB_PID" --root --mount --net --pid -- \
            "$LAB_POWERCAPFS" --node "$1" "${options[@]}" --control "$h/control" "$h/powercap" </dev/null >"$LAB_LOG" 2>&1
    ) || die_log "host $1: powercapfs does not start"
}

# The cgroups whose speed and CPU time are the node's: all of it, or on a node of Kubernetes its pods, as kubelet and containerd would use
# a good part of what a lab's node has.
power_cgroups() {
    if [[ $1 == n* ]]; then
        cgroup_dirs "$1"
    else
        cgroup_dirs "$1" | sed 's,$,/kubepods,' | while read -r d; do mkdir -p "$d" && echo "$d"; done
    fi
}

power_stop() {
    host_is_node "$1" || return 0
    local pid i
    nsenter --target "$LAB_PID" --root --mount -- umount -l "$LAB_ROOM/hosts/$1/powercap" 2>/dev/null || true
    # Else it would open up the node's cgroup when a new one has just set it.
    pid=$(pgrep -f -- "control $LAB_ROOM/hosts/$1/control ") || return 0
    for ((i = 0; i < 200; i++)); do
        [[ -e /proc/$pid ]] || return 0
        sleep 0.01
    done
    kill -KILL "$pid" 2>/dev/null || true
}
