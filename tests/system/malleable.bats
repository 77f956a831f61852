#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs that change their size: wattlerun, libwattle_mpi and wattle-resize together. The programs' checksums depend on the steps done
# and on nothing else, so one that lost work or did it twice shows.

bats_require_minimum_version 1.5.0
load cluster.bash

setup_file() {
    wait_idle
    as alice sh -c 'rm -rf mall; mkdir mall'
    lab run --user alice -- sh -c 'cat >mall/stencil.c && mpicc -O2 -o mall/stencil mall/stencil.c -lwattle_mpi' \
        <"$BATS_TEST_DIRNAME/../apps/stencil.c"
}

teardown_file() { as alice rm -rf mall; }

setup() { as alice sh -c 'cd mall && rm -rf .wattle out ck* plan*'; }

teardown() {
    [[ -n ${BATS_TEST_COMPLETED-} ]] || as alice cat mall/out >&2 || true
    lab on ctl -- scancel --user=alice
    wait_idle
}

job_state() { lab on ctl -- scontrol show job -o "$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
out_has() { as alice grep -q -e "$1" mall/out; }
power_used() { lab on ctl -- scontrol show lic power | sed -n 's/.* Used=\([0-9]*\) .*/\1/p'; }

# plan SLOT_S ENTRY…: slots as the planner prints them, numbered from the job's first start.
plan() {
    local IFS=,
    as alice sh -c "cat >mall/plan" <<<"{\"slot_s\":$1,\"slots\":[${*:2}]}"
}

# submit SBATCH-ARGS… -- the arguments of wattlerun: prints the job id.
submit() {
    local args=()
    while [[ $1 != -- ]]; do args+=("$1") && shift; done
    shift
    as alice sbatch --parsable -o mall/out --open-mode=append "${args[@]}" 2>/dev/null <<JOB
#!/bin/bash
cd mall || exit
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait would use up their node's share of the CPU
wattlerun $*
JOB
}

# What a run that nothing disturbed prints: the checksum.
reference() {
    as alice srun -N1 -n1 mall/stencil "$1" "$2" mall/none "${3-1}" | grep -o 'checksum=[0-9a-f]*'
}

@test "1 -> 3 -> pause -> 2 nodes under one job id: the result is that of an undisturbed run, the charge follows, nothing is left" {
    local id want sizes
    want=$(reference 300 900 60)
    # a last leg that is long enough: a job behind its plan makes no pause
    plan 7 '{"t":0,"nodes":1}' '{"t":1,"nodes":3}' '{"t":3,"nodes":2}' '{"t":4,"nodes":2}' '{"t":5,"nodes":2}' '{"t":6,"nodes":2}'
    id=$(submit -N1-4 --power=200 --comment='my own words' -- --plan plan --min-pause 3s ./stencil 300 900 ck 60)
    until_true 20 out_has 'step 1 on 1 node'
    until_true 5 eval '[[ $(power_used) == 200 ]]'
    until_true 40 out_has 'step 2 on 3 nodes'
    until_true 5 eval '[[ $(power_used) == 600 ]]'
    [[ $(lab on ctl -- squeue -h -j "$id" -o %k) == 'wattle: '*'| my own words' ]]
    until_true 40 out_has 'pauses until'
    until_true 10 job_is "$id" PENDING
    [[ $(power_used) == 0 ]]
    until_true 60 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    run -0 as alice cat mall/out
    [[ $output == *"ranks=2 $want "* ]]
    sizes=$(grep -o 'step [0-9]* on [0-9]*' <<<"$output")
    [[ $sizes == $'step 1 on 1\nstep 2 on 3\nstep 3 on 2' ]]
    # each step began where the last one had left
    [[ $(grep -o 'did=[0-9]*' <<<"$output") != did=900 ]]
    [[ $(power_used) == 0 ]]
}
