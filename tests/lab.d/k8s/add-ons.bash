# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What runs on the API server: controllers, name server, mpi-operator, Kueue.

addons_up() {
    local name
    for name in faulty-api controller-manager scheduler coredns; do k8s_start kctl "$name"; done
    LAB_LOG=$LAB_STATE/kubectl.log
    {
        kubectl_do apply --server-side -f "${K8S_DIR[mpi-operator]}/manifests/kubeflow.org_mpijobs.yaml" -f "${K8S_DIR[kueue]}/manifests/crd/bases" &&
            kubectl_do create namespace mpi-operator &&
            kubectl_do create namespace kueue-system &&
            kubectl_do apply -f "$LAB_CHECKOUT/conf/k8s/namespace.yaml" && product_rights | kubectl_do apply -f -
    } >"$LAB_LOG" 2>&1 || die_log "kubectl failed"
    crds_wait
    k8s_start kctl mpi-operator
    k8s_start kctl kueue
    LAB_LOG=$LAB_STATE/kubectl.log
    kueue_webhooks | kubectl_do apply --server-side -f - >"$LAB_LOG" 2>&1 || die_log "Kueue's webhooks could not be set"
}

# What the product's daemons may do, as a site would have it; they run as processes here, so no Deployment and no DaemonSet.
product_rights() {
    kubectl_do create --dry-run=client -o json -f "$LAB_CHECKOUT/conf/k8s/bridge-rbac.yaml" -f "$LAB_CHECKOUT/conf/k8s/agent.yaml" |
        jq -c '(.items // [.])[] | select(.kind | test("^(ServiceAccount|Role|RoleBinding|ClusterRole|ClusterRoleBinding)$"))'
}

# Not `kubectl wait`, which fails on one that has no status yet.
crds_wait() { wait_for 60 "not all kinds are established" crds_established; }
crds_established() { kubectl_do get crd -o json 2>/dev/null | jq -e '[.items[] | any(.status.conditions[]?; .type == "Established" and .status == "True")] | all' >/dev/null; }

# Kueue's own configurations of webhooks, less those for kinds that are not here, for a Kueue that is a process beside the API server.
kueue_webhooks() {
    kubectl_do create --dry-run=client -o json -f "${K8S_DIR[kueue]}/manifests/webhook/manifests.yaml" |
        jq --arg ca "$(base64 -w0 <"$LAB_STATE/pki/ca.crt")" '(.items // [.])[] | .metadata.name |= "kueue-" + .
            | .webhooks |= map(select(.clientConfig.service.path | test("kueue-x-k8s-io|kubeflow-org-v2beta1-mpijob"))
                | .clientConfig = {url: ("https://127.0.0.1:9443" + .clientConfig.service.path), caBundle: $ca})'
}

# Both serve: what one makes now is seen by them.
addons_wait() {
    LAB_LOG=$LAB_STATE/hosts/kctl/upper/var/log/kubernetes/kueue.log
    wait_for 180 "Kueue does not serve its webhooks" kueue_serves
    LAB_LOG=$LAB_STATE/hosts/kctl/upper/var/log/kubernetes/mpi-operator.log
    wait_for 180 "mpi-operator does not lead" mpi_operator_leads
    LAB_LOG=$LAB_STATE/hosts/kctl/upper/var/log/kubernetes/coredns.log
    wait_for 60 "CoreDNS does not serve" port_open 8181
}
kueue_serves() { port_open 9443; }
mpi_operator_leads() { [[ -n $(kubectl_do -n mpi-operator get lease mpi-operator -o 'jsonpath={.spec.holderIdentity}' 2>/dev/null) ]]; }
port_open() { nsenter --target "$(host_pid kctl)" --net -- bash -c "</dev/tcp/127.0.0.1/$1" 2>/dev/null; }
