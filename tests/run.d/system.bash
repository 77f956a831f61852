# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/system/*.bats on a real cluster, once for each Slurm version: side by side, and then alone what measures how fast programs run, or depends
# on it.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"
CLUSTER_ALONE=(closed_loop nbody)

piece() {
    local slurm
    deps build test lab
    for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do
        say "$RUN_PIECE: Slurm $slurm, side by side: what it did is shown when it has ended"
        CLUSTER_TURN=others lane "$slurm" on_cluster system "$slurm"
    done
    lanes_end
    for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do
        CLUSTER_TURN=alone on_cluster system "$slurm"
    done
}
