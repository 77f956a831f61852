#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# --carbon=scale from submission to report: the planner's plan, followed by wattlerun through several sizes and a pause; and other plans
# on the way, when the forecast changes. Slots are seconds long.

bats_require_minimum_version 1.5.0
load cluster.bash
load carbon.bash

# 2 nodes make it 1.5 times as fast, 4 nodes twice: half of the bodies' potentials is worked out by each rank.
BODIES=3200
STEPS=330
ALONE="$BODIES $STEPS ck $((BODIES / 2))"

setup_file() {
    wait_idle
    keep_site
    put_carbon 'margin = 0' 'spread_pct = 0' 'resize_overhead = 3s' 'min_saving_pct = 3'
    as alice sh -c 'rm -rf mall; mkdir mall'
    lab run --user alice -- sh -c 'cat >mall/nbody.c && cd mall && mpicc -O2 -DWATTLE -o nbody nbody.c -lm -lwattle_mpi' \
        <"$BATS_TEST_DIRNAME/../apps/nbody.c"
    put_profile nbody 'nodes,throughput,power' '1,1,200' '2,1.5,400' '4,2,800'
}

teardown_file() {
    lab on ctl -- rm -f /etc/wattle/profiles/nbody.json
    lab on login -- rm -f /var/lib/wattle/carbon/LAB.json
    back_to_site
    as alice rm -rf mall
}

setup() { as alice sh -c 'cd mall && rm -rf .wattle out* ck*'; }

teardown() {
    [[ -n ${BATS_TEST_COMPLETED-} ]] || as alice sh -c 'cat mall/out* mall/.wattle/*/state.json' >&2 || true
    lab on ctl -- scancel --user=alice
    wait_idle
}

# What squeue shows where the job is running.
sizes_of() { as alice grep -o 'step [0-9]* on [0-9]*' "mall/$1" | cut -d' ' -f4 | paste -sd' '; }

no_lease() { ! lab on "$1" -- wattle lease list --json | grep -q "\"job_id\": *$2\b"; }

# watch_charges ID: what slurmctld says is charged, beside the nodes of the job, until it has ended; each pair once.
watch_charges() {
    local state nodes used
    while ! job_gone "$1"; do
        # one look at both: what changes in between shows in a second one
        read -r state nodes <<<"$(lab on ctl -- squeue -h -j "$1" -o '%T %D')" || continue
        used=$(power_used)
        [[ $(lab on ctl -- squeue -h -j "$1" -o '%T %D') == "$state $nodes" ]] || continue
        echo "$state $nodes $used"
        sleep 0.3
    done | sort | uniq -c
}

@test "n-body through three sizes and a pause, within its deadline: the same result, the charge follows, energy and CO2 measured against the job run at once" {
    local once id want alone_s slot_s deadline charges sizes node
    # the same job, at once, on the fewest nodes; and what its work takes
    once=$(submit_run out.once -N1 --job-name=nbody --power=200 --carbon=off -t5 -- ./nbody "$ALONE")
    until_true 120 job_gone "$once"
    want=$(as alice grep -o 'checksum=[0-9a-f]*' mall/out.once)
    alone_s=$(as alice sed -n 's/.* seconds=\([0-9]*\).*/\1/p' mall/out.once)
    ((alone_s >= 20))
    as alice rm -f mall/ck

    # dirty; two nodes pay; dirty; four do; one does: in slots as long as the machine is slow. A third of the work is left for one node, however much
    # faster than their curve the others are.
    slot_s=$(((alone_s + 9) / 18))
    put_forecast "$slot_s" '300 4' '40 4' '4000 4' '10 4' '120 20' '1000 60'
    deadline=$((T + slot_s * 48 + 20))
    id=$(submit_run out -N1-4 --job-name=nbody --power=200 --carbon=scale --carbon-work="${alone_s}s" -t2 \
        --deadline="$(date -d "@$deadline" +%Y-%m-%dT%H:%M:%S)" -- --min-pause 3s ./nbody "$ALONE")
    lab on ctl -- scontrol show job -o "$id" >&2
    [[ $(lab on ctl -- scontrol show job -o "$id") == *Requeue=1* ]]
    charges=$(watch_charges "$id")
    echo "$charges" >&2
    [[ $(job_state "$id") == COMPLETED ]]
    run -0 as alice cat mall/out
    # as fast as it may be, from step to step each began where the last one had left
    [[ $output == *"$want"* ]]
    sizes=$(sizes_of out)
    [[ $(tr ' ' '\n' <<<"$sizes" | sort -u | wc -l) -ge 3 ]] || { echo "sizes: $sizes" >&2 && false; }
    [[ $output == *'pauses until'* ]]
    (($(end_of "$id") <= deadline))

    # 200 W for each node while it runs, nothing while it waits; the end of a run is a moment in between
    [[ $charges == *"RUNNING 4 800"* && $charges == *" 0"* ]]
    awk '$2 == "RUNNING" && $4 != 200 * $3 { bad = 1 } END { exit bad }' <<<"$charges"
    [[ $(power_used) == 0 ]]
    for node in n1 n2 n3 n4; do no_lease "$node" "$id"; done

    # joules from the nodes' counters, grams by the forecast that both are reckoned with
    as alice wattle report "$id" --against="$once" >&2
    as alice wattle report "$id" --against="$once" --json | python3 -c '
import json, sys
a = json.load(sys.stdin)["jobs"][0]["against"]
print(a, file=sys.stderr)
assert a["why"] == "", a
assert a["energy_j"] > 0 and a["other_energy_j"] > 0, a
assert a["other_own_carbon_g"] is None or a["other_own_carbon_g"] > 0, a
# more nodes than pay, so more joules; and far less carbon
assert a["carbon_saved_pct"] > 50, a
assert abs(a["carbon_saved_pct"] - 100 * (1 - a["carbon_g"] / a["other_carbon_g"])) < 0.01, a
'
    # what changes cost is told, and kept for the next plan
    [[ $output == *'s lost in each change, on average'* ]]
}

@test "the forecast changes on the way: another plan, kept over a requeue; one that is broken changes nothing" {
    local id want steps=150
    want=$(mpi_run -N4 -- mall/nbody $BODIES $steps 2>/dev/null | grep -o 'checksum=[0-9a-f]*')
    put_forecast 2 '300 2' '80 60' '300 60'
    id=$(submit_run out -N1-4 --job-name=nbody --power=200 --carbon=scale --carbon-within=5m --carbon-work=35s -t2 \
        -- --min-pause 3s --state st ./nbody $BODIES $steps ck $((BODIES / 2)))
    until_true 60 out_has out 'step 1 on'
    lab on login -- sh -c 'echo "{" >/var/lib/wattle/carbon/LAB.json'
    until_true 30 out_has out 'the forecast read before stays in force'
    # what is to come is dirty for a while, and very clean then
    FROM=$(date +%s) put_forecast 2 '2000 12' '10 40' '300 60'
    until_true 30 out_has out 'new plan'
    until_true 30 out_has out 'pauses until'
    until_true 30 job_is "$id" PENDING
    [[ $(power_used) == 0 ]]
    until_true 60 out_has out 'step 2 on'
    # the administrator's requeue: the plan is the new one still
    lab on ctl -- scontrol requeue "$id"
    until_true 60 job_is "$id" PENDING
    until_true 60 begins "$id"
    until_true 120 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    run -0 as alice cat mall/out
    [[ $output == *"$want"* ]]
    [[ $(grep -c 'stays in force' <<<"$output") == 1 ]]
    [[ $(grep -c 'new plan' <<<"$output") -le 2 ]]
    as alice grep -q '"plan":"v1 ' mall/st/state.json
}
# Slurm waits two minutes before it runs a requeued job again; but slurmd refuses one within two seconds of its end.
begins() {
    local at=$BATS_TEST_TMPDIR/at
    [[ -e $at ]] || echo $((EPOCHSECONDS + 3)) >"$at"
    lab on ctl -- scontrol update jobid="$1" starttime="uts$(<"$at")" 2>/dev/null || true
    job_is "$1" RUNNING
}
