# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab trouble: for the message of a test that failed. Short, whatever state the lab is in.

lab_trouble() {
    (($# == 0)) || usage_error "trouble: unexpected '$1'"
    need_lab
    local host slurm busy=
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    printf 'lab %s: not idle, jobs, ends of logs:\n' "$LAB_NAME"
    slurm=$(timeout 15 "$LAB_CHECKOUT/tests/lab" on ctl -- sh -c '
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
    log_end 10 ctl slurmctld.log
    # shellcheck disable=SC2086
    for host in ${busy:-}; do log_end 8 "$host" slurmd.log; done
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
