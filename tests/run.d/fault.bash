# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The lease book under every kind of death and bad hardware, in a build with fault points (tests/fault/lease-tests), and wattle-agent with pods
# (tests/fault/pod-tests); beside them tests/fault/*.bats on a real cluster.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local build=$RUN_DIR/build-fault slurm
    source_ready
    deps lab
    # As a lab's own build is configured: it installs from this one.
    step "build with fault points" "$RUN_D/build-in" "$build" "$RUN_SRC" --enable-fault-points --prefix=/usr \
        --sysconfdir=/etc --localstatedir=/var --libdir="/usr/lib/$(gcc -print-multiarch)"
    # first: make is not to run twice in a folder, and the lab installs from it
    step "programs of the kill matrix" "$RUN_CHECKOUT/tests/fault/lease-tests" "$build" build
    for slurm in ${WATTLE_RUN_SLURM:-native}; do
        case $slurm in
        native) WATTLE_LAB_BUILD=$build lane native on_cluster fault native ;;
        *) lane "$slurm" on_cluster fault "$slurm" --fault-points ;; # built in its own tree
        esac
    done
    say "$RUN_PIECE: the kill matrix"
    timeout --kill-after=20 1800 "$RUN_CHECKOUT/tests/fault/lease-tests" "$build" </dev/null 2>&1 |
        count_tap "lease" quiet || true # what failed is counted
    say "$RUN_PIECE: the kill matrix: done"
    timeout --kill-after=20 900 "$RUN_CHECKOUT/tests/fault/pod-tests" "$build" </dev/null 2>&1 |
        count_tap "pods" quiet || true # what failed is counted
    lanes_end
}
