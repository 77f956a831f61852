# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/k8s/*.bats on a real Kubernetes with Slurm beside it. Its programs are built the first time, which takes a while.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    deps build test lab
    step "Kubernetes is built" "$RUN_CHECKOUT/tests/lab.d/k8s/build" || return 0
    on_cluster k8s native --k8s --nodes 2
}
