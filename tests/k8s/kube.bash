# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests on the lab's Kubernetes: MPIJobs, and waiting for what becomes of them.
# shellcheck source=tests/system/cluster.bash
. "${BASH_SOURCE[0]%/*}/../system/cluster.bash"

kubectl() { lab kubectl "$@"; }

# mpijob NAME WORKERS COMMAND…: makes an MPIJob with a worker a node, whose launcher runs COMMAND; /home is there. Environment:
#   ASKS         what it asks of Wattle: WORD=VALUE, a line each
#   WATTS        of each worker, written as the resource that they are
#   QUEUE, GATE  a LocalQueue of Kueue; a gate of its own
#   CLEAN        cleanPodPolicy (Running); empty: nothing is said
#   SUSPEND      true: suspended by its user
#   READY        the launcher begins when all workers run
#   SCHEDULER    of its pods: one that does not exist keeps them from ever costing anything
mpijob() { manifest "$@" | kubectl create -f -; }
manifest() {
    local name=$1 workers=$2 asks policy=() resources=''
    shift 2
    asks=$(jq -Rnc '[inputs | select(. != "") | capture("^(?<word>[^=]*)=(?<value>.*)$") | {("wattle.hpc/" + .word): .value}] | add // {}' <<<"${ASKS-}")
    [[ -z ${GATE-} ]] || asks=$(jq -c --arg gate "$GATE" '. + {"kueue.x-k8s.io/admission-gated-by": $gate}' <<<"$asks")
    [[ -z ${CLEAN-Running} ]] || policy+=("cleanPodPolicy: ${CLEAN-Running}")
    [[ -z ${SUSPEND-} ]] || policy+=("suspend: $SUSPEND")
    [[ -z ${WATTS-} ]] || resources="resources: {limits: {wattle.hpc/watts: $WATTS}}"
    cat <<YAML
---
apiVersion: kubeflow.org/v2beta1
kind: MPIJob
metadata:
  name: $name
  labels: {${QUEUE:+kueue.x-k8s.io/queue-name: $QUEUE}}
  annotations: $asks
spec:
  slotsPerWorker: 1
  ${READY:+launcherCreationPolicy: WaitForWorkersReady}
  runPolicy: {$(
        IFS=,
        printf '%s' "${policy[*]}"
    )}
  mpiReplicaSpecs:
    Launcher:
      replicas: 1
      template:
        spec: &pod
          volumes: [{name: home, hostPath: {path: /home}}]
          terminationGracePeriodSeconds: 1
          ${SCHEDULER:+schedulerName: $SCHEDULER}
          containers:
          - &main
            name: main
            image: wattle.lab/mpi:latest
            imagePullPolicy: Never
            volumeMounts: [{name: home, mountPath: /home}]
            command: $(jq -nc '$ARGS.positional' --args -- "$@")
    Worker:
      replicas: $workers
      template:
        spec:
          <<: *pod
          topologySpreadConstraints:
          - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {training.kubeflow.org/job-name: $name, training.kubeflow.org/job-role: worker}}}
          containers:
          - <<: *main
            command: [/usr/sbin/sshd, -De]
            $resources
YAML
}

# kueue_queue NAME WATTS: a ClusterQueue of so many watts; its flavor and the LocalQueue in front of it bear the same name.
kueue_queue() {
    kubectl apply -f - <<YAML
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: $1}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: $1}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [wattle.hpc/watts]
    flavors: [{name: $1, resources: [{name: wattle.hpc/watts, nominalQuota: $2}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: $1, namespace: default}
spec: {clusterQueue: $1}
YAML
}
# What Kueue has handed out of it, in watts.
queue_used() { kubectl get clusterqueue "$1" -o 'jsonpath={.status.flavorsReservation[0].resources[0].total}' | sed 's/k$/000/'; }
queues_end() { kubectl delete localqueue,clusterqueue,resourceflavor --all --wait="${1-true}" >/dev/null; }

job_has() { [[ $(kubectl get mpijob "$1" -o "jsonpath={.status.conditions[?(@.type==\"$2\")].status}") == True ]]; }
job_log() { kubectl logs -l "training.kubeflow.org/job-name=$1,training.kubeflow.org/job-role=launcher" --tail=-1; }
# Every job and pod that a test made.
jobs_end() {
    kubectl delete mpijobs --all --now --wait=false >/dev/null
    kubectl delete pods --all --now --wait=false >/dev/null
    until_true 120 nothing_runs
}
nothing_runs() {
    local left
    left=$(kubectl get mpijobs,pods,workloads.kueue.x-k8s.io -o name) && [[ -z $left ]]
}
workers_gone() { [[ -z $(kubectl get pods -l "training.kubeflow.org/job-name=$1,training.kubeflow.org/job-role=worker" -o name) ]]; }
pods_of() { kubectl get pods -l "training.kubeflow.org/job-name=$1" --no-headers; }
node_ready() { [[ $(kubectl get node "$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == "${2-True}" ]]; }
