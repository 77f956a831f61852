#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs that change their size: wattlerun, libwattle_mpi and wattle-resize together. The programs' checksums depend on the steps done
# and on nothing else, so one that lost work or did it twice shows.

bats_require_minimum_version 1.5.0
load ../system/cluster.bash

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
    lab on ctl -- sacctmgr -i modify user alice set GrpTRES=cpu=-1 >/dev/null || true
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

@test "watts alone change: the cap moves on every node within a second, no process is restarted" {
    local id node pids base at_s moved w
    plan 10 '{"t":0,"nodes":3,"cap_w":250}' '{"t":1,"nodes":3,"cap_w":180}' '{"t":2,"nodes":3,"cap_w":220}' '{"t":3,"nodes":3,"cap_w":220}'
    id=$(submit -N3 -w n1,n2,n3 --power=300 -- --plan plan --state st ./stencil 300 100000000 ck 10)
    until_true 30 caps_are 95 n1 n2 n3
    for node in n1 n2 n3; do note_caps "$node" & done 3>&-
    until_true 20 out_has 'step 1 on 3 nodes'
    until_true 20 lab on n2 -- pgrep -x stencil
    pids=$(for node in n1 n2 n3; do lab on "$node" -- pgrep -x stencil; done)
    base=$(as alice sed -n 's/.*"first_start_s": *\([0-9.]*\).*/\1/p' mall/st/state.json)
    until_true 30 caps_are 60 n1 n2 n3
    until_true 30 caps_are 80 n1 n2 n3
    # by the nodes' own look at their limits: n1, n2 and n3 twice each
    for node in n1 n2 n3; do
        for at_s in 10 20; do
            ((at_s == 10)) && w=60 || w=80
            moved=$(awk -v w="${w}000000" '$2 == w { print $1; exit }' "$BATS_TEST_TMPDIR/caps.$node")
            awk -v moved="$moved" -v due="$base" -v at="$at_s" -v node="$node" 'BEGIN {
                late = moved - due - at; print node, at, late; exit !(late < 1) }' >&2
        done
    done
    [[ $(for node in n1 n2 n3; do lab on "$node" -- pgrep -x stencil; done) == "$pids" ]]
    as alice scancel "$id"
    until_true 30 job_gone "$id"
    wait
}
# note_caps NODE: each change of a package's limit, and when it was seen
note_caps() {
    lab on "$1" -- timeout 60 bash -c 'f=/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw; was=
        while read -r now <$f; do [[ $now == "$was" ]] || echo "$EPOCHREALTIME $now"; was=$now; [[ $now != 80000000 ]] || exit 0; sleep 0.05; done
        ' >"$BATS_TEST_TMPDIR/caps.$1"
}
# caps_are W NODE…: each package's limit.
caps_are() {
    local node
    for node in "${@:2}"; do
        [[ $(lab on "$node" -- cat /sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw) == "${1}000000" ]] || return 1
    done
}

@test "a program that ignores the request goes on at its size; one that fails in its checkpoint goes on from the one before; both are said" {
    local id
    plan 4 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":1}' '{"t":3,"nodes":2}'
    id=$(submit -N1-2 --power=200 -- --plan plan --grace 2s sleep 20)
    until_true 60 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    run -0 as alice cat mall/out
    [[ $output == *'no answer to the request within 2 s'*'and is asked no more'*'done after 1 step'* ]]

    # the folder of the checkpoint is not there
    as alice rm mall/out
    plan 5 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":2}' '{"t":3,"nodes":3}' '{"t":4,"nodes":4}'
    id=$(submit -N1-4 --power=200 -- --plan plan ./stencil 100 100000000 gone/ck 10)
    until_true 60 out_has 'asked no more'
    as alice scancel "$id"
    until_true 30 job_gone "$id"
    run -0 as alice cat mall/out
    [[ $output == *'failed in its checkpoint (exit status 1, no checkpoint on disk): started again from the one before'* ]]
}

@test "requeued by the administrator, a rank killed: nothing is lost beyond the last checkpoint, nothing stays held" {
    local id want rc=0
    want=$(reference 200 2000 60)
    plan 3 '{"t":0,"nodes":1}' '{"t":1,"nodes":2}' '{"t":2,"nodes":2}' '{"t":30,"nodes":2}'
    id=$(submit -N1-2 --power=200 -- --plan plan --min-pause 1h --state st ./stencil 200 2000 ck 60)
    # Slurm may begin it on either of its sizes
    until_true 60 out_has 'first iteration on 2'
    # the administrator: the job runs again, from its checkpoint, at the size that it had
    lab on ctl -- scontrol requeue "$id"
    until_true 20 job_is "$id" PENDING
    until_true 30 sets_begin "$id"
    # a rank: the others don't wait for ever
    until_true 20 lab on n1 -- pkill -9 -x stencil
    until_true 90 job_gone "$id"
    [[ $(job_state "$id") == FAILED ]]
    # another job goes on where it was
    id=$(submit -N2 --power=200 -- --state st ./stencil 200 2000 ck 60)
    until_true 40 job_gone "$id"
    [[ $(job_state "$id") == COMPLETED ]]
    as alice grep -q "ranks=2 $want " mall/out
    [[ $(power_used) == 0 ]]
}
# Slurm waits two minutes before it runs a requeued job again.
sets_begin() {
    lab on ctl -- scontrol update jobid="$1" starttime=now 2>/dev/null || true
    job_is "$1" RUNNING
}

@test "wattle-resize lets go nobody's job but the one: a task that an administrator holds stays held" {
    local id
    id=$(as alice sbatch --parsable -H -N1 --power=100 --array=1-3 --comment='wattle:v1 run=0 nodes=1 begin=0' -o /dev/null \
        --wrap='sleep 300' 2>/dev/null)
    lab on ctl -- scontrol hold "${id}_1"
    lab on ctl -- scontrol release "${id}_2" "${id}_3"
    until_true 30 job_is "${id}_3" RUNNING
    # to scontrol the number of the last task is that of the whole array
    as alice scontrol requeuehold "${id}_3"
    until_true 60 job_is "${id}_3" PENDING
    # a helper that takes it for its own does so within a few seconds
    sleep 6
    job_is "${id}_1" PENDING
    job_is "${id}_3" PENDING
    [[ $(lab on ctl -- squeue -h -j "${id}_1" -o %r) == JobHeldAdmin ]]
}

@test "a change of size is no way past a limit on CPUs" {
    local id other
    lab on ctl -- sacctmgr -i modify user alice set GrpTRES=cpu=2 >/dev/null
    # let go when the other one surely runs
    id=$(as alice sbatch --parsable -N1-2 -n2 --power=100 --comment="wattle:v1 run=0 nodes=1 begin=$((EPOCHSECONDS + 20))" -o /dev/null --wrap='sleep 300' 2>/dev/null)
    until_true 30 job_is "$id" RUNNING
    other=$(as alice sbatch --parsable -n2 --power=100 -o /dev/null --wrap='sleep 300' 2>/dev/null)
    as alice scontrol requeuehold "$id"
    until_true 60 job_is "$other" RUNNING
    # it is let go, and waits as any other job
    until_true 60 waits_for_limit "$id"
    sleep 3
    waits_for_limit "$id"
}
waits_for_limit() { [[ $(lab on ctl -- squeue -h -j "$1" -o %r) == AssocGrpCpuLimit ]]; }
