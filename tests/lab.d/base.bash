# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a host's root file system is made of: a base (the machine's own root or a Debian tree), and over it one layer
# that all hosts of the lab share. Both are read-only below each host's overlay.

# Directories that all hosts share, as a site's would by a network file system and configuration management.
LAB_SHARED=(/home /root /etc/slurm /etc/wattle /var/lib/wattle /var/spool/wattle)

base_prepare() {
    case $LAB_SLURM in
    native) LAB_BASE=/ ;;
    *)
        LAB_BASE=$LAB_CACHE/$LAB_SLURM
        "$LAB_D/tree-make" "$LAB_SLURM" "$LAB_BASE" || exit 1
        ;;
    esac
}

layer_create() {
    local l=$LAB_STATE/layer s=$LAB_STATE/shared d base=${LAB_BASE%/} i id
    for d in "${LAB_SHARED[@]}"; do mkdir -p "$l$d" "$s$d"; done
    mkdir -p "$l"/{proc,sys,dev,run,tmp,etc/munge,etc/openmpi,etc/wattle-lab,var/lib/mysql,var/spool/slurmd} "$LAB_STATE/db"

    # Users alice and bob exist in the lab alone.
    { cat "$base/etc/passwd" && printf '%s:x:%s:%s::/home/%s:/bin/bash\n' alice 70001 70001 alice bob 70002 70002 bob; } \
        >"$l/etc/passwd"
    { cat "$base/etc/group" && printf '%s:x:%s:\n' alice 70001 bob 70002; } >"$l/etc/group"
    # PAM knows no user without a line there: su fails, by which slurmd asks for a user's environment (--export=NAME), and 25.05 and later then hold the job
    { cat "$base/etc/shadow" && printf '%s:*:20000:0:99999:7:::\n' alice bob; } | install -m 640 /dev/stdin "$l/etc/shadow"
    install -d -o 70001 -g 70001 -m 700 "$s/home/alice"
    install -d -o 70002 -g 70002 -m 700 "$s/home/bob"
    chmod 700 "$s/root"
    chmod 1711 "$s/var/spool/wattle"

    {
        printf '127.0.0.1 localhost\n'
        printf '%s %s\n' "$(host_address ctl)" ctl "$(host_address login)" login "$(host_address kctl)" kctl
        for ((i = 1; i <= 64; i++)); do printf '%s n%s\n' "$(host_address "n$i")" "$i"; done
        for ((i = 1; i <= 16; i++)); do printf '%s k%s\n' "$(host_address "k$i")" "$i"; done
    } >"$l/etc/hosts"
    : >"$l/etc/resolv.conf" # no name server: a look-up of anything else fails at once
    cp "$LAB_D/etc/my.cnf" "$l/etc/wattle-lab/"

    # More ranks than CPUs: one that waits gives way to one that computes.
    { cat "$base/etc/openmpi/openmpi-mca-params.conf" && echo "mpi_yield_when_idle = 1"; } >"$l/etc/openmpi/openmpi-mca-params.conf"
    # Open MPI 6 finds no way from one veth to another by itself.
    [[ $LAB_SLURM != sid ]] || echo "btl_tcp_if_include = 10.71.0.0/16" >>"$l/etc/openmpi/openmpi-mca-params.conf"

    dd if=/dev/urandom of="$l/etc/munge/munge.key" bs=128 count=1 status=none
    chmod 400 "$l/etc/munge/munge.key"
    install -d -m 700 "$l/var/log/munge"
    chmod 700 "$l/etc/munge"
    chown -R "$(base_id munge)" "$l/etc/munge" "$l/var/log/munge"
    id=$(base_id slurm)
    install -d -o "${id%:*}" -g "${id#*:}" "$l"/var/{log/slurm,spool/slurmctld}

    {
        printf 'base=%q\nmunge=%q\nslurm=%q\n' "$LAB_BASE" "$(base_id munge)" "$id"
        printf 'shared=('
        printf '%q ' "${LAB_SHARED[@]}"
        printf ')\nbinds=('
        printf '%q ' "$LAB_CHECKOUT" ${LAB_K8S:+"$LAB_CACHE/k8s-bin" "$LAB_CACHE/k8s-images"}
        printf ')\n'
    } >"$LAB_STATE/mounts"
}

# uid:gid of a system user of the base.
base_id() {
    awk -F: -v name="$1" '$1 == name { print $3 ":" $4; found = 1 } END { exit !found }' "${LAB_BASE%/}/etc/passwd" ||
        die "no user '$1' in $LAB_BASE/etc/passwd"
}

# base_run WHERE CMD…: on the machine, or inside the Debian tree of that name. Both see the checkout and the cache.
base_run() {
    local where=$1
    shift
    if [[ $where == native ]]; then
        "$@"
    else
        unshare --mount --propagation private -- "$LAB_D/tree-run" "$LAB_CACHE/$where" "$LAB_CACHE" "$LAB_CHECKOUT" "$@"
    fi
}
