# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the pieces that need a cluster: one lab is brought up, every file of a folder runs on it, and it is ended.

# on_cluster FOLDER SLURM [up option …]: the bats files of tests/FOLDER on a lab with that Slurm.
on_cluster() {
    local folder=$1 slurm=$2 file found=
    shift 2
    export WATTLE_LAB_SLURM=$slurm
    if step "lab up, Slurm $slurm" "$RUN_CHECKOUT/tests/lab" up --slurm "$slurm" "$@"; then
        for file in "$RUN_CHECKOUT/tests/$folder"/${WATTLE_RUN_FILES:-*}.bats; do
            [[ -e $file ]] || continue
            found=1
            bats_file "$file" "$slurm/$(basename "$file" .bats)"
        done
        [[ -n $found ]] || missing "tests of $folder" "no file tests/$folder/${WATTLE_RUN_FILES:-*}.bats"
        step "lab down, Slurm $slurm" "$RUN_CHECKOUT/tests/lab" down || true
    fi
    step "nothing left of the lab, Slurm $slurm" no_traces || true
}

# A file that hangs is ended, and what it did not run is counted as failed.
bats_file() {
    local before
    before=$(grep -c "^fail" "$RUN_RESULTS") || true
    say "$RUN_PIECE: $2"
    BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180} timeout --kill-after=20 1800 bats --tap "$1" </dev/null 2>&1 |
        count_tap "$2" || true # what failed is counted
    (($(grep -c "^fail" "$RUN_RESULTS" || true) == before)) || daemon_logs
}

# What the daemons said lately, for whoever reads only CI's log.
daemon_logs() {
    local host
    for host in ctl n1 n2; do
        echo "----- $host's daemons, the last lines"
        timeout 20 "$RUN_CHECKOUT/tests/lab" logs "$host" 2>&1 </dev/null | tail -n 60 || true
    done
    echo "-----"
}

no_traces() {
    local left
    left=$(traces)
    [[ -z $left ]] || {
        printf '%s\n' "$left"
        return 1
    }
}
