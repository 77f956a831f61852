# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/fault: programs that die at every point of a build with fault points, then the same on a real cluster.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    deps build test lab
    on_cluster fault native
}
