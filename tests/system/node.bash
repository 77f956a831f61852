# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests that look at one node from outside: its limits, its leases, its agent.
# shellcheck source=tests/system/cluster.bash
. "${BASH_SOURCE[0]%/*}/cluster.bash"
# shellcheck source=tests/system/limits.bash
. "${BASH_SOURCE[0]%/*}/limits.bash"

# Remembers what the nodes' limits are while nothing runs.
boot_values() {
    local node
    export NODE_DIR=$BATS_FILE_TMPDIR
    wait_idle
    for node in n1 n2 n3 n4; do limits "$node" >"$NODE_DIR/boot.$node"; done
}

# A job with a cap that holds its node until it is cancelled; prints its id once the cap is in force. sleeper NODE WATTS SBATCH-ARGS…
sleeper() {
    local id node=$1 watts=$2
    shift 2
    id=$(as alice sbatch --parsable --no-requeue -w "$node" --power="$watts" -o /dev/null "$@" --wrap 'sleep 300' 2>/dev/null)
    until_true 60 book_has "$node" "$id" || return 1
    echo "$id"
}
# Both slurmstepds of a batch job hold its lease.
book_has() {
    [[ $(lab on "$1" -- wattle lease list --json |
        python3 -c 'import json,sys; print(sum(len(j["steps"]) for j in json.load(sys.stdin)["jobs"] if j["job_id"] == int(sys.argv[1])))' "$2") -ge 2 ]]
}

# owed NODE: a limit could not be put back there.
owed() { lab on "$1" -- wattle lease list --json | grep -q '"owed": true'; }

agent_runs() { lab on "$1" -- pgrep -x wattle-agent; }
agent_gone() { ! agent_runs "$1"; }
agent_start() {
    agent_runs "$1" >/dev/null || lab on "$1" -- sh -c 'setsid -f wattle-agent >>/var/log/slurm/wattle-agent.log 2>&1' </dev/null
    until_true 30 agent_runs "$1"
}
agent_log() { lab on "$1" -- cat /var/log/slurm/wattle-agent.log; }

# on_each CMD…: CMD n1, CMD n2 and so on, at once; fails if one does
on_each() {
    local node pid pids=() status=0
    for node in n1 n2 n3 n4; do
        "$@" "$node" 3>&- &
        pids+=("$!")
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    return "$status"
}

clean_up() {
    on_each no_fault
    lab on ctl -- sh -c 'scancel --user=alice; scancel --user=bob'
    on_each no_stepd
    wait_idle
    # shellcheck disable=SC2016
    lab on ctl -- sh -c 'for n in $(sinfo -h -N -t drain -o %N | sort -u); do scontrol update nodename=$n state=resume; done'
    on_each agent_start
    [[ -z ${NODE_DIR-} ]] || on_each until_true 2 at_boot
}
no_fault() { lab fault "$1" clear; }
no_stepd() { lab node "$1" kill-stepd; }
