# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts of the lab: ctl, login, n1... Each has namespaces, a root file system (an overlay over the machine's or a
# Debian tree's), an address, and, if a node, cgroups and power hardware of its own.

host_is_node() { [[ $1 =~ ^[nk][0-9]+$ ]]; }

host_address() {
    case $1 in
    ctl) echo "$LAB_NET.0.2" ;;
    login) echo "$LAB_NET.0.3" ;;
    n*) echo "$LAB_NET.1.${1#n}" ;;
    k*) echo "$LAB_NET.2.${1#k}" ;;
    esac
}

# What a host keeps over a reboot: its disk.
host_create() {
    local name=$1 d
    mkdir -p "$LAB_STATE/hosts/$name"/{upper,work,root,control}
    chmod 755 "$LAB_STATE/hosts/$name/upper"
    if host_is_node "$name"; then
        while read -r d; do
            mkdir -p "$d"
            # v2 hands a controller down level by level.
            [[ ! -e $d/cgroup.controllers || -e $d/cpu.max ]] ||
                printf '+cpu\n' | tee "${d%/*/*}/cgroup.subtree_control" "${d%/*}/cgroup.subtree_control" >/dev/null
            # A node's speed is its quota's, not what a busy machine leaves of it.
            [[ ! -e ${d%/*}/cpu.shares ]] || echo 20480 >"${d%/*}/cpu.shares"
            [[ ! -e ${d%/*}/cpu.weight ]] || echo 2000 >"${d%/*}/cpu.weight"
        done < <(cgroup_dirs "$name")
    fi
}

# Power on: new /run, /tmp and boot id, power limits at their boot values.
host_boot() {
    local name=$1 h=$LAB_STATE/hosts/$1 pid ready up
    LAB_LOG=$h/boot.log
    power_start "$name"
    exec {ready}< <(
        lock_close
        cgroup_join "$name"
        # The clock since boot starts at 0, as slurmctld looks at it to notice a reboot.
        read -r up _ </proc/uptime
        exec nsenter --target "$LAB_PID" --root --mount --net --pid --ipc -- \
            setsid --fork unshare --mount --pid --net --ipc --uts --time --boottime "-${up%.*}" --fork -- \
            "$LAB_D/host-boot" "$name" "$LAB_ROOM" </dev/null 2>"$LAB_LOG"
    )
    read -r -u "$ready" pid || die_log "host $name: could not make its namespaces"
    ip_in "$LAB_PID" <<IP || die "host $name: no network interface"
link add v-$name type veth peer name eth0 netns $pid
link set v-$name master br0 up
IP
    ip_in "$pid" <<IP || die "host $name: no address"
link set lo up
addr add $(host_address "$name")/16 dev eth0
link set eth0 up
IP
    read -r -u "$ready" _ || die_log "host $name does not boot"
    exec {ready}<&-
    echo "$pid" >"$h/pid"
}

# Power off: every process of the host ends, what was in memory is lost.
host_halt() {
    local name=$1 pid i
    if pid=$(host_pid "$name"); then
        kill -KILL "$pid"
        for ((i = 0; i < 1000; i++)); do
            [[ -e /proc/$pid ]] || break
            sleep 0.01
        done
        [[ ! -e /proc/$pid ]] || die "host $name: its init does not end"
    fi
    rm -f "$LAB_STATE/hosts/$name/pid"
    # Or the kernel takes the pair away some time later, under the feet of the one that boots.
    nsenter --target "$LAB_PID" --net -- ip link del "v-$name" 2>/dev/null || true
    power_stop "$name"
}
