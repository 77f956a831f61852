# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of wattle-agent on Kubernetes nodes: pods with watts, and what the nodes' limits are.
# shellcheck source=tests/k8s/kube.bash
. "${BASH_SOURCE[0]%/*}/kube.bash"
# shellcheck source=tests/system/limits.bash
. "${BASH_SOURCE[0]%/*}/../system/limits.bash"

agent_runs() { lab on "$1" -- pgrep -x wattle-agent; }
agent_gone() { ! agent_runs "$1"; }
# shellcheck disable=SC2016
agent_start() {
    agent_runs "$1" >/dev/null ||
        lab on "$1" -- sh -c 'setsid -f wattle-agent --kubeconfig /etc/kubernetes/wattle-agent.conf >>/var/log/kubernetes/wattle-agent.log 2>&1' </dev/null
    until_true 30 agent_runs "$1"
}
agent_kill() {
    lab on "$1" -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone "$1"
}
agent_log() { lab on "$1" -- cat /var/log/kubernetes/wattle-agent.log; }

# Agents run, and the limits are remembered as they are without pods.
nodes_ready() {
    local node
    export NODE_DIR=$BATS_FILE_TMPDIR
    jobs_end
    for node in k1 k2; do
        agent_start "$node"
        until_true 120 node_ready "$node"
        until_true 10 no_lease "$node"
        limits "$node" >"$NODE_DIR/boot.$node"
    done
}
no_lease() { [[ $(lab on "$1" -- wattle lease list --json | jq '(.pods | length) + (.limits | length)') == 0 ]]; }
has_lease() { [[ $(lab on "$1" -- wattle lease list --json | jq "[.pods[] | select(.pod == \"default/$2\")] | length") == 1 ]]; }
# Its sandbox is known, so its processes are watched.
is_held() { [[ $(lab on "$1" -- wattle lease list --json | jq "[.pods[] | select(.pod == \"default/$2\") | .holder.alive] == [true]") == true ]]; }

# pod NAME NODE WATTS COMMAND…: a pod that is ready once it runs. Environment: ANNOTATIONS, INIT (initContainers), POLICY, VOLUMES.
pod() {
    local name=$1 node=$2 watts=$3
    shift 3
    kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $name, annotations: {${ANNOTATIONS-}}}
spec:
  nodeSelector: {kubernetes.io/hostname: $node}
  restartPolicy: ${POLICY:-Never}
  terminationGracePeriodSeconds: 1
  volumes: [${VOLUMES-}]
  initContainers: [${INIT-}]
  containers:
  - name: main
    image: wattle.lab/busybox
    imagePullPolicy: Never
    command: $(jq -nc '$ARGS.positional' --args -- "$@")
    resources: {limits: {wattle.hpc/watts: $watts}}
YAML
    until_true 60 pod_is "$name" Running
    until_true 10 is_held "$node" "$name"
}
pod_is() { [[ $(kubectl get pod "$1" -o 'jsonpath={.status.phase}') == "$2" ]]; }
pod_gone() { ! kubectl get pod "$1" 2>/dev/null; }
has_event() { kubectl get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].message}' | grep -q "$3"; }

# end_and_time NODE PATTERN [COMMAND]: on NODE runs COMMAND (nothing: waits), and prints the milliseconds from the end of the last process whose command
# line matches to every limit back at its boot value.
end_and_time() {
    # shellcheck disable=SC2016
    lab on "$1" -- bash -c '
        want=$1 zone=(/sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw)
        mapfile -t pids < <(pgrep -f -- "$2")
        ((${#pids[@]})) || { echo "no process $2" >&2; exit 1; }
        eval "$3"
        # a zombie has ended: what is left of it is for its parent; one that exits (PF_EXITING) runs nothing any more, and has left its cgroup
        ended() {
            local p stat state flags
            for p in "${pids[@]}"; do
                { stat=$(</proc/"$p"/stat); } 2>/dev/null || continue
                read -r state _ _ _ _ _ flags _ <<<"${stat##*) }"
                [[ $state == [ZX] ]] || ((flags & 4)) || return 1
            done
            return 0
        }
        end=$((${EPOCHREALTIME/./} + 30000000)) dead=
        while ((${EPOCHREALTIME/./} < end)); do
            look=$EPOCHREALTIME
            [[ -n $dead ]] || ! ended || dead=$look
            now=
            for z in "${zone[@]}"; do now+="$(<"$z") "; done
            # it may have ended, and its limits been given back, between the two looks
            if [[ -z $dead && $now == "$want " ]]; then
                ended || { echo "back before the last process ended" >&2; exit 1; }
                dead=$look
            fi
            if [[ -n $dead && $now == "$want " ]]; then
                back=$EPOCHREALTIME
                echo $(((${back/./} - ${dead/./}) / 1000))
                exit 0
            fi
            sleep 0.01
        done
        echo "still at $now, wanted $want" >&2
        exit 1' - "$(<"$NODE_DIR/boot.$1")" "$2" "${3-}"
}
