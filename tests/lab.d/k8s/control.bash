# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The control plane of the lab's Kubernetes: daemons on the host kctl, under the name that `tests/lab node kctl kill-NAME` takes.

K8S_CONTROL=(etcd apiserver faulty-api controller-manager scheduler coredns mpi-operator kueue)
K8S_PODS=10.244   # .N.0/24 on node kN
K8S_SERVICES=10.0.0.0/24
K8S_FAULTY=6443          # the API server with faults

# k8s_daemons HOST: what runs there, in the order in which it is started.
k8s_daemons() {
    if [[ $1 == kctl ]]; then
        printf '%s\n' "${K8S_CONTROL[@]}"
        ! product_process wattle-bridge || echo bridge
    else
        printf '%s\n' containerd kubelet
        ! product_process wattle-agent || echo agent
    fi
}

product_process() { [[ $LAB_WATTLE_AS == processes ]] && product_has "$1"; }
product_has() { [[ -e $LAB_STATE/layer/usr/sbin/$1 ]]; }

# k8s_command HOST NAME: sets K8S_COMMAND, a daemon's command line.
k8s_command() {
    local pki=/etc/kubernetes
    case $2 in
    etcd)
        # Memory is lost with the lab anyway.
        K8S_COMMAND=(etcd --data-dir /var/lib/etcd --unsafe-no-fsync --listen-peer-urls http://127.0.0.1:2380 --log-level warn)
        ;;
    apiserver)
        # The kubernetes service's own port is 443: where this listens, it is reached without a kube-proxy. Webhooks are called at
        # their pods' addresses for the same reason (aggregator routing).
        K8S_COMMAND=(kube-apiserver --etcd-servers http://127.0.0.1:2379 --bind-address 0.0.0.0 --advertise-address "$PKI_ADDRESS" --secure-port 443
            --tls-cert-file "$pki/apiserver.crt" --tls-private-key-file "$pki/apiserver.key" --client-ca-file "$pki/ca.crt"
            --service-account-key-file "$pki/sa.pub" --service-account-signing-key-file "$pki/sa.key"
            --service-account-issuer https://kubernetes.default.svc.cluster.local --service-cluster-ip-range "$K8S_SERVICES"
            "--authorization-mode=Node,RBAC" --enable-admission-plugins NodeRestriction --allow-privileged
            --enable-aggregator-routing --endpoint-reconciler-type none --profiling=false
            --kubelet-client-certificate "$pki/apiserver-kubelet.crt" --kubelet-client-key "$pki/apiserver-kubelet.key"
            --kubelet-certificate-authority "$pki/ca.crt" --kubelet-preferred-address-types InternalIP)
        ;;
    controller-manager)
        K8S_COMMAND=(kube-controller-manager --kubeconfig "$pki/controller-manager.conf" --authentication-kubeconfig "$pki/controller-manager.conf"
            --authorization-kubeconfig "$pki/controller-manager.conf" --controllers "*,-nodeipam" --use-service-account-credentials --leader-elect=false
            --root-ca-file "$pki/ca.crt" --service-account-private-key-file "$pki/sa.key" --profiling=false)
        ;;
    scheduler)
        K8S_COMMAND=(kube-scheduler --kubeconfig "$pki/scheduler.conf" --authentication-kubeconfig "$pki/scheduler.conf"
            --authorization-kubeconfig "$pki/scheduler.conf" --leader-elect=false --profiling=false)
        ;;
    faulty-api) K8S_COMMAND=("$LAB_D/k8s/faulty-api" "0.0.0.0:$K8S_FAULTY") ;;
    coredns) K8S_COMMAND=(coredns -conf "$pki/Corefile") ;;
    mpi-operator) K8S_COMMAND=(mpi-operator -kubeConfig "$pki/mpi-operator.conf" -kube-api-qps 100 -kube-api-burst 200) ;;
    kueue) K8S_COMMAND=(kueue --config "$pki/kueue.yaml" --kubeconfig "$pki/kueue.conf" --feature-gates=VisibilityOnDemand=false) ;;
    bridge) K8S_COMMAND=(wattle-bridge --kubeconfig "$pki/bridge.conf" --lease-namespace wattle-system) ;;
    kwok)
        K8S_COMMAND=(kwok --kubeconfig "$pki/kwok.conf" --manage-nodes-with-label-selector type=kwok --enable-crds Stage --node-lease-duration-seconds 200)
        ;;
    containerd) K8S_COMMAND=(containerd) ;;
    kubelet)
        K8S_COMMAND=(kubelet --config "$pki/kubelet.yaml" --kubeconfig "$pki/kubelet.conf" --hostname-override "$1" --node-ip "$(host_address "$1")")
        ;;
    agent)
        K8S_COMMAND=(wattle-agent)
        ! grep -q -- --kubeconfig "$LAB_STATE/layer/usr/sbin/wattle-agent" || K8S_COMMAND+=(--kubeconfig "$pki/wattle-agent.conf")
        ;;
    *) die "no daemon '$2'" ;;
    esac
}

# The name of the process of K8S_COMMAND, of which the kernel keeps 15 characters.
k8s_process() {
    local name=${K8S_COMMAND[0]##*/}
    echo "${name:0:15}"
}

# k8s_start HOST NAME: nothing if it runs. Says /var/log/kubernetes/NAME.log.
k8s_start() {
    local keeper=()
    LAB_LOG=$LAB_STATE/hosts/$1/upper/var/log/kubernetes/$2.log
    # It gives up when it can't reach the API server for some seconds. A cluster starts anew what has ended; here what was killed stays away.
    [[ $2 != mpi-operator ]] || keeper=("$LAB_D/k8s/keeper")
    k8s_command "$1" "$2"
    ! k8s_runs "$1" || return 0
    # shellcheck disable=SC2016
    host_do "$1" sh -c 'mkdir -p /var/log/kubernetes; log=/var/log/kubernetes/$0.log; GOGC=50 setsid -f "$@" >>"$log" 2>&1' "$2" "${keeper[@]}" "${K8S_COMMAND[@]}" </dev/null ||
        die_log "$1: $2 does not start"
    case $2 in
    apiserver) wait_for 60 "kube-apiserver does not answer" apiserver_ready ;;
    containerd) wait_for 60 "$1: containerd does not answer" test -S "/proc/$(host_pid "$1")/root/run/containerd/containerd.sock" ;;
    esac
}
apiserver_ready() { kubectl_do get --raw /readyz >/dev/null 2>&1; }

# Whether the daemon of K8S_COMMAND runs on HOST.
k8s_runs() { host_do "$1" pgrep -x "$(k8s_process)" </dev/null >/dev/null 2>&1; }

control_create() {
    local upper=$LAB_STATE/hosts/kctl/upper/etc d
    pki_give kctl ca.crt apiserver.{crt,key} apiserver-kubelet.{crt,key} sa.{key,pub}
    for d in admin controller-manager scheduler mpi-operator kueue coredns kwok bridge; do pki_give kctl "$d.conf"; done
    cp "$LAB_D"/k8s/etc/{Corefile,kueue.yaml} "$upper/kubernetes/"
    # It serves metrics with a certificate of its own, wherever the others lie.
    for d in webhook metrics/certs; do
        mkdir -p "$upper/kueue/$d"
        cp "$LAB_STATE/pki/kueue-webhook.crt" "$upper/kueue/$d/tls.crt"
        cp "$LAB_STATE/pki/kueue-webhook.key" "$upper/kueue/$d/tls.key"
    done
}
