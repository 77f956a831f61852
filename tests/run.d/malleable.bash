# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/malleable/*.bats on a real cluster, once for each Slurm version, side by side. They mostly wait, and judge no speed: tests/run
# lets them run beside pieces that compute.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local slurm
    deps build test lab
    for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do
        lane "$slurm" on_cluster malleable "$slurm"
    done
    lanes_end
}
