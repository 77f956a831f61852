# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/fault: processes that die at every point of a build with fault points: first around the lease book alone, then on
# a real cluster.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local build=$RUN_DIR/build-fault
    deps build test lab
    source_ready || return
    step "build with fault points" "$RUN_D/build-in" "$build" "$RUN_SRC" --enable-fault-points --prefix=/usr --sysconfdir=/etc \
        --localstatedir=/var --libdir="/usr/lib/$(gcc -print-multiarch)" || return
    say "$RUN_PIECE: lease book"
    timeout --kill-after=20 1800 "$RUN_CHECKOUT/tests/fault/lease-tests" "$build" </dev/null 2>&1 | count_tap "lease book"
    export WATTLE_LAB_BUILD=$build
    on_cluster fault native
}
