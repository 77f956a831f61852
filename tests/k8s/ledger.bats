#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One budget over a real Slurm and a real Kueue: demand moves the split, the sum holds at every look, and a bridge that is killed between
# two steps leaves nothing that the next one can't go on from. Where Kueue's part falls below its use, caps of its pods fall, as nodes have
# them; jobs are stopped only later, if at all. Wants a lab with both.

bats_require_minimum_version 1.5.0
load agent.bash

K8S=$BATS_TEST_DIRNAME/../../conf/k8s
BUDGET=5000

setup_file() {
    lab on ctl -- squeue -h >/dev/null || skip "no Slurm in this lab"
    wait_idle
    lab node kctl kill-bridge
    nodes_ready
    kueue_queue ledger 500
    # the bridge's own account, with no more rights than the component gives it
    sed 's/resourceNames: \[watts\]/resourceNames: [ledger]/' "$K8S"/ledger/rbac.yaml | kubectl apply -f - -f "$K8S"/ledger/confine.yaml
    lab on ctl -- mkdir -p /run/ledger
    lab on kctl -- cat /etc/kubernetes/bridge.conf | lab on ctl -- sh -c 'umask 077 && cat >/run/ledger/kubeconfig'
}

teardown_file() {
    bridge_kill
    lab on ctl -- sh -c 'scontrol delete ReservationName=wattle-ledger; scancel --user=alice; rm -rf /run/ledger' || true
    jobs_end
    queues_end
    kubectl delete --ignore-not-found clusterrole/ledger-reads clusterrolebinding/ledger-reads
    kubectl delete -f "$K8S"/ledger/confine.yaml -f "$K8S"/ledger/rbac.yaml
    lab node kctl start-bridge
    wait_idle
}

teardown() { lab on ctl -- tail -n 20 /run/ledger/log >&2 || true; }

# rules [LINE …]: the site's configuration with the ledger's, for $BUDGET. Environment: PATIENCE.
rules() {
    { lab on ctl -- cat /etc/wattle/wattle.conf && cat <<CONF; } | lab on ctl -- sh -c 'cat >/run/ledger/new && mv /run/ledger/new /run/ledger/wattle.conf'

[ledger]
budget_w = $BUDGET
cluster_queue = ledger
slurm_min_w = $((BUDGET / 10))
kueue_min_w = $((BUDGET / 10))
interval = 1s
patience = ${PATIENCE-5s}
$(printf '%s\n' "$@")
CONF
}

# Beside slurmctld, as one process; there is one bridge for the ledger here, so no lease of who leads.
bridge_start() {
    bridge_kill
    lab on ctl -- sh -c 'cd /run/ledger && { setsid wattle-bridge --conf /run/ledger/wattle.conf --kubeconfig kubeconfig --no-lease --no-node-watts \
        --status=127.0.0.1:9471 >>log 2>&1 & }'
}
bridge_kill() { lab on ctl -- pkill -KILL -x wattle-bridge || true; }
metric() { lab on ctl -- curl -sS --max-time 5 http://127.0.0.1:9471/metrics | awk -v name="wattle_bridge_ledger_$1" '$1 == name { print $2 }'; }

quota() { kubectl get clusterqueue ledger -o 'jsonpath={.spec.resourceGroups[0].flavors[0].resources[0].nominalQuota}' | sed 's/k$/000/'; }
withheld() { lab on ctl -- scontrol show reservation wattle-ledger -o 2>/dev/null | grep -o ' Licenses=power:[0-9]*' | cut -d: -f2 | grep . || echo 0; }
used() { lab on ctl -- scontrol show lic power -o | grep -o 'Used=[0-9]*' | cut -d= -f2; }
slurm_limit() { echo $((5000 - $(withheld))); }
quota_is() { [[ $(quota) == "$1" ]]; }
quota_at_least() { [[ $(quota) -ge $1 ]]; }

# Both sides as they were at one moment: read until neither changed between two readings. A side holds what it was set to, or what it uses if
# that is more.
sum_holds() {
    local k r s u again=20
    until k=$(quota) s=$(slurm_limit) u=$(used) r=$(queue_used ledger) && [[ $k == "$(quota)" && $s == "$(slurm_limit)" ]]; do
        ((again-- > 0)) || { echo "both sides never stood still" >&2 && return 1; }
    done
    ((s > u)) || s=$u
    ((k > r)) || k=$r
    ((k + s <= BUDGET)) || { echo "Kueue $k W and Slurm $s W are more than $BUDGET W" >&2 && return 1; }
}

# asks N WATTS: N Kueue workloads that want so much each
asks() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf -- '---\napiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nmetadata:\n  generateName: ledger-\n  labels: {kueue.x-k8s.io/queue-name: ledger}\nspec:\n'
        printf '  mpiReplicaSpecs:\n    Launcher: {replicas: 1, template: {spec: {containers: [{name: l, image: none}]}}}\n'
        printf '    Worker: {replicas: 1, template: {spec: {containers: [{name: w, image: none, resources: {limits: {wattle.hpc/watts: %s}}}]}}}\n' "$2"
    done | kubectl create -f -
}

@test "what is over the budget is lowered first, then demand moves the split" {
    rules
    bridge_start
    # Slurm had all 5000, Kueue 500
    until_true 60 sum_holds
    asks 4 400
    until_true 60 quota_at_least 1600
    sum_holds
    [[ $(withheld) -ge 1600 ]]
}

@test "Slurm's use is not there to be given; it comes when its jobs end" {
    local id
    id=$(as alice sbatch --parsable -o /dev/null -N1 --power=400 --wrap 'sleep 600')
    until_true 30 job_is "$id" RUNNING
    as alice sbatch --parsable -H -o /dev/null -N1 --power=400 --wrap true
    asks 20 400
    until_true 60 quota_at_least 2400
    for _ in {1..10}; do sum_holds; done
    lab on ctl -- scancel --user=alice
    kubectl delete mpijobs --all
}

# bats test_tags=slow
@test "killed at any moment, ten times, with demand on both sides: the sum holds at every look" {
    local round
    # run by itself, too: begins from a split that holds
    rules
    bridge_start
    until_true 60 sum_holds
    for round in {1..10}; do
        if ((round % 2)); then asks 10 400 >/dev/null; else kubectl delete mpijobs --all --wait=false >/dev/null; fi
        sleep "0.$((RANDOM % 10))"
        bridge_kill
        sum_holds
        bridge_start
        sum_holds
    done
    # and it still works
    kubectl delete mpijobs --all
    asks 9 400
    until_true 60 quota_at_least 3600
    sum_holds
}

@test "a slurmctld that does not answer: nothing moves, and it says so" {
    local before
    before=$(quota)
    lab on ctl -- pkill -STOP -x slurmctld
    kubectl delete mpijobs --all --wait=false
    until_true 90 lab on ctl -- grep -q 'ledger: Slurm: .*the split stays as it is' /run/ledger/log
    [[ $(quota) == "$before" ]] || { lab on ctl -- pkill -CONT -x slurmctld && false; }
    lab on ctl -- pkill -CONT -x slurmctld
    until_true 60 lab on ctl -- scontrol ping
    asks 3 400
    sum_holds
}

# --- lowered below its use --------------------------------------------------------------------------------------------------------------

# A budget for two real workers of 400 W, each on a node of its own, which hold 800 W of it; two jobs of Slurm's then want half of it.
two_run() {
    BUDGET=1000
    bridge_kill
    lab on ctl -- scancel --user=alice
    jobs_end
    rules "$@"
    bridge_start
    QUEUE=ledger WATTS=400 mpijob old 1 sleep 900
    until_true 120 worker_runs old
    # creation times have no fractions
    sleep 1
    QUEUE=ledger WATTS=400 mpijob new 1 sleep 900
    until_true 120 worker_runs new
    until_true 60 quota_at_least 800
    sum_holds
    at_boot k1 && at_boot k2 # 400 W are no cap
    OLD=$(uid_of old) OLD_NODE=$(node_of old) NEW_NODE=$(node_of new)
}
slurm_wants() {
    as alice sbatch --parsable -o /dev/null -N1 --power=400 --wrap 'sleep 900'
    as alice sbatch --parsable -o /dev/null -N1 --power=400 --wrap 'sleep 900'
}
worker() { kubectl get pod "$1-worker-0" -o "jsonpath={$2}"; }
uid_of() { worker "$1" .metadata.uid; }
node_of() { worker "$1" .spec.nodeName; }
worker_runs() { [[ $(worker "$1" .status.phase) == Running ]]; }
tightened() { worker "$1" '.metadata.annotations.wattle\.hpc/tightened'; }
workload() { kubectl get workloads.kueue.x-k8s.io -o json | jq -r --arg job "$1" ".items[] | select(.metadata.ownerReferences[0].name == \$job) | $2"; }
is_stopped() { [[ $(workload "$1" '.spec.active, .metadata.annotations["wattle.hpc/evicted"] != null' | tr '\n' ' ') == 'false true ' ]]; }
none_marked() { [[ $(kubectl get workloads.kueue.x-k8s.io,pods -o json | jq '[.items[].metadata.annotations // {} | keys[] | select(. == "wattle.hpc/tightened" or . == "wattle.hpc/evicted")] | length') == 0 ]]; }
# 400 W at 500 of 800 W: 250 W, so 95 W for each of two packages.
TIGHT=95000000

@test "lowered below its use: the nodes' caps fall before anything is stopped, and come back with demand" {
    local start i
    two_run 'evict_after = never'
    # a user who has lowered his further keeps that, now and afterwards
    kubectl annotate pod new-worker-0 'wattle.hpc/grant=v1 watts=200'
    until_true 60 is_at "$NEW_NODE" "$(caps 70000000)"
    slurm_wants
    until_true 60 quota_is 500
    start=${EPOCHREALTIME/./}
    until_true 60 is_at "$OLD_NODE" "$(caps $TIGHT)"
    echo "capped $(((${EPOCHREALTIME/./} - start) / 1000)) ms after the limit was seen lowered, 5 s of patience among them"
    [[ $(tightened old) == 250 ]]
    until_true 60 eval '[[ $(tightened new) == 250 ]]'
    is_at "$NEW_NODE" "$(caps 70000000)"
    # what is drawn has fallen; what is held has not, and nobody is raised for it
    for ((i = 0; i < 5; i++)); do
        sum_holds
        [[ $(queue_used ledger) == 800 && $(quota) == 500 ]]
        is_at "$OLD_NODE" "$(caps $TIGHT)"
    done
    [[ $(uid_of old) == "$OLD" ]]
    worker_runs new
    until_true 60 eval '[[ $(metric tightened) == 1 && $(metric evicted_total) == 0 ]]'
    has_event old WattsTightened 'capped at 62%'
    # a pod that a user frees of it is capped again
    kubectl annotate pod old-worker-0 wattle.hpc/tightened-
    until_true 60 is_at "$OLD_NODE" "$(caps $TIGHT)"
    lab on ctl -- scancel --user=alice
    until_true 60 at_boot "$OLD_NODE"
    until_true 60 none_marked
    is_at "$NEW_NODE" "$(caps 70000000)"
    quota_at_least 800
    sum_holds
}

@test "killed when caps are lowered: the next bridge stops the newest alone, and starts it again when there is room" {
    local asked
    two_run 'evict_after = never'
    # as a scaled job has it, which is told to checkpoint before it is stopped
    kubectl annotate mpijob new "wattle.hpc/plan=v1 start=$(date +%s) end=$(($(date +%s) + 9000)) deadline=0 overhead=5 slots=0:1:400"
    slurm_wants
    until_true 60 is_at "$OLD_NODE" "$(caps $TIGHT)"
    bridge_kill
    sum_holds
    # without it all stays as it is
    sleep 3
    is_at "$OLD_NODE" "$(caps $TIGHT)"
    PATIENCE=1h rules 'evict_after = 5s'
    bridge_start
    until_true 60 is_stopped new
    sum_holds
    until_true 30 has_event new-worker-0 WattleCheckpointAsked .
    asked=$(date -d "$(kubectl get mpijob new -o 'jsonpath={.metadata.annotations.wattle\.hpc/checkpoint}')" +%s)
    (($(date -d "$(workload new '.metadata.annotations["wattle.hpc/evicted"]')" +%s) >= asked))
    [[ -z $(kubectl get mpijob old -o 'jsonpath={.metadata.annotations.wattle\.hpc/checkpoint}') ]]
    has_event new WattsEvicted 'starts again when there is room'
    until_true 60 eval '[[ $(queue_used ledger) == 400 ]]'
    # the other draws what it was given again, and never stopped; Slurm has what was set free
    until_true 60 at_boot "$OLD_NODE"
    [[ $(uid_of old) == "$OLD" ]]
    worker_runs old
    until_true 60 eval '[[ $(used) == 400 ]]'
    sum_holds
    until_true 60 eval '[[ $(metric evicted_total) == 1 && $(metric tightened) == 0 ]]'
    is_stopped new
    # killed with it stopped, too
    bridge_kill
    lab on ctl -- scancel --user=alice
    bridge_start
    until_true 120 worker_runs new
    until_true 60 none_marked
    [[ $(workload new .spec.active) == true && $(uid_of old) == "$OLD" ]]
    sum_holds
    lab on ctl -- grep -q 'has room for it: it may start again' /run/ledger/log
}

# bats test_tags=slow
@test "killed at any moment while demand turns: whatever is left over is found, and the sum holds at every look" {
    local round
    PATIENCE=1s
    two_run 'evict_after = 2s'
    for round in {1..8}; do
        if ((round % 2)); then slurm_wants; else lab on ctl -- scancel --user=alice; fi
        sleep "$((RANDOM % 4)).$((RANDOM % 10))"
        bridge_kill
        sum_holds
        bridge_start
        sum_holds
    done
    lab on ctl -- scancel --user=alice
    until_true 120 worker_runs new
    until_true 120 none_marked
    [[ $(uid_of old) == "$OLD" ]]
    at_boot "$OLD_NODE"
    sum_holds
}

@test "the bridge's account may change its own annotations of pods and workloads, and spec.active, and nothing else" {
    local as=--as=system:serviceaccount:wattle-system:wattle-bridge pod=pod/old-worker-0 workload patch
    two_run 'evict_after = never'
    bridge_kill
    workload=workloads.kueue.x-k8s.io/$(workload old .metadata.name)
    # kubectl reads what it patches, the bridge does not
    kubectl create clusterrole ledger-reads --verb=get --resource=pods,workloads.kueue.x-k8s.io
    kubectl create clusterrolebinding ledger-reads --clusterrole=ledger-reads --serviceaccount=wattle-system:wattle-bridge
    kubectl patch $as $pod --type merge -p '{"metadata": {"annotations": {"wattle.hpc/tightened": "300"}}}'
    until_true 30 is_at "$OLD_NODE" "$(caps 120000000)"
    kubectl patch $as $pod --type merge -p '{"metadata": {"annotations": {"wattle.hpc/tightened": null}}}'
    until_true 30 at_boot "$OLD_NODE"
    for patch in '{"spec": {"containers": [{"name": "main", "image": "wattle.lab/busybox"}]}}' '{"metadata": {"labels": {"a": "b"}}}' \
        '{"metadata": {"labels": {"training.kubeflow.org/job-role": null}}}' '{"metadata": {"annotations": {"a": "b"}}}' \
        '{"metadata": {"annotations": {"wattle.hpc/tightened": "200", "wattle.hpc/grant": "v1 watts=100"}}}' '{"metadata": {"finalizers": ["a.b/c"]}}' \
        '{"metadata": {"ownerReferences": null}}' '{"spec": {"activeDeadlineSeconds": 5}}'; do
        refused_as_confined $pod "$patch" --type strategic
    done
    kubectl annotate $pod a=b
    refused_as_confined $pod '{"metadata": {"annotations": {"a": null}}}' --type merge
    refused_as_confined $pod '{"metadata": {"annotations": null}}' --type merge
    for patch in '{"spec": {"priority": 7}}' '{"spec": {"active": false, "priority": 7}}' '{"metadata": {"labels": {"a": "b"}}}' \
        '{"metadata": {"annotations": {"a": "b"}}}' '{"metadata": {"finalizers": ["a.b/c"]}}'; do
        refused_as_confined "$workload" "$patch" --type merge
    done
    kubectl patch $as "$workload" --type merge -p '{"metadata": {"annotations": {"wattle.hpc/evicted": "2026-11-29T20:00:00Z"}}, "spec": {"active": false}}' --dry-run=server
    [[ $(uid_of old) == "$OLD" ]]
    # others are not held to it
    kubectl label $pod a=b
    for what in 'delete pods' 'create pods' 'patch pods --subresource=status' 'patch workloads.kueue.x-k8s.io --subresource=status' 'delete workloads.kueue.x-k8s.io' 'get secrets'; do
        # shellcheck disable=SC2086  # verb and kind
        run kubectl auth can-i $what -A $as
        [[ $status -ne 0 ]] || { echo "may $what" >&2 && return 1; }
    done
}
refused_as_confined() {
    local said
    ! said=$(kubectl patch --as=system:serviceaccount:wattle-system:wattle-bridge "$1" "${@:3}" -p "$2" 2>&1) &&
        [[ $said == *'wattle-bridge may change'* ]] || { echo "$1: $2: $said" >&2 && return 1; }
}
