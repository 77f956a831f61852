# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `bats tests/k8s` brings up a lab of its own and ends it; on one that is up (tests/run, or one kept for work) it runs as it is.

setup_suite() {
    local tests
    tests=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd -P)
    export PATH=$tests:$PATH
    "$tests/lab" on kctl -- true 2>/dev/null && return
    "$tests/lab" up --k8s
    export WATTLE_SUITE_LAB=$tests/lab
}

teardown_suite() {
    [[ -z ${WATTLE_SUITE_LAB-} ]] || "$WATTLE_SUITE_LAB" down
}
