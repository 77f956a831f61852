# SPDX-License-Identifier: GPL-2.0-or-later
# What everything else on Kubernetes relies on: the lab keeps its contract. The test that ends a lab makes one of its own.
bats_require_minimum_version 1.5.0
load kube.bash

setup_file() {
    export MINE=${WATTLE_LAB:-lab}-own
    # A rank says where it is and how long the same work takes it.
    lab run --user alice -- sh -c 'cat >work.c && mpicc -O1 -o work work.c' <<'C'
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	int rank, size, sum;
	char host[64];
	volatile double x = 1;
	double t;
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &size);
	gethostname(host, sizeof host);
	t = MPI_Wtime();
	for (long i = 0; i < 1000000 * (argc > 1 ? atol(argv[1]) : 1); i++)
		x = x * 1.0000001;
	t = MPI_Wtime() - t;
	printf("rank %d on %s: %.3f s, %.3f of a CPU\n", rank, host, t, (double) clock() / CLOCKS_PER_SEC / t);
	fflush(stdout);
	MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
	if (rank == 0)
		printf("ranks=%d sum=%d\n", size, sum);
	return MPI_Finalize();
}
C
}
teardown_file() {
    mine down --force >/dev/null 2>&1 || true
    lab run --user alice -- rm -f work work.c
}
setup() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
}
teardown() {
    jobs_end
    queues_end || true
}
mine() { WATTLE_LAB=$MINE "$BATS_TEST_DIRNAME/../lab" "$@"; }

@test "all nodes are Ready and show watts; kubectl passes stdin, stdout and the exit status" {
    run -0 kubectl get nodes --no-headers
    [[ ${#lines[@]} == 2 && ${lines[0]} == k1*Ready* && ${lines[1]} == k2*Ready* ]]
    [[ $(kubectl get node k1 -o 'jsonpath={.status.allocatable.wattle\.hpc/watts}') == 400 ]]
    run -1 kubectl get node k9
    run -0 kubectl create --dry-run=client -o name -f - <<<'{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}'
    [[ $output == namespace/x ]]
}

@test "an MPIJob computes on both nodes" {
    mpijob hello 2 mpirun -n 2 /home/alice/work
    until_true 120 job_has hello Succeeded
    run -0 job_log hello
    [[ $output == *"ranks=2 sum=1"* ]]
    [[ $output == *"on hello-worker-0:"* && $output == *"on hello-worker-1:"* ]]
    until_true 60 workers_gone hello # cleanPodPolicy
}

@test "a power cap slows the pods of its node, and no other's" {
    local zones='/sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw' capped free before
    # shellcheck disable=SC2016
    before=$(lab on k1 -- sh -c "cat $zones")
    lab on k1 -- sh -c "for z in $zones; do echo 30000000 >\$z; done"
    mpijob slow 2 mpirun -n 2 /home/alice/work 200
    until_true 120 job_has slow Running
    run -0 kubectl get pods -l training.kubeflow.org/job-role=worker -o 'custom-columns=N:.spec.nodeName,P:.metadata.name' --no-headers
    capped=$(awk '$1 == "k1" { print $2 }' <<<"$output") free=$(awk '$1 == "k2" { print $2 }' <<<"$output")
    until_true 120 job_has slow Succeeded
    # Back as they were.
    # shellcheck disable=SC2016
    lab on k1 -- sh -c 'for z in '"$zones"'; do read -r v && echo $v >$z; done' <<<"$before"
    run -0 job_log slow
    # At full speed a node has 0.3 of a CPU, with that cap 0.144.
    awk -v capped="$capped:" -v free="$free:" '$4 == capped { c = $5; cpu = $7 } $4 == free { f = $5 } END { exit !(f > 0 && c > 1.25 * f && cpu < 0.18) }' <<<"$output"
}

@test "Kueue admits a job and lets another wait while the watts of its queue are used" {
    kueue_queue power 500
    QUEUE=power WATTS=150 mpijob first 2 sleep 600
    until_true 120 job_has first Running
    QUEUE=power WATTS=150 mpijob second 2 mpirun -n 2 /home/alice/work
    until_true 60 waits_for_watts
    [[ -z $(pods_of second) ]]
    kubectl delete mpijob first --now
    until_true 120 job_has second Succeeded
}
waits_for_watts() { kubectl get workloads.kueue.x-k8s.io -o 'jsonpath={..message}' | grep 'insufficient unused quota for wattle.hpc/watts'; }

# bats test_tags=slow
@test "killed API server and etcd: pods run on, and the cluster goes on when they are back" {
    mpijob long 2 sh -c 'sleep 5; mpirun -n 2 /home/alice/work 30'
    until_true 120 job_has long Running
    lab node kctl kill-apiserver
    run -1 kubectl get nodes
    lab node kctl kill-etcd
    lab node kctl start-etcd
    lab node kctl start-apiserver
    until_true 120 job_has long Succeeded
}

@test "a kubelet that is killed leaves its pods running; one that is started takes them over" {
    local pid
    kubectl run hold --image wattle.lab/busybox:latest --image-pull-policy Never --restart Never --overrides '{"spec": {"nodeName": "k1", "terminationGracePeriodSeconds": 1}}' -- sleep 4711
    until_true 60 kubectl wait --for condition=Ready --timeout 1s pod/hold
    pid=$(lab on k1 -- pgrep -fx 'sleep 4711')
    lab node k1 kill-kubelet
    until_true 10 no_kubelet k1
    [[ $(lab on k1 -- pgrep -fx 'sleep 4711') == "$pid" ]]
    lab node k1 start-kubelet
    kubectl delete pod hold --now
    run -1 lab on k1 -- pgrep -fx 'sleep 4711'
    until_true 60 node_ready k1
}

no_kubelet() { ! lab on "$1" -- pgrep -x kubelet; }

@test "a node that reboots comes back: new boot id, limits as at boot, no pod left of before" {
    local before zone=/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw limit
    before=$(kubectl get node k2 -o 'jsonpath={.status.nodeInfo.bootID}')
    limit=$(lab on k2 -- cat $zone)
    kubectl run hold --image wattle.lab/busybox:latest --image-pull-policy Never --restart Never --overrides '{"spec": {"nodeName": "k2", "terminationGracePeriodSeconds": 1}}' -- sleep 4711
    until_true 60 kubectl wait --for condition=Ready --timeout 1s pod/hold
    lab on k2 -- sh -c "echo 100000000 >$zone"
    lab node k2 reboot
    until_true 120 booted_anew k2 "$before"
    until_true 60 node_ready k2
    [[ $(lab on k2 -- cat $zone) == "$limit" ]]
    run -1 lab on k2 -- pgrep -fx 'sleep 4711'
    kubectl delete pod hold --now
    [[ $(find /sys/fs/cgroup/cpu/wattle-"${WATTLE_LAB:-lab}"/k2/kubepods -mindepth 2 -type d -name 'pod*' 2>/dev/null | wc -l) == 0 ]]
    mpijob after 2 mpirun -n 2 /home/alice/work
    until_true 120 job_has after Succeeded
}
booted_anew() { [[ $(kubectl get node "$1" -o 'jsonpath={.status.nodeInfo.bootID}') != "$2" ]]; }

@test "Wattle runs as the pods that a site would apply, and they admit MPIJobs" {
    mine up --k8s-only=1 --wattle-as pods
    run -0 mine on k1 -- pgrep -x wattle-agent
    [[ $(mine on k1 -- cat "/proc/$output/cgroup") == */kubepods/* ]]
    [[ $(mine kubectl get node k1 -o 'jsonpath={.status.capacity.wattle\.hpc/watts}') == 400 ]]
    # The webhook's answer is in what the API server made of it.
    run -0 mine kubectl create -o json -f - <<'YAML'
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata: {name: asks, annotations: {wattle.hpc/power: 250W}}
spec:
  mpiReplicaSpecs:
    Launcher: {replicas: 1, template: {spec: {containers: [{name: l, image: "wattle.lab/mpi:latest", imagePullPolicy: Never, command: ["true"]}]}}}
    Worker: {replicas: 1, template: {spec: {containers: [{name: w, image: "wattle.lab/mpi:latest", imagePullPolicy: Never}]}}}
YAML
    [[ $(jq -r '.spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources.limits["wattle.hpc/watts"]' <<<"$output") == 250 ]]
    mine down
}

# bats test_tags=slow
@test "down leaves no process, mount, cgroup or network behind, pods running or not" {
    mine up --k8s-only=1 --no-wattle
    mine kubectl run hold --image wattle.lab/busybox:latest --image-pull-policy Never --restart Never -- sleep 4712
    until_true 60 mine kubectl wait --for condition=Ready --timeout 1s pod/hold
    [[ -n $(traces_of "$MINE") ]]
    [[ -d /sys/fs/cgroup/memory/wattle-$MINE/k1/kubepods ]]
    mine down
    [[ -z $(traces_of "$MINE") ]]
    run -1 pgrep -fx 'sleep 4712'
}
# Everything on this machine that bears a lab's name.
traces_of() {
    local p
    {
        for p in /proc/[0-9]*; do
            [[ ! -e $p/root/run/wattle-lab/$1/room/hosts ]] || printf 'process %s\n' "${p##*/}"
        done
        pgrep -af "wattle-lab/$1/" | sed 's/^/process /'
        awk -v name="wattle-lab/$1/" 'index($0, name) { print "mount", $5 }' /proc/self/mountinfo
        find /sys/fs/cgroup -type d -name "wattle-$1"
        find /run/wattle-lab -maxdepth 1 -name "*$1*"
        ip -o link | grep -E ' (br0|cni0|v-[a-z0-9]+)[@:]'
    } 2>/dev/null || true
}
