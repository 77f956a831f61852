# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/lab kwok: nodes that only say that they run pods, for measuring with thousands of them. Their pods become ready at once; those of
# Jobs (so MPIJobs' launchers) succeed after the annotation pod-complete.stage.kwok.x-k8s.io/delay, such as 30s.

for part in host k8s; do
    # shellcheck source=/dev/null
    . "$LAB_D/$part.bash"
done

lab_kwok() {
    [[ $# == 1 && $1 =~ ^[0-9]+$ && $1 -le 5000 ]] || usage_error "kwok: wanted a number of nodes, 0 to 5000"
    need_lab
    # shellcheck source=/dev/null
    . "$LAB_DIR/options"
    [[ -n ${LAB_K8S-} ]] || die "lab '$LAB_NAME' has no Kubernetes: start it with tests/lab up --k8s"
    lab_lock
    local dir
    dir=$("$LAB_D/k8s/build" kwok | cut -d' ' -f2) || die "kwok could not be built"
    LAB_LOG=$LAB_STATE/kubectl.log
    if (($1 == 0)); then kwok_end "$dir"; else kwok_begin "$dir" "$1"; fi >"$LAB_LOG" 2>&1 || die_log "kwok: kubectl failed"
}

kwok_begin() {
    local m=$1/manifests
    ln -sf "$1/kwok" "$LAB_STATE/bin/"
    kubectl_do apply --server-side -f "$m/crd/bases/kwok.x-k8s.io_stages.yaml"
    crds_wait
    kubectl_do apply --server-side -f "$m/stage/node/fast/node-initialize.yaml" -f "$m/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml" \
        -f "$m/stage/pod/fast/pod-ready.yaml" -f "$m/stage/pod/fast/pod-delete.yaml" -f "$m/stage/pod/general/pod-complete.yaml"
    k8s_start kctl kwok
    kwok_nodes "$2" | kubectl_do apply --server-side -f -
    wait_for 120 "kwok's nodes are not Ready" kwok_ready "$2"
}
kwok_ready() { [[ $(kubectl_do get nodes -l type=kwok --no-headers | awk '$2 == "Ready"' | wc -l) -ge $1 ]]; }

kwok_nodes() {
    local i
    for ((i = 1; i <= $1; i++)); do
        printf '%s\n' --- "apiVersion: v1" "kind: Node" \
            "metadata: {name: kwok-$i, labels: {type: kwok, kubernetes.io/hostname: kwok-$i}, annotations: {kwok.x-k8s.io/node: fake}}" \
            "spec: {taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]}" \
            'status: {allocatable: {cpu: "32", memory: 256Gi, pods: "110"}, capacity: {cpu: "32", memory: 256Gi, pods: "110"}}'
    done
}

kwok_end() {
    kubectl_do delete nodes -l type=kwok
    k8s_command kctl kwok
    host_do kctl pkill -x kwok </dev/null || true
    kubectl_do delete -f "$1/manifests/crd/bases/kwok.x-k8s.io_stages.yaml" --ignore-not-found
}
