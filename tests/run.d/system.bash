# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/system/*.bats on a real cluster, once for each Slurm version: side by side, in the end what depends on how fast programs run; and alone what
# measures that.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local slurm turn
    deps build test lab
    CLUSTER_ALONE=(closed_loop nbody)
    for turn in others alone; do
        [[ $turn == others ]] || CLUSTER_ALONE=(nbody)
        for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do
            say "$RUN_PIECE: Slurm $slurm, side by side: what it did is shown when it has ended"
            CLUSTER_TURN=$turn lane "$slurm" on_cluster system "$slurm"
        done
        lanes_end
    done
    CLUSTER_ALONE=(closed_loop)
    ! is_one_of native "${WATTLE_RUN_SLURM:-native}" || CLUSTER_TURN=alone on_cluster system native
}
