#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Whatever is killed at whatever moment while a malleable job runs, changes its size or pauses: it goes on from its last checkpoint, or
# ends as wattlerun(1) says; nothing stays held, charged, capped or running.
#
# The program (tests/apps/stencil.c) takes its last step when its case opens the gate, so each moment lasts until the case has struck.
# It prints how many steps its last run did: 1 where it went on from a checkpoint made at the gate, all where there was none.
# Cases that don't disturb each other run at the same time, each in a folder and on a node of its own.

bats_require_minimum_version 1.5.0
load ../system/node.bash
load malleable.bash

setup_file() { malleable_begin; }
teardown_file() { malleable_end; }
teardown() { malleable_teardown; }

# --- wattlerun ---------------------------------------------------------------------------------------------------------------

@test "wattlerun killed: while the program runs; while it asks; before, within and after the requeue: the next job or run goes on" {
    scontrol_dies n3 requeuehold before
    scontrol_dies n4 requeuehold after
    plan ask 5 1 - 1 1 1
    plan before 5 1 - 1 1 1
    plan after 5 1 - 1 1 1
    job run -N1 -w n1 -- --checkpoint-every 2s
    job ask -N1 -w n2 -- --grace 1h
    job before -N1 -w n3 --
    job after -N1 -w n4 --

    until_true 20 said run 'step 2 on'
    until_true 20 runs n1 stencil
    kills n1 wattlerun
    until_true 20 said ask 'step 1 on'
    until_true 20 runs n2 stencil
    lab on n2 -- pkill -STOP -x stencil
    until_true 30 said ask 'asks for a checkpoint'
    kills n2 wattlerun
    ends run FAILED
    ends ask FAILED
    ends before FAILED

    open_gate run ask before after
    ends after COMPLETED
    did after 1
    said after 'pauses until'
    # from the checkpoint that there was; ask was killed before it had one
    job run -N1 -- --plan none
    job ask -N1 -- --plan none
    job before -N2 -- --plan none
    ends run COMPLETED
    ends ask COMPLETED
    ends before COMPLETED
    did run 1
    did ask all
    did before 1
    nothing_left
}
