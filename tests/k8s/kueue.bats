# SPDX-License-Identifier: GPL-2.0-or-later
# wattle-bridge beside a real Kueue: it uses Kueue's quota and gates, and leaves suspend to it. Nobody looks at whether pods fit on the nodes here: what
# counts is what is admitted.
bats_require_minimum_version 1.5.0
load kube.bash
load bridge.bash

setup_file() {
    ! bridge_gone || bridge_start
    until_true 60 eval '[[ $(bridge_metric kueue) == 1 ]]'
}
setup() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    kueue_queue power 5000
}
teardown() {
    lab on login -- rm -f /var/lib/wattle/carbon/LAB.json
    ! bridge_gone || bridge_start
    jobs_end
    queues_end
}
# Of the workload of a job: the condition's status, or its message.
workload() { kubectl get workloads -o json | jq -r --arg job "$1" --arg type "$2" --arg what "${3:-status}" \
    '.items[] | select(.metadata.ownerReferences[0].name == $job) | .status.conditions[]? | select(.type == $type) | .[$what]'; }
admitted() { [[ $(workload "$1" Admitted) == True ]]; }
short_of() { [[ $(workload "$1" QuotaReserved message) == *"insufficient unused quota for wattle.hpc/watts"*"$2"* ]]; }
uses() { [[ $(queue_used power) == "$1" ]]; }

@test "a queue of 5 kW: 1500 + 1000 + 2000 W run, 1500 W wait for 1 kW, and run when 1500 W have ended" {
    export QUEUE=power
    power_job one 5 'sleep 900' power=1500W/job
    power_job two 4 'sleep 900' power=1000W/job
    power_job three 5 'sleep 900' power=2000W/job
    for job in one two three; do until_true 60 decided $job; until_true 60 admitted $job; done
    [[ $(watts_of one) == 300 && $(watts_of two) == 250 && $(watts_of three) == 400 ]]
    until_true 30 uses 4500
    power_job four 5 'sleep 900' power=1500W/job
    until_true 60 decided four
    until_true 60 short_of four '1k more needed'
    suspended four
    kubectl delete mpijob one --now --wait=false
    until_true 120 admitted four
    until_true 30 uses 4500
    # suspend is Kueue's: nobody of ours has ever written it
    for job in two three four; do
        run -0 kubectl get mpijob $job -o json --show-managed-fields
        [[ $(jq -r '.metadata.managedFields[] | select(.manager | startswith("wattle-bridge")) | .fieldsV1 | tostring' <<<"$output") != *f:suspend* ]]
    done
}

@test "a job that waits for a clean hour holds no quota, and starts in its time, across a death of the bridge" {
    forecast 60
    QUEUE=power GATE=wattle.hpc/start power_job green 2 'sleep 300' power=200W carbon=start carbon-within=15m work=1m
    until_true 30 decided green
    [[ $(said_of green decision) == *'starts '*'less CO2'* ]]
    sleep 3
    [[ $(queue_used power) == 0 ]]
    suspended green
    bridge_kill
    bridge_start
    [[ $(queue_used power) == 0 ]]
    start=$(date -d "$(said_of green start)" +%s)
    until_true 180 admitted green
    (($(date +%s) >= start && $(date +%s) < start + 30))
    until_true 30 uses 400
    until_true 30 not_suspended green
}

@test "a gate of somebody else's stays" {
    QUEUE=power GATE=other.org/gate,wattle.hpc/start power_job both 1 'sleep 300' power=200W
    until_true 30 decided both
    until_true 30 gate_is both other.org/gate
    sleep 3
    [[ $(queue_used power) == 0 ]]
    suspended both
}
gate_is() { [[ $(field "$1" '.metadata.annotations.kueue\.x-k8s\.io/admission-gated-by') == "$2" ]]; }
