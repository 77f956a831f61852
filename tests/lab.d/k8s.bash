# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lab's Kubernetes, whole and real: what `up --k8s` does.

for part in pki control knode images add-ons good; do
    # shellcheck source=/dev/null
    . "$LAB_D/k8s/$part.bash"
done

K8S_PROGRAMS=(etcd kube mpi-operator containerd kueue coredns)

# Programs and images, into the cache. Sets K8S_DIR, where each program's folder is.
k8s_prepare() {
    local name dir out
    [[ ! -e /sys/fs/cgroup/cgroup.controllers ]] || die "up --k8s: nodes of Kubernetes need the controllers of cgroup v1, and this machine has cgroup v2 alone"
    declare -gA K8S_DIR=()
    # What has been built is found at once, even while something else is being built.
    out=$(WATTLE_LAB_CACHE=$LAB_CACHE "$LAB_D/k8s/build" "${K8S_PROGRAMS[@]}") || die "Kubernetes could not be built"
    while read -r name dir; do K8S_DIR[$name]=$dir; done <<<"$out"
    images_prepare
}

# Into the layer that all hosts share: the programs, as links into the cache.
k8s_layer() {
    local dir file bin=$LAB_STATE/layer/usr/local/bin
    mkdir -p "$bin" "$LAB_STATE/shared/root/.kube"
    ln -s layer/usr/local/bin "$LAB_STATE/bin"
    for dir in "${K8S_DIR[@]}"; do
        for file in "$dir"/*; do
            [[ ! -x $file || -d $file ]] || ln -s "$file" "$bin/"
        done
    done
    pki_create
    install -m 600 "$LAB_STATE/pki/admin.conf" "$LAB_STATE/shared/root/.kube/config"
    images_layer
}

# Before the hosts boot: the programs and what is on their disks.
k8s_create() {
    local node
    k8s_layer
    control_create
    for node in $(knode_names); do knode_create "$node"; done
}

k8s_version() { readlink "$LAB_STATE/bin/kube" | sed 's,.*/kube-\(v[0-9.]*\).*,\1,'; }

# Hosts are up; brings up the cluster.
k8s_up() {
    local node jobs=()
    for node in $(knode_names); do
        k8s_start "$node" containerd &
        jobs+=($!)
    done
    k8s_start kctl etcd
    k8s_start kctl apiserver
    for_all "${jobs[@]}"
    for node in $(knode_names); do k8s_start "$node" kubelet; done
    addons_up
    wattle_start
    addons_wait
    LAB_LOG=$LAB_STATE/hosts/k1/upper/var/log/kubernetes/kubelet.log
    wait_for 180 "not all nodes are Ready" knodes_ready
    wattle_wait
}

# Wattle on it: the bridge beside the API server and an agent on every node, or the same as pods.
wattle_start() {
    local node
    if [[ $LAB_WATTLE_AS == pods ]]; then
        wattle_pods
        return
    fi
    ! product_has wattle-bridge || k8s_start kctl bridge
    ! product_has wattle-agent || for node in $(knode_names); do k8s_start "$node" agent; done
}

wattle_wait() {
    product_has wattle-bridge || watts_set
    LAB_LOG=$LAB_STATE/kubectl.log
    [[ $LAB_WATTLE_AS == processes ]] ||
        kubectl_do -n wattle-system rollout status --timeout 120s deployment/wattle-bridge daemonset/wattle-agent >"$LAB_LOG" 2>&1 || {
        kubectl_do -n wattle-system get pods >>"$LAB_LOG" 2>&1 || true
        die_log "Wattle's pods do not come up"
    }
    LAB_LOG=$LAB_STATE/hosts/kctl/upper/var/log/kubernetes/bridge.log
    wait_for 60 "not all nodes show wattle.hpc/watts" watts_shown
}

# As a site would: an overlay over conf/k8s with its own image and configuration, then the webhook's certificate.
wattle_pods() {
    local overlay=$LAB_DIR/overlay
    mkdir -p "$overlay"
    cp "$LAB_D/etc/wattle.conf" "$overlay/"
    cat >"$overlay/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: ["$(realpath --relative-to "$overlay" "$LAB_CHECKOUT/conf/k8s")"]
images: [{name: registry.example/wattle, newName: wattle.lab/wattle, newTag: latest}]
configMapGenerator:
- {name: wattle-conf, namespace: wattle-system, behavior: replace, files: [wattle.conf]}
YAML
    LAB_LOG=$LAB_STATE/kubectl.log
    { kubectl_do apply -k "$overlay" && KUBECTL="$LAB_CHECKOUT/tests/lab kubectl" "$LAB_CHECKOUT/conf/k8s/webhook-cert"; } >"$LAB_LOG" 2>&1 ||
        die_log "conf/k8s could not be applied"
}

# What the bridge would do.
watts_set() {
    local node
    for node in $(knode_names); do
        kubectl_do patch node "$node" --subresource status --type merge -p '{"status": {"capacity": {"wattle.hpc/watts": "400"}}}' >/dev/null
    done
}
watts_shown() { [[ $(kubectl_do get nodes -l '!type' -o 'jsonpath={range .items[*]}{.status.allocatable.wattle\.hpc/watts}{"\n"}{end}' 2>/dev/null | grep -c '^[1-9]') == "$LAB_K8S" ]]; }
