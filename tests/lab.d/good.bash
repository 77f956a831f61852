# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What a lab is like when nothing has happened to it: `up` notes it down, `settle` compares.

good_record() { good_facts >"$LAB_STATE/good"; }

good_compare() {
    local lines
    lines=$(diff "$LAB_STATE/good" <(good_facts)) && return
    sed -n -e 's/^< /was: /p' -e 's/^> /is:  /p' <<<"$lines"
    return 1
}

# One fact a line: configuration, power limits and faults, daemons, mounts over a node's own.
good_facts() {
    local host
    (cd "$LAB_STATE/shared/etc" && find slurm wattle -type f -exec sha256sum {} + | sort -k2)
    for host in $(lab_nodes) $(knode_names); do
        printf '%s limits ' "$host"
        cat "$LAB_STATE/hosts/$host"/powercap/intel-rapl:[0-9]*/constraint_*_power_limit_uw 2>&1 | paste -sd' '
        grep -v '^ *\(#\|$\)' "$LAB_STATE/hosts/$host/control/faults" 2>/dev/null | sed "s/^/$host fault /"
    done
    for host in $(lab_nodes); do
        # shellcheck disable=SC2016
        host_do "$host" sh -c 'for d in slurmd wattle-agent munged; do echo "$0 $d $(pgrep -xc $d)"; done
            echo "$0 mounts $(grep -c . /proc/mounts)"' "$host" </dev/null
    done
    [[ -z ${LAB_K8S-} ]] || k8s_facts
    # shellcheck disable=SC2016
    ((LAB_NODES == 0)) || host_do ctl sh -c 'for d in slurmctld slurmdbd mariadbd munged; do echo "ctl $d $(pgrep -xc $d)"; done' </dev/null
}
