#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whatever is killed at whatever moment while a malleable job runs, changes its size or pauses: it goes on from its last checkpoint, or
# ends as wattlerun(1) says; nothing stays held, charged, capped or running.
#
# The program (tests/apps/stencil.c) takes its last step when its case opens the gate, so each moment lasts until the case has struck.
# It prints how many steps its last run did: 1 where it went on from a checkpoint made at the gate, all where there was none.
# Most cases make a checkpoint by a pause and strike in wattlerun's second step. Cases that don't disturb each other run at the same
# time, each in a folder and on a node of its own.

bats_require_minimum_version 1.5.0
load ../system/node.bash
load malleable.bash

setup_file() { malleable_begin; }
teardown_file() { malleable_end; }
teardown() {
    preempt_off
    malleable_teardown
}

@test "wattlerun killed: while the program runs; while it asks; before, within and after the requeue" {
    local name
    scontrol_dies n2 requeuehold before
    scontrol_dies n3 requeuehold within
    scontrol_dies n4 requeuehold after
    for name in run before within after; do plan $name 3 1 - 1 1; done
    job run -N1 -w n1 --
    job before -N1 -w n2 --
    job within -N1 -w n3 --
    job after -N1 -w n4 --
    ends before FAILED
    plan ask 1 1 - - - 1
    job ask -N1 -w n2 -- --grace 1h -- sleep 1000
    until_true 20 said ask 'asks for a checkpoint'
    kills n2 wattlerun
    ends ask FAILED
    until_true 30 at_gate run 2
    kills n1 wattlerun
    ends run FAILED

    open_gate run ask before within after
    ends after COMPLETED
    did after 1
    said after 'pauses until'
    # the requeue and the end of the script race each other
    until_true 60 job_gone "$(id within)"
    [[ $(state within) == COMPLETED || $(state within) == FAILED ]]
    for name in run before ask within; do
        [[ $name == within && $(state within) == COMPLETED ]] || job $name -N1-2 -- --plan none
    done
    for name in run before ask within; do ends $name COMPLETED; done
    did run 1
    did before 1
    did within 1
    did ask all
    nothing_left
}

@test "a rank killed: while it runs; in its checkpoint; more often than is let pass; an application without checkpoints" {
    plan rank 3 2 - 2 2
    plan saving 3 1 - 1 1
    plan often 3 1 - 1 1
    job rank -N2 -w n1,n2 -- --grace 3s
    job saving -N1 -w n3 --
    job often -N1 -w n4 -- --restarts 0
    # it can't end its checkpoint
    as alice mkfifo mall/saving/ck.new

    until_true 30 as alice grep -q asked=1 mall/saving/st/status.1
    kills n3 stencil
    as alice rm mall/saving/ck.new
    until_true 30 at_gate rank 2
    kills n2 stencil
    until_true 30 at_gate often 2
    kills n4 stencil
    until_true 30 said rank 'was killed: started again from its last checkpoint'
    ends often FAILED
    said often 'was killed: given up'
    said saving 'failed in its checkpoint'
    open_gate rank saving often
    ends rank COMPLETED
    did rank 1
    ends saving COMPLETED
    # nobody started it again: the next job does
    job often -N1 -- --plan none
    as alice sh -c 'mkdir -p mall/plain && echo "kill -9 \$\$" >mall/plain/dies'
    job plain -N1 -w n1 -- -- sh dies
    ends often COMPLETED
    did often 1
    ends plain FAILED
    never_said plain 'started again'
    nothing_left
}

@test "a node: rebooted while its job pauses; rebooted while it runs; slurmd killed and started; a batch script's slurmstepds killed" {
    local name
    for name in stepds slurmd reboot; do plan $name 3 1 - 1 1; done
    plan pause 3 1 - - - 1 1
    job pause -N1 -w n4 --
    job stepds -N1 -w n1 --
    job slurmd -N1 -w n2 --
    job reboot -N1 -w n3 --
    until_true 30 said pause 'pauses until'
    until_true 20 is pause PENDING
    lab node n4 reboot
    until_true 30 at_gate stepds 2
    lab node n1 kill-stepd
    until_true 30 at_gate slurmd 2
    lab node n2 kill-slurmd
    lab node n2 start-slurmd
    until_true 30 at_gate reboot 2
    lab node n3 reboot
    # it was not away long enough for slurmctld to notice
    lab on ctl -- scontrol update nodename=n3 state=down reason=rebooted
    until_true 30 is reboot PENDING
    # as if it had come before wattlerun looked: what the program said is in its own file alone
    as alice sed -i 's/"\(done\|total\)":[0-9]*/"\1":0/' mall/reboot/st/state.json
    lab on ctl -- scontrol update nodename=n3 state=resume || true # it may have come back by itself
    until_true 60 hurries reboot
    until_true 60 said stepds 'slurmstepd of this batch script was killed'
    open_gate stepds slurmd reboot pause
    for name in stepds slurmd reboot pause; do
        ends $name COMPLETED
        did $name 1
    done
    nothing_left
}

@test "slurmctld restarted: while a job completes; while one pauses; while one runs; away when a checkpoint is due; then killed" {
    local name
    plan runs 3 1 - 1 1
    plan pauses 3 1 - - - - 1 1
    plan completes 3 1 - 1 1
    # it ends when Slurm loses patience
    LINGERS=';' job completes -N1 -w n3 --
    job runs -N1 -w n1 --
    job pauses -N1 -w n2 --
    until_true 30 is completes COMPLETING
    until_true 30 said pauses 'pauses until'
    lab restart ctl
    # it said so before it had itself requeued
    until_true 30 is pauses PENDING
    until_true 60 at_gate runs 2
    plan due 5 1 - 1 1
    job due -N1 -w n4 -- --grace 5s
    until_true 60 at_gate due 1
    # not by SIGKILL: it may forget a job that is some seconds old
    lab on ctl -- pkill -x slurmctld
    # mpirun needs no Slurm to pass it on
    until_true 60 said due "can't be sent\|Slurm does not answer"
    lab on ctl -- slurmctld
    until_true 60 lab on ctl -- squeue -h
    lab on ctl -- pkill -9 -x slurmctld
    lab on ctl -- slurmctld
    until_true 60 lab on ctl -- squeue -h
    open_gate runs pauses completes due
    # an srun whose slurmctld was killed before it gave it a step waits two minutes for a word of it
    until_true 200 job_gone "$(id due)"
    for name in runs pauses completes due; do ends $name COMPLETED; done
    for name in runs pauses completes; do did $name 1; done
    never_said due 'no answer'
    nothing_left
}

@test "the administrator: holds a job that pauses, then releases it; cancels one in its checkpoint; requeues; requeues and holds, then releases" {
    local name
    for name in requeue hold cancel; do plan $name 3 1 - 1 1; done
    plan pause 3 1 - - 1 1
    job pause -N1 -w n3 --
    job cancel -N1 -w n4 -- --grace 1h
    job requeue -N1 -w n1 --
    job hold -N1 -w n2 --
    as alice mkfifo mall/cancel/ck.new
    until_true 30 said pause 'pauses until'
    until_true 30 waits_for_begin pause
    lab on ctl -- scontrol hold "$(id pause)"
    until_true 30 as alice grep -q asked=1 mall/cancel/st/status.1
    lab on ctl -- scancel "$(id cancel)"
    ends cancel CANCELLED
    until_true 30 at_gate requeue 2
    lab on ctl -- scontrol requeue "$(id requeue)"
    until_true 30 at_gate hold 2
    lab on ctl -- scontrol requeuehold "$(id hold)"
    until_true 30 is hold PENDING
    until_true 30 is requeue PENDING
    open_gate requeue hold pause
    until_true 60 hurries requeue
    ends requeue COMPLETED
    did requeue 1
    # longer than wattle-resize takes, and than the pause
    sleep 5
    held hold
    held pause
    lab on ctl -- scontrol release "$(id hold)"
    lab on ctl -- scontrol release "$(id pause)"
    until_true 60 hurries hold
    for name in hold pause; do
        ends $name COMPLETED
        did $name 1
    done
    nothing_left
}
waits_for_begin() { is "$1" PENDING && [[ $(reason "$1") == BeginTime ]]; }

@test "wattle-resize killed: before it changes a job; before it lets it go; slurmctld restarted then; a user's own hold is kept; the time limit" {
    local name
    for name in before release; do plan $name 3 1 - 1 1; done
    plan user 3 1 - - - - 1 1
    plan limit 1000 1
    job user -N1 -w n3 --
    job before -N1 -w n1 --
    job release -N1 -w n2 --
    job limit -N1 -w n4 --time=1 -- --grace 10s
    scontrol_dies ctl StartTime before "$(id before)"
    scontrol_dies ctl release before "$(id release)"
    until_true 30 says_pause user
    as alice scontrol hold "$(id user)"
    until_true 60 lab on ctl -- test -e "/tmp/die.$(id before).done"
    until_true 60 lab on ctl -- test -e "/tmp/die.$(id release).done"
    held before
    held release
    lab restart ctl
    open_gate before release user
    # the sweep
    for name in before release; do
        ends $name COMPLETED
        did $name 1
    done
    held user
    as alice scontrol release "$(id user)"
    ends user COMPLETED
    did user 1
    # ahead of the limit it asked, and went on in another run of the job
    until_true 120 said limit 'the time limit comes'
    until_true 60 at_gate limit 2
    open_gate limit
    ends limit COMPLETED
    did limit 1
    nothing_left
}
says_pause() { [[ $(lab on ctl -- squeue -h -j "$(id "$1")" -o %k) == 'wattle: pause' ]]; }

@test "the state folder: full; made read-only; with a state that is garbage, huge, a link, a FIFO" {
    local what folder=/home/alice/mall/full/st
    for what in readonly full; do plan $what 5 1 - 1 1; done
    as alice mkdir -p mall/full/st
    lab on n2 -- sh -c "mount -t tmpfs -o size=64k,mode=777 none $folder && chown alice: $folder"
    job readonly -N1 -w n1 --
    job full -N1 -w n2 --
    for what in garbage huge link fifo; do as alice mkdir -p mall/$what/st; done
    as alice sh -c 'cd mall; echo "{" >garbage/st/state.json; head -c 1000000 /dev/zero | tr "\0" " " >huge/st/state.json
        echo "{}" >link/other; ln -s ../other link/st/state.json; mkfifo fifo/st/state.json'
    until_true 30 at_gate readonly 1
    as alice chmod 500 mall/readonly/st
    until_true 30 lab on n2 -- grep -q " done=$((STEPS - 1)) " $folder/status.1
    lab on n2 -- sh -c "dd if=/dev/zero of=$folder/fill bs=1k count=100 2>/dev/null || true"
    for what in garbage huge link fifo; do job $what -N1 -w n3 --; done
    for what in readonly full; do until_true 60 said $what 'pauses until'; done
    open_gate readonly full
    for what in garbage huge link fifo; do
        ends $what FAILED
        said $what 'wattlerun: state folder .*state.json'
        never_said $what 'step 1 on'
    done
    [[ $(as alice cat mall/link/other) == '{}' ]]
    for what in readonly full; do
        ends $what COMPLETED
        did $what 1
    done
    said readonly "state can't be kept"
    lab on n2 -- umount $folder
    nothing_left
}

@test "preempted: the job is requeued, and goes on from its last checkpoint" {
    lab on ctl -- sh -c 'cp /etc/slurm/lab.conf /tmp/lab.conf && cat >>/etc/slurm/lab.conf' <<'CONF'
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=urgent Nodes=ALL PriorityTier=10
CONF
    lab restart ctl
    plan low 3 1 - 1 1
    job low -N1 -w n1 --
    until_true 60 at_gate low 2
    as alice srun -Q -p urgent -w n1 -N1 --exclusive true
    until_true 60 said low 'REQUEUE\|PREEMPTION'
    until_true 60 hurries low
    open_gate low
    ends low COMPLETED
    did low 1
    nothing_left
}
preempt_off() {
    lab on ctl -- test -e /tmp/lab.conf || return 0
    lab on ctl -- sh -c 'cat /tmp/lab.conf >/etc/slurm/lab.conf && rm /tmp/lab.conf'
    lab on ctl -- scancel --user=alice
    lab restart ctl
}
