#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the hosts
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are bats's
# The promise kept on Kubernetes: a real MPIJob is swept on these nodes, fitted, run with wattle.hpc/slowdown, and is as much slower as was said;
# limits are back when its pods have ended, and `wattle report mpijob/NAME` tells of it.
# Takes ten minutes on a machine with idle cores.

bats_require_minimum_version 1.5.0
load agent.bash
load bridge.bash
load ../system/pairs.bash

PAIRS=${WATTLE_LOOP_PAIRS-5}
PAIRS_MAX=12
TARGET_PCT=10
POINTS=4
SECONDS_FULL=${WATTLE_LOOP_SECONDS-18}

setup_file() {
    export BATS_TEST_TIMEOUT=2400
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    ! bridge_gone || bridge_start
    nodes_ready
    lab run --user alice -- sh -c 'mkdir -p loop && cat >loop/nbody.c' <"${BATS_TEST_DIRNAME%/*}/apps/nbody.c"
    lab run --user alice -- sh -c 'cd loop && mpicc -O2 -o nbody nbody.c -lm'
    intensity | lab on login -- tee /var/lib/wattle/carbon/LAB.json >/dev/null
}
setup() { PATH=$BATS_TEST_DIRNAME/..:$PATH; }
teardown() { jobs_end; }
teardown_file() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    lab run --user alice -- rm -rf loop
    lab on login -- rm -f /var/lib/wattle/carbon/LAB.json /etc/wattle/profiles/nbody.json
}

# 250 g/kWh from an hour ago on for a day.
intensity() {
    python3 -c '
import json, time
start = int(time.time()) // 3600 * 3600 - 3600
iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
print(json.dumps({"zone": "LAB", "signal": "average", "unit": "gCO2/kWh", "issued": iso, "slot_s": 3600, "start": iso, "values": [250] * 26}))'
}

workers_have() { [[ $(workers_watts "$1") == "$2" ]]; }

# A launcher that finds no sshd or no name for a worker fails, and is begun again after a while: that would be time of the job.
LAUNCH='for host in $(cut -d" " -f1 /etc/mpi/hostfile); do until ssh -o ConnectTimeout=1 "$host" true; do sleep 0.2; done; done; exec "$@"'

# loop_job NAME STEPS [WORD=VALUE …]: nbody on both nodes, a rank each.
loop_job() {
    local name=$1 steps=$2
    shift 2
    ASKS=$(printf '%s\n' "$@") READY=true mpijob "$name" 2 sh -c "$LAUNCH" sh \
        mpirun --allow-run-as-root -n 2 --map-by node -x OMPI_MCA_mpi_yield_when_idle=1 /home/alice/loop/nbody 8000 "$steps" >/dev/null
}
# run_job NAME STEPS ANNOTATION…: until it has ended and its pods have left their records.
run_job() {
    loop_job "$@"
    until_true 300 job_has "$1" Succeeded
    until_true 60 recorded "$1"
}
report() { lab run -- wattle report --json "mpijob/$1" "${@:2}"; }
# Its workers may have begun once without watts, if it got past admission.
recorded() { report "$1" | jq -e '.jobs[0].steps | any(.pod == "launcher") and ([.[] | select(.grant_w)] | length) >= 2'; }
# Seconds that the launcher ran, joules of both nodes with their base watts.
measured() { report "$1" | jq -r '[([.jobs[0].steps[] | select(.pod == "launcher").elapsed_s] | last), .node_energy_j] | map(tostring) | join(" ")'; }
# steps_for SECONDS: the steps that take so long, from two runs of 4 and 12, as a launcher's begin and end take a while, too.
steps_for() { awk -v want="$1" -v four="$FOUR_S" -v twelve="$TWELVE_S" 'BEGIN { printf "%d", 4 + 8 * (want - four) / (twelve - four) + 1 }'; }

# Sets STEPS, and leaves profile nbody in the site's store.
sweep_and_fit() {
    local cap repeat steps time_s energy_j csv='cap_w,time_s,energy_j'
    for steps in 4 12; do run_job "probe-$steps" "$steps" power=400W; done
    read -r FOUR_S _ < <(measured probe-4)
    read -r TWELVE_S _ < <(measured probe-12)
    steps=$(steps_for $((SECONDS_FULL * 2 / 3)))
    STEPS=$(steps_for "$SECONDS_FULL")
    for repeat in 1 2; do
        for cap in 400 180 300 220 260; do
            run_job "sweep-$cap-$repeat" "$steps" "power=${cap}W"
            read -r time_s energy_j < <(measured "sweep-$cap-$repeat")
            csv+=$'\n'"$cap,$time_s,$energy_j"
            echo "# $cap W: $time_s s, $energy_j J" >&3
        done
    done
    lab run -- sh -c 'cat >/tmp/nbody.csv && wattle profile fit /tmp/nbody.csv --json -o /tmp/nbody.json' <<<"$csv" || return
    lab run -- install -D -m 644 /tmp/nbody.json /etc/wattle/profiles/nbody.json
}

@test "a pod's end gives its job's nodes back within a second; its report tells joules, grams, cap" {
    local ms
    loop_job brief 8 power=200W
    # what got past admission was begun anew, with its watts
    until_true 120 workers_have brief '200 200 '
    until_true 60 is_at k1 "$(caps 70000000)"
    until_true 60 is_at k2 "$(caps 70000000)"
    until_true 60 lab on k1 -- pgrep -f '^(sshd:|/usr/sbin/sshd)'
    ms=$(end_and_time k1 '^(sshd:|/usr/sbin/sshd)')
    echo "restored after $ms ms"
    ((ms < 1000))
    until_true 60 job_has brief Succeeded
    until_true 60 recorded brief
    run -0 --separate-stderr report brief
    jq -e '.jobs[0] | .state == "COMPLETED" and .cap_w == 200 and .grant_w == 200 and .cap_held and .energy_j > 0 and
        ([.steps[] | select(.grant_w).node] | unique | length) == 2 and .unmeasured_nodes == 0 and (.shared | not)' <<<"$output"
    # grams are joules with base watts at the intensity of the hour
    jq -e '(.jobs[0].carbon | .. | numbers? // empty) as $g | [$g] | length > 0' <<<"$output"
    run -0 lab run -- wattle report mpijob/default/brief
    [[ $output == *"mpijob/default/brief, COMPLETED"* && $output == *"worker 0"* && $output == *"worker 1"* && $output == *launcher* && $output == *CO2* ]]
    # by a user, too, who knows its name
    run -0 lab run --user alice -- wattle report mpijob/brief
    run -1 lab run -- wattle report mpijob/none
    [[ $output == *"mpijob/none: "*"no namespace has records of it"* ]]
}

run_full() { run_job "full-$1" "$STEPS" power=400W && echo "full-$1"; }
run_capped() { run_job "capped-$1" "$STEPS" "slowdown=$TARGET_PCT%" profile=nbody && echo "capped-$1"; }

# bats test_tags=slow
@test "an MPIJob is swept and fitted; wattle.hpc/slowdown of 10% makes it 10% slower, pairs in turn" {
    local idle0 all0 idle1 all1 idle_pct full full_s full_j capped capped_s capped_j rows
    read -r idle0 all0 < <(jiffies)
    if ! sweep_and_fit; then
        read -r idle1 all1 < <(jiffies)
        idle_pct=$((100 * (idle1 - idle0) / (all1 - all0)))
        ((idle_pct >= IDLE_MIN_PCT)) || busy "the sweep bears no model, and had $idle_pct% idle time"
        echo "the sweep bears no model, on a machine that was $idle_pct% idle" >&2
        return 1
    fi
    pairs_run run_full run_capped
    # the report says the same of the last pair, and what was predicted
    run -0 --separate-stderr report "$capped" --baseline="mpijob/$full"
    jq -e --argjson want "$(awk -v c="$capped_s" -v f="$full_s" 'BEGIN { print 100 * (c / f - 1) }')" --argjson target $TARGET_PCT \
        '.jobs[0].slowdown | .profile == "nbody" and (.predicted_pct - $target | fabs) < 1 and (.measured_pct - $want | fabs) < 0.1' <<<"$output"
    for node in k1 k2; do until_true 5 at_boot "$node"; done
    pairs_judge "$POINTS"
}
