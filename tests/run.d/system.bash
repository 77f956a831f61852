# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# tests/system/*.bats on a real cluster, once for each Slurm version: side by side, on two labs each, since they wait more than they compute; then
# what depends on how fast programs run; and alone what measures that.
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local slurm lab labs=(1 2) claims
    deps build test lab
    [[ -z ${WATTLE_RUN_FILES-} ]] || labs=(1)
    say "$RUN_PIECE: side by side: what it did is shown when it has ended"
    CLUSTER_ALONE=(closed_loop nbody)
    for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do
        claims=$(mktemp -d "$RUN_OWN/claims-XXXXXX")
        for lab in "${labs[@]}"; do
            CLUSTER_TURN=others CLUSTER_CLAIMS=$claims CLUSTER_IS="Slurm $slurm, lab $lab" lane "$slurm$lab" on_cluster system "$slurm"
        done
    done
    lanes_end
    CLUSTER_ALONE=(nbody)
    for slurm in ${WATTLE_RUN_SLURM:-native trixie}; do CLUSTER_TURN=alone lane "$slurm" on_cluster system "$slurm"; done
    lanes_end
    CLUSTER_ALONE=(closed_loop)
    ! is_one_of native "${WATTLE_RUN_SLURM:-native}" || CLUSTER_TURN=alone on_cluster system native
}
