# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The machine room: the namespaces that hold a lab, and its end.

# Runs CMD in the room: its mounts and network, processes seen by machine pids.
room_do() { nsenter --target "$LAB_PID" --root --mount --net -- "$@"; }

room_start() {
    local ready
    mkdir -p "$LAB_ROOM"
    exec {ready}< <(
        lock_close
        # Held as long as the room is: a tree that hosts run from is not replaced.
        if [[ $LAB_BASE != / ]]; then
            exec {tree}<"$LAB_BASE.lock"
            flock -s "$tree"
        fi
        exec setsid unshare --mount --pid --net --ipc --uts --fork -- \
            "$LAB_D/room-boot" "$LAB_DIR" </dev/null 2>"$LAB_DIR/room.log"
    )
    LAB_LOG=$LAB_DIR/room.log
    read -r -u "$ready" LAB_PID && read -r -u "$ready" _ || die_log "could not make the lab's namespaces"
    exec {ready}<&-
    lab_find || die_log "the lab's namespaces ended at once"
}

# Ends everything that belongs to the lab, whatever state it is in. Idempotent.
room_stop() {
    local pid dir sub i
    if pid=$(room_pid); then
        kill -KILL "$pid"
        # Everything in the PID namespace is gone when its init is.
        for ((i = 0; i < 1000; i++)); do
            [[ -e /proc/$pid/root$LAB_ROOM ]] || break
            sleep 0.01
        done
        [[ ! -e /proc/$pid/root$LAB_ROOM ]] || die "process $pid (the lab's init) does not end"
    fi
    for dir in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [[ ! -L $dir ]] || continue
        dir=$dir/wattle-$LAB_NAME
        [[ -d $dir ]] || continue
        while read -r sub; do
            cgroup_remove "$sub"
        done < <(find "$dir" -depth -type d)
    done
    rm -rf --one-file-system "$LAB_DIR"
}

# A cgroup stays busy for a moment after its last process has ended; one that joined from outside (a `run` just being
# started) is ended here.
cgroup_remove() {
    local i pid
    for ((i = 0; i < 200; i++)); do
        rmdir "$1" 2>/dev/null && return
        [[ -d $1 ]] || return 0
        ((i < 20)) || while read -r pid; do kill -KILL "$pid" 2>/dev/null || true; done <"$1/cgroup.procs"
        sleep 0.01
    done
    die "cannot remove cgroup $1: $(rmdir "$1" 2>&1)"
}

# Commands for ip(8), from stdin, in the room's network or that of a process.
ip_in() {
    local pid=$1
    nsenter --target "$pid" --net -- ip -batch -
}
