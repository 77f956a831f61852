#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# One budget over a real Slurm and a real Kueue: demand moves the split, the sum holds at every look, and a bridge that is killed between
# two steps leaves nothing that the next one can't go on from. Wants a lab with both.

bats_require_minimum_version 1.5.0
load kube.bash

BUDGET=5000
RULES="[ledger]
budget_w = $BUDGET
cluster_queue = ledger
slurm_min_w = 500
kueue_min_w = 500
interval = 1s
patience = 5s
"

setup_file() {
    lab on ctl -- squeue -h >/dev/null || skip "no Slurm in this lab"
    wait_idle
    lab node kctl kill-bridge
    kubectl apply -f - <<YAML
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: ledger}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: ledger}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [wattle.hpc/watts]
    flavors: [{name: ledger, resources: [{name: wattle.hpc/watts, nominalQuota: 500}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: ledger, namespace: default}
spec: {clusterQueue: ledger}
YAML
    { lab on ctl -- cat /etc/wattle/wattle.conf && printf '%s' "$RULES"; } | lab on ctl -- sh -c 'mkdir -p /run/ledger && cat >/run/ledger/wattle.conf'
    kubectl config view --raw --flatten | lab on ctl -- sh -c 'umask 077 && cat >/run/ledger/kubeconfig'
}

teardown_file() {
    bridge_kill
    lab on ctl -- sh -c 'scontrol delete ReservationName=wattle-ledger; scancel --user=alice; rm -rf /run/ledger' || true
    kubectl delete workloads,mpijobs --all --wait=false
    kubectl delete localqueue ledger --wait=false
    kubectl delete clusterqueue ledger --wait=false
    kubectl delete resourceflavor ledger --wait=false
    lab node kctl start-bridge
    wait_idle
}

teardown() { lab on ctl -- tail -n 20 /run/ledger/log >&2 || true; }

# Beside slurmctld, as one process; there is one bridge for the ledger here, so no lease of who leads.
bridge_start() {
    lab on ctl -- sh -c 'cd /run/ledger && { setsid wattle-bridge --conf /run/ledger/wattle.conf --kubeconfig kubeconfig --no-lease --no-node-watts \
        --status= >>log 2>&1 & echo $! >pid; }'
}
bridge_kill() { lab on ctl -- sh -c 'kill -KILL "$(cat /run/ledger/pid)"' 2>/dev/null || true; }

quota() { kubectl get clusterqueue ledger -o 'jsonpath={.spec.resourceGroups[0].flavors[0].resources[0].nominalQuota}' | sed 's/k$/000/'; }
withheld() { lab on ctl -- scontrol show reservation wattle-ledger -o 2>/dev/null | grep -o ' Licenses=power:[0-9]*' | cut -d: -f2 | grep . || echo 0; }
used() { lab on ctl -- scontrol show lic power -o | grep -o 'Used=[0-9]*' | cut -d= -f2; }
reserved_w() { kubectl get clusterqueue ledger -o 'jsonpath={.status.flavorsReservation[0].resources[0].total}' | sed 's/k$/000/'; }
slurm_limit() { echo $((5000 - $(withheld))); }
quota_is() { [[ $(quota) == "$1" ]]; }
quota_at_least() { [[ $(quota) -ge $1 ]]; }

# Both sides as they were at one moment: read until neither changed between two readings.
sum_holds() {
    local k s u again=20
    until k=$(quota) s=$(slurm_limit) u=$(used) && [[ $k == "$(quota)" && $s == "$(slurm_limit)" ]]; do
        ((again-- > 0)) || { echo "both sides never stood still" >&2 && return 1; }
    done
    ((s > u)) || s=$u
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
