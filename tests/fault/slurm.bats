#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Sudden death on a real cluster: prolog, slurmstepds and epilog killed at the lease book's own points (the lab must run a
# build with --enable-fault-points: WATTLE_LAB_BUILD), slurmd, agent and whole nodes from outside. What counts is
# what the node's power limits are afterwards, and under the next job.
#
# The lab's class: base_w 60; 200 W a node are 70 W for each of two packages, 150 W are 45.

bats_require_minimum_version 1.5.0
load ../system/node.bash

setup_file() {
    clean_up
    boot_values
    lab on n1 -- sh -c 'echo "lease.locked" >/run/wattle-faultpoint; wattle lease sweep; ! test -e /run/wattle-faultpoint' || {
        echo "this lab's build has no fault points: bring it up with WATTLE_LAB_BUILD" >&2
        return 1
    }
}
setup() {
    # It would pass the points, too, and mend what the others must mend without it.
    lab on n1 -- sh -c 'pkill -KILL -x wattle-agent || true'
    until_true 30 agent_gone n1
}
teardown() {
    lab on n1 -- rm -f /run/wattle-faultpoint
    slurmd_runs || lab node n1 start-slurmd
    clean_up
}

slurmd_runs() { lab on n1 -- pgrep -x slurmd; }
node_idle() { [[ $(lab on ctl -- sinfo -h -n n1 -o %T) == idle ]]; }
resume() {
    until_true 60 no_jobs
    # shellcheck disable=SC2016
    lab on ctl -- sh -c '[ -z "$(sinfo -h -n n1 -t drain,drng,down -o %N)" ] || scontrol update nodename=n1 state=resume'
    until_true 60 node_idle
}
book_empty() { [[ $(lab on n1 -- wattle lease list --json | python3 -c 'import json,sys; b=json.load(sys.stdin); print(len(b["jobs"]))') == 0 ]]; }
fired() { ! lab on n1 -- test -e /run/wattle-faultpoint; }

# The node serves: a job gets its own cap, and the node its boot values back.
next_job() {
    local got
    got=$(as alice srun -Q -w n1 --power=150 sh -c "$READ" 2>/dev/null)
    [[ $got == "$(caps 45000000)" ]] || { echo "next job ran under $got" >&2 && return 1; }
    until_true 2 at_boot n1
    until_true 2 book_empty
}

then_sweep() { lab on n1 -- wattle lease sweep; }
then_nothing() { :; }
then_agent() { agent_start n1; }
then_slurmd() {
    lab node n1 kill-slurmd
    lab node n1 start-slurmd
}
# slurmctld's order to end the job may have been lost with the node: it would ask again minutes later.
then_reboot() {
    lab node n1 reboot
    lab on ctl -- scontrol update nodename=n1 state=down reason=rebooted
}

# killed POINT PASS THEN: a job with a step of its own cap; on its node these pass each point in turn:
# 0 prolog, 1 extern step, 2 batch step, 3 step 0, 4 step 0's end, 5 and 6 the ends of batch and extern, 7 epilog.
killed() {
    printf '%s skip=%s\n' "$1" "$2" | lab on n1 -- sh -c 'cat >/run/wattle-faultpoint'
    as alice sbatch -Q --no-requeue -w n1 --power=200 -o /dev/null --wrap 'srun -Q --power=150 sleep 0.2; sleep 0.2' 2>/dev/null
    until_true 60 fired
    # Cancelled while slurmd is away, the job would hang in COMPLETING until slurmctld asks again, two minutes later.
    "then_$3"
    lab on ctl -- scancel --user=alice
    resume
    [[ $3 == nothing ]] || until_true 5 at_boot n1
    next_job
}

@test "prolog killed before its intents are written down; sweep" { killed lease.changed 0 sweep; }
@test "prolog killed with intents written down; next job" { killed apply.journaled 0 nothing; }
@test "prolog killed after one of four limits; slurmd restarted" { killed apply.after_write 0 slurmd; }
@test "prolog killed after three of four limits; agent started" { killed apply.after_write 2 agent; }
@test "prolog killed when all was done; next job" { killed apply.done 0 nothing; }
@test "extern step's slurmstepd killed in its begin; next job" { killed apply.journaled 1 nothing; }
@test "extern step's slurmstepd killed after its begin; sweep" { killed apply.done 1 sweep; }
@test "batch step's slurmstepd killed before its begin is written down; agent" { killed lease.changed 2 agent; }
@test "batch step's slurmstepd killed after its begin; slurmd restarted" { killed apply.done 2 slurmd; }
@test "a step's slurmstepd killed with its lower cap half written; next job" { killed apply.after_write 5 nothing; }
@test "a step's slurmstepd killed with its lower cap written; sweep" { killed apply.written 3 sweep; }
@test "a step's slurmstepd killed in its end, the cap half raised; agent" { killed apply.after_write 9 agent; }
@test "a step's slurmstepd killed at the end of its end; next job" { killed apply.done 4 nothing; }
@test "last but one slurmstepd killed in its end; sweep" { killed apply.journaled 5 sweep; }
@test "last slurmstepd killed with baselines half restored; next job" { killed apply.after_write 13 nothing; }
@test "last slurmstepd killed with baselines restored, the book not told; slurmd restarted" { killed apply.after_write 15 slurmd; }
@test "epilog killed; sweep" { killed apply.journaled 7 sweep; }
@test "prolog killed after two of four limits; node rebooted" { killed apply.after_write 1 reboot; }

@test "slurmd killed during a job: the cap stays; the job ends meanwhile; slurmd started: restored" {
    local id
    id=$(as alice sbatch --parsable --no-requeue -w n1 --power=200 -o /dev/null --wrap 'sleep 6' 2>/dev/null)
    until_true 60 book_has n1 "$id"
    lab node n1 kill-slurmd
    is_at n1 "$(caps 70000000)"
    sleep 1
    is_at n1 "$(caps 70000000)"
    # The extern step waits for slurmd to end it.
    until_true 60 one_stepd
    lab node n1 start-slurmd
    until_true 60 job_gone "$id"
    until_true 5 at_boot n1
    resume
    next_job
}
one_stepd() { [[ $(stepds n1 | wc -l) -le 1 ]]; }

@test "slurmd restarted during a job: the cap stays through it" {
    sleeper n1 200
    lab node n1 kill-slurmd
    lab node n1 start-slurmd
    sleep 1
    is_at n1 "$(caps 70000000)"
    lab on ctl -- scancel --user=alice
    resume
    until_true 2 at_boot n1
    next_job
}

@test "slurmd and all slurmstepds killed: slurmd's start restores" {
    sleeper n1 200
    lab node n1 kill-slurmd
    lab node n1 kill-stepd
    is_at n1 "$(caps 70000000)"
    lab node n1 start-slurmd
    until_true 5 at_boot n1
    lab on ctl -- scancel --user=alice
    resume
    next_job
}

@test "all slurmstepds killed, no agent: the next job's baseline is the boot value" {
    sleeper n1 200
    lab node n1 kill-stepd
    lab on ctl -- scancel --user=alice
    resume
    next_job
}

@test "two jobs on a node, one's slurmstepds killed, no agent: the other's epilog leaves nothing" {
    local first second pids
    first=$(sleeper n1 120 -n1 -c1)
    second=$(sleeper n1 150 -n1 -c1)
    is_at n1 "$(caps 105000000)"
    pids=$(lab on n1 -- wattle lease list --json | python3 -c '
import json, sys
for job in json.load(sys.stdin)["jobs"]:
    if job["job_id"] == int(sys.argv[1]):
        print(*(s["holder"]["pid"] for s in job["steps"]))' "$first")
    lab on n1 -- sh -c "kill -KILL $pids"
    lab on n1 -- wattle lease sweep
    is_at n1 "$(caps 45000000)"
    lab on ctl -- scancel "$second"
    until_true 60 at_boot n1
    lab on ctl -- scancel --user=alice
    resume
    next_job
}

@test "agent killed with baselines half restored: the next one finishes" {
    sleeper n1 200
    agent_start n1
    # It has looked at the node when it started; what it does now is to restore.
    sleep 0.5
    echo "apply.after_write skip=1" | lab on n1 -- sh -c 'cat >/run/wattle-faultpoint'
    lab node n1 kill-stepd
    until_true 30 fired
    until_true 30 agent_gone n1
    run ! at_boot n1
    agent_start n1
    until_true 2 at_boot n1
    lab on ctl -- scancel --user=alice
    resume
    next_job
}

@test "node loses power during a job: it boots with no lease and its own limits" {
    sleeper n1 200
    lab node n1 reboot
    until_true 5 at_boot n1
    book_empty
    lab on ctl -- scancel --user=alice
    resume
    next_job
}

@test "an admin's own change during a job is kept after it, and reported" {
    local zone=/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw
    sleeper n1 200
    lab on n1 -- sh -c "echo 160000000 >$zone"
    lab on ctl -- scancel --user=alice
    resume
    [[ $(lab on n1 -- cat "$zone") == 160000000 ]]
    lab logs n1 | grep -q 'reads 160.000 W, wrote 70.000 W'
    # and is the baseline of the next job
    as alice srun -Q -w n1 --power=150 true 2>/dev/null
    wait_idle
    sleep 1
    [[ $(lab on n1 -- cat "$zone") == 160000000 ]]
    read -r was _ <"$NODE_DIR/boot.n1"
    lab on n1 -- sh -c "echo $was >$zone"
}
