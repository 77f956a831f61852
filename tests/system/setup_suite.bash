# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `bats tests/system` brings up a lab of its own and ends it; on one that is up (tests/run, or one kept for work) it
# runs as it is. WATTLE_LAB_SLURM says which Slurm.

setup_suite() {
    local tests
    tests=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
    export PATH=$tests:$PATH WATTLE_LAB_SLURM=${WATTLE_LAB_SLURM:-native}
    "$tests/lab" on ctl -- true 2>/dev/null && return
    "$tests/lab" up --slurm "$WATTLE_LAB_SLURM"
    export WATTLE_SUITE_LAB=$tests/lab
}

teardown_suite() {
    [[ -z ${WATTLE_SUITE_LAB-} ]] || "$WATTLE_SUITE_LAB" down
}
