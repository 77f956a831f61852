# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/k8s/*.bats on a real Kubernetes: side by side on two labs, since they wait more than they compute, one of them with Slurm beside it; the
# closed loop, where it is run whole, after them. Its programs are built the first time, which takes a while.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

K8S_WITH_SLURM=(bridge kueue ledger)

piece() {
    deps build test lab
    step "Kubernetes is built" "$RUN_CHECKOUT/tests/lab.d/k8s/build" || return 0
    say "$RUN_PIECE: side by side: what it did is shown when it has ended"
    CLUSTER_ALONE=("${K8S_WITH_SLURM[@]}")
    CLUSTER_TURN=alone CLUSTER_IS="Kubernetes and Slurm" lane slurm on_cluster k8s native --k8s --nodes 2
    slow_left || CLUSTER_ALONE+=(closed_loop)
    CLUSTER_TURN=others CLUSTER_IS=Kubernetes lane kube on_cluster k8s native --k8s-only
    lanes_end
    slow_left || {
        CLUSTER_ALONE=(closed_loop)
        CLUSTER_TURN=alone CLUSTER_IS="Kubernetes, alone" on_cluster k8s native --k8s-only
    }
}
