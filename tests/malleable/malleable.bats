#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Jobs that change their size: wattlerun, libwattle_mpi and wattle-resize together. The program's checksum depends on the steps done
# and on nothing else, so a job that lost work or did it twice shows.

bats_require_minimum_version 1.5.0
load ../system/node.bash
load malleable.bash

setup_file() { malleable_begin; }
teardown_file() { malleable_end; }
teardown() {
    lab on ctl -- sacctmgr -i modify user alice set GrpTRES=cpu=-1 >/dev/null || true
    malleable_teardown
}

@test "1 -> 3 -> pause -> 2 nodes under one job id: the result is that of an undisturbed run, the charge follows, nothing is left" {
    plan sizes 6 1 3 - 2 2
    job sizes -N1-4 --comment='my own words' --
    until_true 20 said sizes 'step 1 on 1 node'
    until_true 5 charged 200
    until_true 40 said sizes 'step 2 on 3 nodes'
    until_true 5 charged 600
    [[ $(lab on ctl -- squeue -h -j "$(id sizes)" -o %k) == 'wattle: '*'| my own words' ]]
    until_true 40 said sizes 'pauses until'
    until_true 10 is sizes PENDING
    charged 0
    until_true 60 at_gate sizes 3
    charged 400
    open_gate sizes
    ends sizes COMPLETED
    # each step began where the last one had left
    did sizes 1
    run -0 as alice cat mall/sizes/out
    [[ $output == *"ranks=2 $WANT "* ]]
    [[ $(grep -o 'step [0-9]* on [0-9]*' <<<"$output") == $'step 1 on 1\nstep 2 on 3\nstep 3 on 2' ]]
    nothing_left
}
charged() { [[ $(power_used) == "$1" ]]; }

@test "watts alone change: the cap moves on every node within a second, no process is restarted" {
    local node pids base slot w notes=()
    as alice mkdir -p mall/watts
    as alice sh -c 'cat >mall/watts/plan' <<<'{"slot_s":6,"slots":[{"t":0,"nodes":3,"cap_w":180},{"t":1,"nodes":3,"cap_w":140},{"t":2,"nodes":3,"cap_w":160},{"t":3,"nodes":3,"cap_w":160}]}'
    job watts -N3 -w n1,n2,n3 --
    until_true 30 caps_are 60 n1 n2 n3
    for node in n1 n2 n3; do
        note_caps "$node" 3>&- &
        notes+=($!)
    done
    until_true 20 at_gate watts 1
    pids=$(pids_of stencil)
    base=$(as alice sed -n 's/.*"first_start_s": *\([0-9.]*\).*/\1/p' mall/watts/st/state.json)
    until_true 30 caps_are 40 n1 n2 n3
    until_true 30 caps_are 50 n1 n2 n3
    wait "${notes[@]}"
    # by the nodes' own look at their limits
    for node in n1 n2 n3; do
        for slot in 1 2; do
            ((slot == 1)) && w=40 || w=50
            awk -v w="${w}000000" -v due="$base" -v slot=$slot -v node="$node" '$2 == w { late = $1 - due - 6 * slot; print node, slot, late; exit }
                END { exit !(late != "" && late < 1) }' "$BATS_TEST_TMPDIR/caps.$node" >&2
        done
    done
    [[ $(pids_of stencil) == "$pids" ]]
    open_gate watts
    ends watts COMPLETED
    did watts all
    nothing_left
}
pids_of() {
    local node
    for node in n1 n2 n3; do lab on "$node" -- pgrep -x "$1"; done
}
# note_caps NODE: each change of a package's limit until it is 50 W, and when it was seen.
note_caps() {
    # shellcheck disable=SC2016
    lab on "$1" -- timeout 60 bash -c 'f=/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw; was=
        while read -r now <$f; do [[ $now == "$was" ]] || echo "$EPOCHREALTIME $now"; was=$now; [[ $now != 50000000 ]] || exit 0; sleep 0.05; done
        ' >"$BATS_TEST_TMPDIR/caps.$1"
}
# caps_are W NODE…: each package's limit.
caps_are() {
    local node
    for node in "${@:2}"; do
        [[ $(lab on "$node" -- cat /sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw) == "${1}000000" ]] || return 1
    done
}

@test "a program that ignores the request; one that fails in its checkpoint; one that ends early: each goes on or ends as the manual says" {
    plan ignores 3 1 - 1 - 1
    plan fails 3 1 - 1 - 1
    plan early 60 1 - 1
    as alice sh -c 'echo "until [ -e gate ]; do sleep 0.1; done" >mall/ignores/ignores'
    job ignores -N1 -w n1 -- --grace 2s -- sh ignores
    # the folder of the checkpoint is not there
    job fails -N1 -w n2 -- -- "../stencil $SIDE $STEPS gone/ck 1 gate"
    job early -N1 -w n3 --
    until_true 30 at_gate early 1
    open_gate early
    ends early COMPLETED
    did early all
    said early 'done after 1 step, 0 changes of size, 0 pauses'
    until_true 60 said ignores 'no answer to the request within 2 s: .* and is asked no more'
    until_true 60 said fails 'asked no more'
    open_gate ignores fails
    until_true 60 job_gone "$(id ignores)"
    [[ $(state ignores) == COMPLETED ]]
    said ignores 'done after 1 step'
    ends fails COMPLETED
    did fails all
    said fails 'failed in its checkpoint (exit status 1, no checkpoint on disk): started again from the one before'
    nothing_left
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

@test "wattle-resize lets go nobody's job but the one: a comment that reads like another user's job" {
    local id
    id=$(as bob sbatch --parsable -N1 --power=100 -o /dev/null --wrap='sleep 300' 2>/dev/null)
    until_true 30 job_is "$id" RUNNING
    as bob scontrol requeuehold "$id"
    until_true 60 job_is "$id" PENDING
    # squeue prints it as it is
    as alice sbatch -H -N1 --power=100 --comment="x"$'\n'"$id N/A 0 1 wattle:v1 run=0 nodes=1 begin=0"$'\n' -o /dev/null --wrap='sleep 300'
    [[ $(lab on ctl -- squeue -h -a -O 'Comment:80') == *$'\n'"$id N/A 0 1 wattle:v1"* ]]
    lab on ctl -- /usr/libexec/wattle/wattle-resize --sweep
    job_is "$id" PENDING
    [[ $(lab on ctl -- squeue -h -j "$id" -o %r) =~ ^(JobHeldUser|job.requeued.in.held.state)$ ]]
    lab on ctl -- scancel "$id"
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
