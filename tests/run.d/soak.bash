# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Mixed jobs and faults on a lab of 8 nodes, for WATTLE_SOAK_S seconds (3600; 180 in a run of everything), and then whether every ledger
# agrees that nothing is left: tests/soak, doc/soak.md. It waits more than it computes. Of WATTLE_RUN_SLURM the first (native).
# shellcheck source=tests/run.d/cluster.bash
. "$RUN_D/cluster.bash"

piece() {
    local slurm=${WATTLE_RUN_SLURM:-native}
    slurm=${slurm%% *}
    deps build test lab
    step "lab up, 8 nodes" "$RUN_CHECKOUT/tests/lab" up --slurm "$slurm" --nodes 8 || return 0
    # what it tells goes past the counting, so that one that is interrupted is told of, too
    "$RUN_CHECKOUT/tests/soak/soak" "$RUN_LOGS" </dev/null | count_tap "" || true # what failed is counted
    step "lab down" "$RUN_CHECKOUT/tests/lab" down || true
    step "nothing left of the lab" no_traces || true
}
