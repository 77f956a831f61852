#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Admission on a real API server: the webhook's patches as the server stores them, parity through it, and the manifests as the server takes them.

bats_require_minimum_version 1.5.0
load kube.bash
load ../system/decide.bash

GOLDEN=$BATS_TEST_DIRNAME/../golden
K8S=$BATS_TEST_DIRNAME/../../conf/k8s
NAMESPACE=wattle-admission

# The webhook's server alone, in a folder of its own on the API server's host; a namespace of its own is all that it is asked about.
setup_file() {
    mkdir "$BATS_FILE_TMPDIR/programs"
    SERVE=$(decide_program admission_serve "$BATS_FILE_TMPDIR/programs")
    DECIDE=$(decide_program mpijob_decide "$BATS_FILE_TMPDIR/programs")
    export DECIDE
    lab on kctl -- sh -c 'rm -rf /run/admission && mkdir -p /run/admission/profiles && cd /run/admission && cat >serve && chmod +x serve' \
        <"$SERVE"
    lab on kctl -- sh -c 'cat >/run/admission/wattle.conf' <"$GOLDEN/wattle.conf"
    "$DECIDE" profiles "$GOLDEN/models.txt" "$BATS_FILE_TMPDIR"
    tar -C "$BATS_FILE_TMPDIR" -cf - . | lab on kctl -- tar -C /run/admission/profiles --no-same-owner -xf - --wildcards '*.json'
    lab on kctl -- sh -c 'cd /run/admission && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a \
        -addext subjectAltName=IP:127.0.0.1 -days 2 -keyout key -out crt 2>/dev/null && { setsid ./serve wattle.conf crt key >said 2>&1 & echo $! >pid; }'
    until_true 20 lab on kctl -- test -s /run/admission/said
    PORT=$(lab on kctl -- head -n 1 /run/admission/said)
    [[ $PORT =~ ^[0-9]+$ ]]
    kubectl create namespace $NAMESPACE
    kubectl apply -f - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: wattle-admission-test}
webhooks:
- name: mpijobs.wattle.test
  admissionReviewVersions: [v1]
  clientConfig: {url: "https://127.0.0.1:$PORT/mutate", caBundle: $(lab on kctl -- base64 -w0 /run/admission/crt)}
  rules: [{apiGroups: [kubeflow.org], apiVersions: [v2beta1], resources: [mpijobs], operations: [CREATE]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: $NAMESPACE}}
  failurePolicy: Ignore
  sideEffects: None
  timeoutSeconds: 5
YAML
    until_true 30 is_admitted
}

teardown_file() {
    kubectl delete -f "$K8S/policy/policy.yaml" --ignore-not-found
    kubectl delete mutatingwebhookconfiguration wattle-admission-test --ignore-not-found
    kubectl delete namespace $NAMESPACE --ignore-not-found --wait=false
    lab on kctl -- sh -c 'kill $(cat /run/admission/pid); rm -rf /run/admission'
}

# job ANNOTATIONS [SPEC]: an MPIJob as JSON
job() {
    jq -n --argjson annotations "$1" --argjson spec "${2:-null}" '{apiVersion: "kubeflow.org/v2beta1", kind: "MPIJob", metadata: {generateName: "t-",
        namespace: "'$NAMESPACE'", annotations: $annotations}, spec: ({mpiReplicaSpecs: {
        Launcher: {replicas: 1, template: {spec: {containers: [{name: "l", image: "none"}]}}},
        Worker: {replicas: 2, template: {spec: {containers: [{name: "w", image: "none"}]}}}}} + ($spec // {}))}'
}
dry_run() { job "$@" | kubectl create --dry-run=server --show-managed-fields -o json -f - 2>"$BATS_TEST_TMPDIR/said"; }
is_admitted() { BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR dry_run '{"wattle.hpc/power": "200"}' | jq -e '.metadata.annotations["wattle.hpc/decision"]'; }

@test "watts, answer and cleanPodPolicy are in what the API server stores" {
    dry_run '{"wattle.hpc/power": "250W"}' | jq -e '.metadata.annotations["wattle.hpc/decision"] == "wattle: 250 W/node x 2 nodes: 500 W" and
        .spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources == {limits: {"wattle.hpc/watts": "250"}, requests: {"wattle.hpc/watts": "250"}} and
        .spec.runPolicy.cleanPodPolicy == "Running"'
}

@test "a refused job is taken, held, and its user warned; nobody owns the hold" {
    dry_run '{"wattle.hpc/power": "lots"}' >"$BATS_TEST_TMPDIR/job"
    grep -q 'Warning: wattle: refused: power: ' "$BATS_TEST_TMPDIR/said"
    jq -e '.spec.runPolicy.suspend and (.spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources // {} | . == {})' "$BATS_TEST_TMPDIR/job"
    # so that the controller's apply of suspend meets no conflict
    jq -e '[.metadata.managedFields[].fieldsV1["f:spec"]["f:runPolicy"]? // {} | has("f:suspend")] | any | not' "$BATS_TEST_TMPDIR/job"
}

@test "a hundred requests and more give the table's decisions through the API server" {
    "$DECIDE" json "$GOLDEN/decisions.tsv" 2>/dev/null | awk -F'\t' '$2 == "wattle" { print $3 }' |
        jq -s '{apiVersion: "v1", kind: "List", items: map(.metadata.namespace = "'$NAMESPACE'")}' >"$BATS_TEST_TMPDIR/list.json"
    kubectl create --dry-run=server -o json -f "$BATS_TEST_TMPDIR/list.json" 2>/dev/null |
        jq -r '(.items // [.])[] | .metadata.name + "\t" + (.metadata.annotations["wattle.hpc/decision"] // "")' | sort >"$BATS_TEST_TMPDIR/server"
    mkdir "$BATS_TEST_TMPDIR/store"
    "$DECIDE" profiles "$GOLDEN/models.txt" "$BATS_TEST_TMPDIR/store"
    "$DECIDE" bridge "$GOLDEN/decisions.tsv" "$GOLDEN" "$BATS_TEST_TMPDIR/store" 2>/dev/null |
        awk -F'\t' 'NR == FNR { conf[$1] = $2; next } conf[$1] == "wattle" { print "parity-" tolower($1) "\t" ($2 == "ok" ? "" : "wattle: refused: ") $3 }' \
            "$GOLDEN/decisions.tsv" - | sort >"$BATS_TEST_TMPDIR/table"
    [[ $(wc -l <"$BATS_TEST_TMPDIR/server") -ge 100 ]]
    # without a node that shows watts a request for nothing is left alone here
    diff <(grep -v -- '-default' "$BATS_TEST_TMPDIR/table") <(grep -v -- '-default' "$BATS_TEST_TMPDIR/server")
}

@test "the policy alone: cleanPodPolicy, and Kueue's gate beside another's on what asks and has a queue; what is said stays" {
    local NAMESPACE=default gate='.metadata.annotations["kueue.x-k8s.io/admission-gated-by"]' clean=.spec.runPolicy.cleanPodPolicy queue='{"wattle.hpc/power": "250W"}'
    kubectl apply -f "$K8S/policy/policy.yaml"
    # the API server takes it up a moment later
    until_true 60 policy_acts
    dry_run '{"wattle.hpc/power": "250W"}' '{"runPolicy": {"cleanPodPolicy": "None"}}' | jq -e "$clean == \"Running\" and $gate == null"
    dry_run '{}' '{"runPolicy": {"cleanPodPolicy": "All"}}' | jq -e "$clean == \"All\""
    queued "$queue" | jq -e "$gate == \"wattle.hpc/start\" and $clean == \"Running\""
    queued '{"wattle.hpc/carbon": "start", "kueue.x-k8s.io/admission-gated-by": "other.org/gate"}' | jq -e "$gate == \"other.org/gate,wattle.hpc/start\""
    queued '{"wattle.hpc/power": "250W", "kueue.x-k8s.io/admission-gated-by": "wattle.hpc/start"}' | jq -e "$gate == \"wattle.hpc/start\""
    queued '{}' | jq -e "$gate == null"
    # decisions are not its business
    queued "$queue" | jq -e '.metadata.annotations | has("wattle.hpc/decision") | not'
    kubectl delete -f "$K8S/policy/policy.yaml"
}
policy_acts() { dry_run '{}' | jq -e '.spec.runPolicy.cleanPodPolicy == "Running"'; }
queued() { job "$1" | jq '.metadata.labels = {"kueue.x-k8s.io/queue-name": "q"}' | kubectl create --dry-run=server -o json -f -; }

@test "a webhook that is gone is in nobody's way" {
    lab on kctl -- sh -c 'kill -STOP $(cat /run/admission/pid)'
    run dry_run '{"wattle.hpc/power": "250W"}'
    lab on kctl -- sh -c 'kill -CONT $(cat /run/admission/pid)'
    [[ $status -eq 0 ]]
    jq -e '.metadata.annotations | has("wattle.hpc/decision") | not' <<<"$output"
}

@test "the API server takes the manifests: base, policy, ledger, Kueue's example, the example job" {
    kubectl apply --dry-run=server -k "$K8S"
    mkdir "$BATS_TEST_TMPDIR/overlay" && cp -r "$K8S" "$BATS_TEST_TMPDIR/k8s"
    printf 'resources: [../k8s]\ncomponents: [../k8s/policy, ../k8s/ledger]\n' >"$BATS_TEST_TMPDIR/overlay/kustomization.yaml"
    kubectl apply --dry-run=server -k "$BATS_TEST_TMPDIR/overlay"
    kubectl apply --dry-run=server -k "$K8S/kueue-example"
    kubectl create --dry-run=server -f "$K8S/example-mpijob.yaml"
}

@test "what the bridge may do, and what not" {
    local bridge=--as=system:serviceaccount:wattle-system:wattle-bridge
    kubectl auth can-i patch mpijobs.kubeflow.org -A $bridge
    kubectl auth can-i patch nodes --subresource=status $bridge
    for what in 'get secrets' 'list pods' 'delete mpijobs.kubeflow.org' 'patch nodes' 'patch clusterqueues.kueue.x-k8s.io' 'create mpijobs.kubeflow.org' \
        'get configmaps' 'update leases.coordination.k8s.io/other'; do
        # shellcheck disable=SC2086  # verb and kind
        run kubectl auth can-i $what -A $bridge
        [[ $status -ne 0 ]] || { echo "may $what" >&2 && return 1; }
    done
}
