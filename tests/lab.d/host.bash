# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Hosts of the lab: ctl, login, n1... Each has namespaces, a root file system (an overlay over the machine's or a
# Debian tree's), an address, and, if a node, cgroups and power hardware of its own.

LAB_NET=10.71 # /16; in namespaces of the lab's own, so that several labs can all use it

host_is_node() { [[ $1 =~ ^[nk][0-9]+$ ]]; }

host_address() {
    case $1 in
    ctl) echo "$LAB_NET.0.2" ;;
    login) echo "$LAB_NET.0.3" ;;
    kctl) echo "$LAB_NET.0.4" ;;
    n*) echo "$LAB_NET.1.${1#n}" ;;
    k*) echo "$LAB_NET.2.${1#k}" ;;
    esac
}

# To pods and services; pods find theirs by their node.
host_routes() {
    local i
    for ((i = 1; i <= ${LAB_K8S:-0}; i++)); do
        [[ $1 == "k$i" ]] || echo "route add 10.244.$i.0/24 via $(host_address "k$i")"
    done
    if [[ $1 == kctl ]]; then
        echo "addr add 10.0.0.1/32 dev lo"
    elif [[ -n ${LAB_K8S-} ]]; then
        echo "route add 10.0.0.0/24 via $(host_address kctl)"
    fi
}

# What a host keeps over a reboot: its disk.
host_create() {
    local name=$1 d
    mkdir -p "$LAB_STATE/hosts/$name"/{upper,work,root,control}
    chmod 755 "$LAB_STATE/hosts/$name/upper"
    [[ $name != k[0-9]* ]] || disk_create "$name"
    if host_is_node "$name"; then
        while read -r d; do
            mkdir -p "${d%/*}"
            # v1: a new cpuset has neither CPUs nor memory, unless its parent says that it is to be like itself.
            [[ ! -e ${d%/*}/cgroup.clone_children || $d != */cpuset/* ]] || cpuset_inherit "${d%/*}"
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

# Folders that can hold overlays, as the host's root, itself one, can't; a file system of their own, as kubelet wants to know what is free there.
disk_create() {
    local disk=$LAB_STATE/hosts/$1/disk
    mkdir "$disk"
    room_do mount -t tmpfs -o mode=755,size=75% "disk-$1" "$LAB_ROOM/hosts/$1/disk"
    mkdir "$disk"/{containerd,kubelet}
}

cpuset_inherit() {
    echo 1 >"$1/cgroup.clone_children"
    cat "${1%/*}/cpuset.cpus" >"$1/cpuset.cpus"
    cat "${1%/*}/cpuset.mems" >"$1/cpuset.mems"
}

# Power on: new /run, /tmp and boot id, power limits at their boot values.
host_boot() {
    local name=$1 h=$LAB_STATE/hosts/$1 pid ready up own=()
    # A node of Kubernetes sees its own cgroups as the whole.
    [[ $name != k[0-9]* ]] || own=(--cgroup)
    LAB_LOG=$h/boot.log
    power_start "$name"
    exec {ready}< <(
        lock_close
        cgroup_join "$name"
        # The clock since boot starts at 0, as slurmctld looks at it to notice a reboot.
        read -r up _ </proc/uptime
        exec nsenter --target "$LAB_PID" --root --mount --net --pid --ipc -- \
            setsid --fork unshare --mount --pid --net --ipc --uts --time "${own[@]}" --boottime "-${up%.*}" --fork -- \
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
$(host_routes "$name")
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
    pods_remove "$name"
}

# The cgroups of pods that ended with their node.
pods_remove() {
    local dir sub
    while read -r dir; do
        [[ ! -d $dir/kubepods ]] || while read -r sub; do cgroup_remove "$sub"; done < <(find "$dir/kubepods" -depth -type d)
    done < <(cgroup_dirs "$1")
}
