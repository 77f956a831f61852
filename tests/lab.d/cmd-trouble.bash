# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab trouble: for the message of a test that failed. Short, whatever state the lab is in.

for part in host k8s; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_trouble() {
    (($# == 0)) || usage_error "trouble: unexpected '$1'"
    need_lab
    local host slurm='' busy='' name
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    printf 'lab %s: not idle, jobs, ends of logs:\n' "$LAB_NAME"
    ((LAB_NODES == 0)) || slurm=$(timeout 15 "$LAB_CHECKOUT/tests/lab" on ctl -- sh -c '
        sinfo -h -N -o "%N %T %E" | sort -u | grep -v " idle none$"
        squeue -h -o "job %i of %u: %T (%r) on %N, %M" | head -n 6' </dev/null 2>&1) || true
    [[ -z $slurm ]] || cut -c1-160 <<<"$slurm" | head -n 12
    for host in "$LAB_STATE"/hosts/*; do
        host=${host##*/}
        host_pid "$host" >/dev/null || echo "$host is down"
        [[ $host != n* ]] || host_has "$host" slurmd || echo "$host: no slurmd"
        [[ $host != n* || -z $LAB_PRODUCT ]] || host_has "$host" wattle-agent || echo "$host: no wattle-agent"
        [[ $host != ctl ]] || host_has "$host" slurmctld || echo "$host: no slurmctld"
        if [[ $host == n* && $'\n'$slurm == *$'\n'"$host "* ]]; then busy+=" $host"; fi
    done
    ((LAB_NODES == 0)) || log_end 10 ctl slurmctld.log
    [[ -z ${LAB_K8S-} ]] || k8s_trouble
    # shellcheck disable=SC2086
    for host in ${busy:-}; do log_end 8 "$host" slurmd.log; done
}

# Daemons that are not there, jobs and pods, and what the cluster last said about them.
k8s_trouble() {
    local host name
    for host in kctl $(knode_names); do
        for name in $(k8s_daemons "$host"); do
            k8s_command "$host" "$name"
            k8s_runs "$host" || echo "$host: no $name"
        done
    done
    k8s_busy | head -n 12
    timeout 15 "$LAB_CHECKOUT/tests/lab" kubectl get events -A --sort-by=.lastTimestamp --no-headers \
        -o custom-columns=T:.lastTimestamp,NS:.metadata.namespace,O:.involvedObject.name,R:.reason,M:.message </dev/null 2>&1 |
        grep -v -e ' Pulled ' -e ' Created ' -e ' Started ' | tail -n 8 | cut -c1-200 || true
}

host_has() { host_do "$1" pgrep -x "$2" </dev/null >/dev/null 2>&1; }

# The last lines that are more than routine.
log_end() {
    echo "$2 $3:"
    tail -n 200 "$LAB_STATE/hosts/$2/upper/var/log/slurm/$3" 2>/dev/null |
        grep -iE 'error|fatal|fail|JobId|StepId|kill|drain|down|respond|reboot|prolog|epilog|wattle' |
        grep -v -e 'wattle.conf read' -e ' WEXITSTATUS 0' -e ' state file' -e '_state' -e 'NOTE:' -e 'PrologFlags=Contain' |
        tail -n "$1" | sed -e 's/^\[[0-9-]*T/  [/' | cut -c1-200
}
