# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the lab's Kubernetes is like when nothing has happened to it (../good.bash), and whether anything runs on it.

# What stays when jobs have come and gone. Named once: a kind that the cluster does not have would fail all the others.
K8S_KINDS=namespaces,crd,mutatingwebhookconfigurations,validatingwebhookconfigurations,mutatingadmissionpolicies,deployments,daemonsets
K8S_KINDS+=,clusterqueues.kueue.x-k8s.io,localqueues.kueue.x-k8s.io,resourceflavors.kueue.x-k8s.io,admissionchecks.kueue.x-k8s.io

k8s_facts() {
    local host name
    for host in kctl $(knode_names); do
        for name in $(k8s_daemons "$host"); do
            k8s_command "$host" "$name"
            echo "$host $name $(host_do "$host" pgrep -xc "$(k8s_process)" </dev/null)"
        done
    done
    host_do kctl sh -c 'sed "s/^/kctl fault /" /run/faulty-api/faults 2>/dev/null' </dev/null || true
    kubectl_do get "$K8S_KINDS" -A -o name 2>&1 </dev/null | sort
    kubectl_do get nodes -l '!type' -o 'jsonpath={range .items[*]}{.metadata.name}{" watts "}{.status.capacity.wattle\.hpc/watts}{" taints "}{.spec.taints}{"\n"}{end}' 2>&1 </dev/null
}

# No job, no pod but those of the cluster itself; all nodes Ready.
k8s_settled() {
    [[ -z $(k8s_busy) ]]
}

# What there is of jobs, a line each.
k8s_busy() {
    kubectl_do get mpijobs.kubeflow.org,workloads.kueue.x-k8s.io,pods -A --no-headers \
        -o 'custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name,P:.status.phase' 2>&1 </dev/null |
        awk '$2 != "kube-system" && $2 != "wattle-system" && !/^No resources found/'
    kubectl_do get nodes -l '!type' --no-headers 2>&1 </dev/null | awk '$2 != "Ready" { print "Node", $1, $2 }'
}
