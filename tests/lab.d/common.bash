# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What every command of the lab needs: names, messages, the lock, the way into a host.
#
# A lab is one "machine room": a PID, mount and network namespace whose init holds everything that belongs to the
# lab. Each host is a set of namespaces inside it. When the room's init dies the kernel takes away every process,
# mount and interface of the lab, so that `down` can't forget one. Only cgroups and LAB_DIR lie outside.

LAB_NAME=${WATTLE_LAB:-lab}
LAB_DIR=/run/wattle-lab/$LAB_NAME                  # on the machine: owner, options, the room's pid
LAB_CACHE=${WATTLE_LAB_CACHE:-/var/cache/wattle-lab}
# Inside the room: a tmpfs that holds all of the lab's state. From outside: "$(lab_state)".
LAB_ROOM=$LAB_DIR/room
LAB_KUBELET_CGROUPS=(cpuset memory devices freezer blkio pids) # beside cpu and cpuacct
LAB_NS=(--root --mount --uts --ipc --net --pid --time --cgroup)
LAB_PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

say() { printf 'lab: %s\n' "$*" >&2; }
die() {
    printf 'lab: %s\n' "$*" >&2
    exit 1
}
usage_error() {
    printf 'lab: %s\nTry: tests/lab --help\n' "$*" >&2
    exit 2
}

[[ $LAB_NAME =~ ^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$ ]] ||
    usage_error "WATTLE_LAB='$LAB_NAME': wanted 1 to 32 letters, digits, - or _"

need_root() { ((EUID == 0)) || die "needs root (namespaces, mounts and cgroups): run it with sudo"; }

# The room's init, seen from the machine. The path through its root exists only if it is our room's, so a pid that was
# reused is not mistaken for it.
room_pid() {
    local pid
    read -r pid 2>/dev/null <"$LAB_DIR/room.pid" && [[ -e /proc/$pid/root$LAB_ROOM/hosts ]] && printf '%s\n' "$pid"
}

# Sets LAB_PID and LAB_STATE; fails if no lab of this name is up.
lab_find() {
    LAB_PID=$(room_pid) || return 1
    LAB_STATE=/proc/$LAB_PID/root$LAB_ROOM
}

lab_owner() { cat "$LAB_DIR/owner" 2>/dev/null || true; }

# Two checkouts must not use one lab unawares: each would test the other's plugins.
need_owner() {
    local owner
    owner=$(lab_owner)
    [[ -z $owner || $owner == "$LAB_CHECKOUT" ]] && return
    die "lab '$LAB_NAME' belongs to the checkout $owner, this is $LAB_CHECKOUT: choose another name (WATTLE_LAB=…), or end that one (tests/lab down --force)"
}

need_lab() {
    need_root
    need_owner
    lab_find || die "lab '$LAB_NAME' is not up: start it with tests/lab up"
}

# Commands that change the lab go one at a time. The lock is a file that `down` removes, hence the look whether the
# file that was locked is still the one there.
lab_lock() {
    mkdir -p /run/wattle-lab
    while :; do
        exec {LAB_LOCK}>"/run/wattle-lab/.$LAB_NAME.lock"
        flock -n "$LAB_LOCK" || {
            say "waiting for another tests/lab that changes lab '$LAB_NAME'"
            flock -w 600 "$LAB_LOCK" || die "gave up after 10 minutes"
        }
        [[ "/run/wattle-lab/.$LAB_NAME.lock" -ef /proc/self/fd/$LAB_LOCK ]] && return
        exec {LAB_LOCK}>&-
    done
}

# Before a command that may leave a daemon behind, which would hold the lock for its life.
lock_close() { [[ -z ${LAB_LOCK-} ]] || exec {LAB_LOCK}>&-; }

host_pid() {
    local pid
    read -r pid 2>/dev/null <"$LAB_STATE/hosts/$1/pid" && [[ -e /proc/$pid ]] && printf '%s\n' "$pid"
}

# For these the options of `up` must have been read.
# All hosts: Slurm's, and Kubernetes'.
lab_hosts() {
    ((LAB_NODES == 0)) || echo ctl
    echo login
    lab_nodes
    [[ -z ${LAB_K8S-} ]] || echo kctl
    knode_names
}

lab_nodes() {
    local i
    for ((i = 1; i <= LAB_NODES; i++)); do echo "n$i"; done
}

knode_names() {
    local i
    for ((i = 1; i <= ${LAB_K8S:-0}; i++)); do echo "k$i"; done
}

need_host() {
    [[ ${1-} =~ ^[a-z0-9]+$ && -d $LAB_STATE/hosts/$1 ]] && return
    local have=("$LAB_STATE"/hosts/*)
    die "no host '${1-}' in lab '$LAB_NAME': it has ${have[*]##*/}"
}

# The cgroup directories of a host, one a line: the whole host lives in them, and the simulated power hardware sets
# the CPU quota of the first (and reads the second). cgroup v1 has the controllers in separate trees; a kubelet wants them all.
cgroup_dirs() {
    local d
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        printf '%s\n' "/sys/fs/cgroup/wattle-$LAB_NAME/$1"
    elif [[ $1 == k* ]]; then
        for d in cpu cpuacct "${LAB_KUBELET_CGROUPS[@]}"; do
            [[ ! -d /sys/fs/cgroup/$d ]] || printf '%s\n' "/sys/fs/cgroup/$d/wattle-$LAB_NAME/$1"
        done
    else
        printf '%s\n' "/sys/fs/cgroup/cpu/wattle-$LAB_NAME/$1" "/sys/fs/cgroup/cpuacct/wattle-$LAB_NAME/$1"
    fi
}

# Puts the calling shell into the cgroups of a host, if it has some (login and ctl don't).
cgroup_join() {
    local d
    while read -r d; do
        [[ ! -d $d ]] || echo "$BASHPID" >"$d/cgroup.procs"
    done < <(cgroup_dirs "$1")
}

# Replaces this shell by CMD as root on HOST. A caller that is killed takes CMD with it (SIGTERM).
host_exec() {
    local host=$1 pid
    shift
    pid=$(host_pid "$host") || die "host '$host' is not running: tests/lab node $host reboot"
    lock_close
    cgroup_join "$host"
    exec nsenter --target "$pid" "${LAB_NS[@]}" --wdns=/root -- \
        env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash PATH="$LAB_PATH" LANG=C.UTF-8 TERM="${TERM-dumb}" \
        setpriv --pdeathsig TERM -- "$@"
}

# The same as NAME, a user of the lab, in the user's home.
host_exec_user() {
    local host=$1 user=$2 pid
    shift 2
    pid=$(host_pid "$host") || die "host '$host' is not running"
    grep -q "^$user:" "/proc/$pid/root/etc/passwd" || die "no user '$user' in the lab: it has alice and bob"
    cgroup_join "$host"
    exec nsenter --target "$pid" "${LAB_NS[@]}" --wdns="/home/$user" -- \
        env -i HOME="/home/$user" USER="$user" LOGNAME="$user" SHELL=/bin/bash PATH="$LAB_PATH" LANG=C.UTF-8 \
        TERM="${TERM-dumb}" \
        setpriv --reuid "$user" --regid "$user" --init-groups --pdeathsig TERM -- "$@"
}

# Replaces this shell by kubectl as the cluster's admin: in the network of kctl, with the files and folder of the caller.
kubectl_exec() {
    local pid
    need_lab
    pid=$(host_pid kctl) || die "lab '$LAB_NAME' has no Kubernetes: start it with tests/lab up --k8s"
    exec nsenter --target "$pid" --net -- env KUBECONFIG="$LAB_STATE/pki/admin.conf" KUBECACHEDIR="$LAB_STATE/kubectl" \
        setpriv --pdeathsig TERM -- "$LAB_STATE/bin/kubectl" "$@"
}

kubectl_do() { (kubectl_exec "$@"); }

# CMD on HOST, without replacing this shell.
host_do() { (host_exec "$@"); }

# `run` and `on`.
lab_enter() {
    local what=$1 host=login user=
    shift
    if [[ $what == kubectl ]]; then
        kubectl_exec "$@"
    fi
    if [[ $what == on ]]; then
        host=${1-}
        [[ -n $host && $host != -* ]] || usage_error "on: which host?"
        shift
    fi
    while (($#)); do
        case $1 in
        --user)
            [[ $what == run && -n ${2-} ]] || usage_error "$what: unexpected '$1'"
            user=$2
            shift 2
            ;;
        --user=*)
            [[ $what == run ]] || usage_error "$what: unexpected '$1'"
            user=${1#*=}
            shift
            ;;
        --)
            shift
            break
            ;;
        -*) usage_error "$what: unexpected '$1'" ;;
        *) break ;;
        esac
    done
    (($#)) || usage_error "$what: which command?"
    need_lab
    need_host "$host"
    if [[ -n $user && $user != root ]]; then
        host_exec_user "$host" "$user" "$@"
    else
        host_exec "$host" "$@"
    fi
}

# As die, with the end of the log that was being looked at.
die_log() {
    say "$*"
    if [[ -s ${LAB_LOG-} ]]; then
        say "the end of ${LAB_LOG#"${LAB_STATE:-/}"}:"
        tail -n 15 "$LAB_LOG" | sed 's/^/    /' >&2
    fi
    exit 1
}

# wait_for SECONDS MESSAGE CMD…: until CMD succeeds.
wait_for() {
    local end=$((${EPOCHREALTIME/./} + $1 * 1000000)) message=$2
    shift 2
    until "$@"; do
        ((${EPOCHREALTIME/./} < end)) || die_log "$message"
        sleep 0.05
    done
}

# Only for a command that leaves no lab: the lock file goes, too.
lab_unlock() {
    rm -f "/run/wattle-lab/.$LAB_NAME.lock"
    rmdir /run/wattle-lab 2>/dev/null || true
}
