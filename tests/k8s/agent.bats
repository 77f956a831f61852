#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the node
# wattle-agent on nodes of a real Kubernetes: pods with watts, their ends, and whatever dies meanwhile.
#
# The lab's class: base_w 60, so 200 W a node are 70 W for each of two packages, 150 W are 45.

bats_require_minimum_version 1.5.0
load agent.bash

setup_file() { nodes_ready; }
setup() { PATH=$BATS_TEST_DIRNAME/..:$PATH; }
teardown() {
    local node
    lab on kctl -- pkill -CONT -x kube-apiserver || true
    for node in k1 k2; do
        lab fault "$node" clear
        lab node "$node" start-kubelet >/dev/null 2>&1 || true
        agent_start "$node"
    done
    jobs_end
    for node in k1 k2; do until_true 10 at_boot "$node"; done
}

@test "a pod's watts are the node's cap while it runs; all is back within a second of its end: median of five within 200 ms" {
    local i ms all=()
    for i in 1 2 3 4 5; do
        pod "short-$i" k1 200 sleep "100$i"
        is_at k1 "$(caps 70000000)"
        at_boot k2
        ms=$(end_and_time k1 "^sleep 100$i" 'kill "${pids[@]}"; kill -KILL "${pids[@]}"')
        echo "restored after $ms ms"
        ((ms < 1000))
        all+=("$ms")
    done
    mapfile -t all < <(printf '%s\n' "${all[@]}" | sort -n)
    ((all[2] < 200))
    has_event short-1 WattleCapApplied '200 W of node k1'
}

@test "a pod that ends by itself, and one that is deleted: the same" {
    local ms
    pod itself k1 200 sleep 8
    is_at k1 "$(caps 70000000)"
    ms=$(end_and_time k1 '^sleep 8')
    echo "restored after $ms ms"
    ((ms < 1000))
    pod deleted k1 150 sleep 1000
    is_at k1 "$(caps 45000000)"
    kubectl delete pod deleted --wait=false
    ms=$(end_and_time k1 '^sleep 1000')
    echo "restored after $ms ms"
    ((ms < 1000))
}

@test "two pods on a node add up, and each keeps its own" {
    pod one k1 120 sleep 1001
    pod two k1 150 sleep 1002
    # 120 + 150 - 60 = 210 W for two packages
    is_at k1 "$(caps 105000000)"
    lab on k1 -- pkill -KILL -f '^sleep 1001'
    until_true 1 is_at k1 "$(caps 45000000)"
    run -0 lab on k1 -- wattle lease list
    [[ $output == *default/two*150\ W* && $output != *default/one* ]]
}

@test "an annotation lowers a pod's cap and never raises it; a hostile one is refused with an event" {
    local text
    pod lower k1 200 sleep 1000
    kubectl annotate pod lower 'wattle.hpc/grant=v1 watts=150'
    until_true 5 is_at k1 "$(caps 45000000)"
    kubectl annotate --overwrite pod lower 'wattle.hpc/grant=v1 watts=350'
    until_true 5 is_at k1 "$(caps 70000000)"
    until_true 10 has_event lower WattleGrantRefused '350 W, allocated are 200 W'
    for text in 'v1 watts=0' 'v1 watts=4000000000' '400' $'v1 watts=100\nwatts=399' "$(head -c 9000 /dev/zero | tr '\0' x)"; do
        kubectl annotate --overwrite pod lower "wattle.hpc/grant=$text"
    done
    sleep 1
    is_at k1 "$(caps 70000000)"
    until_true 10 has_event lower WattleGrantRefused '200 W as allocated'
}

@test "agent killed: the cap stays, the next agent goes on with it, and a pod that ended meanwhile is given back" {
    pod kept k1 200 sleep 1001
    agent_kill k1
    sleep 0.5
    is_at k1 "$(caps 70000000)"
    agent_start k1
    sleep 1
    is_at k1 "$(caps 70000000)"
    (($(end_and_time k1 '^sleep 1001' 'kill -KILL "${pids[@]}"') < 1000))
    pod lost k1 200 sleep 1002
    agent_kill k1
    lab on k1 -- pkill -KILL -f '^sleep 1002'
    sleep 1
    is_at k1 "$(caps 70000000)"
    agent_start k1
    until_true 5 at_boot k1
}

@test "kubelet killed: caps stay; a pod's end is noticed without it" {
    pod orphan k1 200 sleep 1001
    lab node k1 kill-kubelet
    kubectl delete pod orphan --wait=false
    sleep 2
    is_at k1 "$(caps 70000000)"
    (($(end_and_time k1 '^sleep 1001' 'kill -KILL "${pids[@]}"') < 1000))
    lab node k1 start-kubelet
    until_true 60 pod_gone orphan
}

@test "the API server hangs: caps stay; a pod's end is noticed; a new agent goes on from the book" {
    pod hung k1 200 sleep 1001
    pod waits k1 100 sleep 1002
    is_at k1 "$(caps 120000000)"
    lab on kctl -- pkill -STOP -x kube-apiserver
    lab on k1 -- pkill -KILL -f '^sleep 1001'
    until_true 1 is_at k1 "$(caps 20000000)"
    agent_kill k1
    agent_start k1
    sleep 1
    is_at k1 "$(caps 20000000)"
    lab on kctl -- pkill -CONT -x kube-apiserver
    until_true 60 node_ready k1
    sleep 1
    is_at k1 "$(caps 20000000)"
    (($(end_and_time k1 '^sleep 1002' 'kill -KILL "${pids[@]}"') < 1000))
}

@test "a pod deleted by force: the cap stays until its processes have ended" {
    local ms
    pod forced k1 200 sleep 1001
    lab node k1 kill-kubelet
    kubectl delete pod forced --force --grace-period=0
    until_true 10 pod_gone forced
    sleep 1
    is_at k1 "$(caps 70000000)"
    lab node k1 start-kubelet
    ms=$(end_and_time k1 '^sleep 1001')
    echo "restored after $ms ms"
    ((ms < 1000))
}

@test "a container that restarts keeps its cap" {
    POLICY=Always pod again k1 200 sleep 1001
    lab on k1 -- pkill -KILL -f '^sleep 1001'
    sleep 0.5
    is_at k1 "$(caps 70000000)"
    until_true 30 lab on k1 -- pgrep -f '^sleep 1001'
    is_at k1 "$(caps 70000000)"
}

@test "an admin's own change is kept and told; a restore that fails is owed, and done when the hardware lets it" {
    pod admin k1 200 sleep 1001
    lab on k1 -- sh -c 'echo 90000000 >/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw'
    lab on k1 -- pkill -KILL -f '^sleep 1001'
    until_true 2 no_lease k1
    [[ $(limits k1) == "90000000 "* ]]
    agent_log k1 | grep -q "somebody else's change"
    lab on k1 -- sh -c "echo $(cut -d' ' -f1 "$NODE_DIR/boot.k1") >/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw"
    at_boot k1
    pod owed k1 200 sleep 1002
    lab fault k1 write package-1 'constraint_*_power_limit_uw' EIO
    lab on k1 -- pkill -KILL -f '^sleep 1002'
    until_true 5 owed k1
    lab fault k1 clear
    until_true 90 at_boot k1
    run ! owed k1
}
owed() { lab on "$1" -- wattle lease list --json | grep -q '"owed": true'; }

@test "a barrier lets a pod's program begin once its cap is in force; it speaks for its own pod alone, and a restart of it changes nothing" {
    VOLUMES='{name: wattle, hostPath: {path: /run/wattle-barrier, type: Directory}}'
    local mount='volumeMounts: [{name: wattle, mountPath: /run/wattle-barrier, readOnly: true}]'
    INIT="{name: barrier, image: 'wattle.lab/wattle:latest', imagePullPolicy: Never, command: [wattle-barrier, --timeout=60], $mount}" \
        pod first k1 200 sleep 1001
    INIT="{name: barrier, image: 'wattle.lab/wattle:latest', imagePullPolicy: Never, restartPolicy: Always, command: [wattle-barrier, --stay], $mount}" \
        pod second k1 100 sleep 1002
    run -0 kubectl logs first -c barrier
    [[ $output == *"applied 200"* ]]
    run -0 kubectl logs second -c barrier
    [[ $output == *"applied 100"* ]]
    is_at k1 "$(caps 120000000)"
    # the sidecar restarts: what it finds is not taken for a baseline
    lab on k1 -- pkill -KILL -x wattle-barrier
    until_true 60 lab on k1 -- pgrep -x wattle-barrier
    is_at k1 "$(caps 120000000)"
    # a pod that mounts all it may: the book is not there
    run -0 kubectl exec second -c barrier -- ls /run/wattle-barrier
    [[ $output == barrier.sock ]]
    kubectl delete pod second --wait=false
    until_true 30 is_at k1 "$(caps 70000000)"
    (($(end_and_time k1 '^sleep 1001' 'kill -KILL "${pids[@]}"') < 1000))
}

@test "the agent may read pods and tell events, nothing else" {
    kubectl auth can-i --as system:serviceaccount:wattle-system:wattle-agent watch pods
    kubectl auth can-i --as system:serviceaccount:wattle-system:wattle-agent create events
    local what
    for what in 'patch pods' 'delete pods' 'create pods' 'patch nodes/status' 'patch nodes' 'list secrets' 'list nodes' 'update mpijobs.kubeflow.org' 'create pods/exec' \
        'create leases.coordination.k8s.io' 'patch events' 'get configmaps'; do
        # shellcheck disable=SC2086
        run ! kubectl auth can-i --as system:serviceaccount:wattle-system:wattle-agent $what
    done
}

@test "a node loses power: the book is void, limits are the firmware's, and pods of before hold nothing" {
    pod before k2 200 sleep 1001
    is_at k2 "$(caps 70000000)"
    lab node k2 reboot
    agent_start k2
    until_true 120 node_ready k2
    jobs_end
    until_true 10 no_lease k2
    limits k2 >"$NODE_DIR/boot.k2"
    [[ $(<"$NODE_DIR/boot.k2") != *70000000* ]]
    pod after k2 150 sleep 1002
    is_at k2 "$(caps 45000000)"
    (($(end_and_time k2 '^sleep 1002' 'kill -KILL "${pids[@]}"') < 1000))
}
