# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Nodes k1..kN: containerd and kubelet. They live in the node's cgroups, its pods below them in kubepods, whose CPU quota is what the
# simulated power hardware sets: a cap slows the pods, not the daemons that look after them.

# What is on its disk. Images are not copied: layers are links into the cache, but for the one that is this lab's Wattle.
knode_create() {
    local h=$LAB_STATE/hosts/$1 n=${1#k} etc=$LAB_STATE/hosts/$1/upper/etc
    pki_give "$1" ca.crt "kubelet-$1.crt=kubelet.crt" "kubelet-$1.key=kubelet.key" "$1.conf=kubelet.conf" agent.conf=wattle-agent.conf
    cp "$LAB_D/k8s/etc/kubelet.yaml" "$etc/kubernetes/"
    mkdir -p "$etc/containerd" "$etc/cni/net.d"
    cp "$LAB_D/k8s/etc/containerd.toml" "$etc/containerd/config.toml"
    cat >"$etc/cni/net.d/10-lab.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$K8S_PODS.$n.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
JSON
    images_place "$h/disk/containerd"
}

# All nodes Ready, as the API server sees them, and no longer tainted as not ready, which is taken away a little later.
knodes_ready() {
    [[ $(kubectl_do get nodes -l '!type' -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{.spec.taints[*].key}{"\n"}{end}' 2>/dev/null | grep -xc True) == "$LAB_K8S" ]]
}
