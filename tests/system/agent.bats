#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the node
# wattle-agent on a node: sudden death of whoever holds the lease.
#
# The lab's class: base_w 60, so 200 W a node are 70 W for each of two packages, 150 W are 45.

bats_require_minimum_version 1.5.0
load node.bash

setup_file() {
    clean_up
    boot_values
}
teardown() { clean_up; }

# Kills all slurmstepds of a node from within it, and prints the milliseconds from the last one's end to every limit back.
kill_and_time() {
    lab on "$1" -- bash -c '
        want=$1 zone=(/sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw)
        mapfile -t pids < <(pgrep -x slurmstepd)
        dead=
        kill -KILL "${pids[@]}"
        end=$((${EPOCHREALTIME/./} + 5000000))
        while ((${EPOCHREALTIME/./} < end)); do
            if [[ -z $dead ]]; then
                dead=$EPOCHREALTIME
                # a zombie has ended: what is left of it is for its parent
                for p in "${pids[@]}"; do
                    { stat=$(</proc/"$p"/stat); } 2>/dev/null && [[ ${stat##*) } != [ZX]* ]] && dead=
                done
            fi
            now=
            for z in "${zone[@]}"; do now+="$(<"$z") "; done
            if [[ -n $dead && $now == "$want " ]]; then
                back=$EPOCHREALTIME
                echo $(((${back/./} - ${dead/./}) / 1000))
                exit 0
            fi
        done
        echo "still at $now, wanted $want" >&2
        exit 1' - "$(<"$NODE_DIR/boot.$1")"
}

@test "all limits are back within 100 ms of the last holder's death: median of five, and never later than 500 ms" {
    local i ms all=()
    for i in 1 2 3 4 5; do
        sleeper n1 200
        is_at n1 "$(caps 70000000)"
        ms=$(kill_and_time n1)
        echo "restored after $ms ms"
        ((ms < 500))
        all+=("$ms")
        lab on ctl -- scancel --user=alice
        wait_idle
    done
    mapfile -t all < <(printf '%s\n' "${all[@]}" | sort -n)
    ((all[2] < 100))
}

@test "without the agent the cap stays (so that the test above means something), and a new agent restores it" {
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    sleeper n1 200
    lab node n1 kill-stepd
    sleep 0.5
    is_at n1 "$(caps 70000000)"
    agent_start n1
    until_true 1 at_boot n1
}

@test "an agent killed at any time loses nothing: a job that began while there was none is watched by the next" {
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    sleeper n1 200
    agent_start n1
    sleep 0.3
    is_at n1 "$(caps 70000000)"
    (($(kill_and_time n1) < 500))
}

@test "one of a job's two holders dies: the cap stays" {
    sleeper n1 200
    lab on n1 -- sh -c 'kill -KILL $(pgrep -x slurmstepd | tail -1)'
    sleep 0.5
    is_at n1 "$(caps 70000000)"
    (($(kill_and_time n1) < 500))
}

@test "two jobs on a node: when one's slurmstepds die, the other's grant is in force at once" {
    local first second pids
    first=$(sleeper n1 120 -n1 -c1)
    second=$(sleeper n1 150 -n1 -c1)
    # 120 + 150 - 60 = 210 W for two packages
    is_at n1 "$(caps 105000000)"
    pids=$(lab on n1 -- wattle lease list --json | python3 -c '
import json, sys
for job in json.load(sys.stdin)["jobs"]:
    if job["job_id"] == int(sys.argv[1]):
        print(*(s["holder"]["pid"] for s in job["steps"]))' "$first")
    lab on n1 -- sh -c "kill -KILL $pids"
    until_true 1 is_at n1 "$(caps 45000000)"
    book_has n1 "$second"
}

# bats test_tags=native
@test "a restore that fails is owed, said once, and done by the agent when the hardware lets it" {
    local said
    sleeper n1 200
    lab fault n1 write package-1 'constraint_*_power_limit_uw' EIO
    said=$(agent_log n1 | grep -c 'owed' || true)
    lab node n1 kill-stepd
    until_true 2 owed n1
    run -1 lab on n1 -- wattle lease sweep
    [[ $output == *owed* ]]
    lab fault n1 clear
    # nobody asks: the agent's own timer does
    until_true 90 at_boot n1
    run ! owed n1
    (($(agent_log n1 | grep -c 'owed') > said))
    agent_log n1 | grep -q 'holds its baseline .* again'
}

# bats test_tags=native
@test "the run folder may vanish: the agent goes on" {
    lab on n1 -- sh -c 'rm -rf /run/wattle'
    sleep 0.3
    sleeper n1 200
    (($(kill_and_time n1) < 500))
    agent_runs n1
}

# A hierarchy of its own (which the kernel forgets only if nothing in it is still dying at the umount) stands for what proctrack/cgroup makes; the lab's nodes see none of the machine's.
# bats test_tags=native
@test "processes that outlive their job's slurmstepds are named, and left alone" {
    local id
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    id=$(sleeper n1 200)
    lab on n1 -- sh -ec "mkdir -p /tmp/cg; mount -t cgroup -o none,name=wattle-$id x /tmp/cg; mkdir /tmp/cg/job_$id
        for p in \$(pgrep -x slurmstepd) \$(pgrep -f '^sleep 300'); do echo \$p >/tmp/cg/job_$id/cgroup.procs; done"
    agent_start n1
    lab node n1 kill-stepd
    until_true 2 at_boot n1
    until_true 2 said_left "$id"
    agent_log n1 | grep "job $id: .* left" | grep -q -w "$(lab on n1 -- pgrep -f '^sleep 300' | head -1)"
    lab on n1 -- sh -c "pkill -KILL -f '^sleep 300'; sleep 0.3; rmdir /tmp/cg/job_$id; sleep 0.5; umount /tmp/cg; rmdir /tmp/cg"
}
said_left() { agent_log n1 | grep -q "job $1: .* left after its last slurmstepd died"; }

# bats test_tags=native
@test "SIGTERM ends it with 0 and leaves leases as they are; SIGHUP reads the configuration; a second one is refused" {
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    sleeper n1 200
    run -0 lab on n1 -- bash -c '
        wattle-agent 2>/tmp/agent.err & pid=$!
        sleep 0.5
        wattle-agent; [[ $? == 1 ]] || exit 9
        kill -HUP $pid; sleep 0.3
        kill -0 $pid || exit 8
        kill -TERM $pid; wait $pid'
    [[ $output == *"another wattle-agent runs on this node"* ]]
    is_at n1 "$(caps 70000000)"
}

# bats test_tags=native
@test "it tells the service manager when it is ready, and when it leaves" {
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    run -0 lab on n1 -- perl -MSocket -e '
        $| = 1; alarm 10;
        socket my $s, AF_UNIX, SOCK_DGRAM, 0 or die; bind $s, pack_sockaddr_un("/run/notify-test") or die;
        unless ($pid = fork) { $ENV{NOTIFY_SOCKET} = "/run/notify-test"; exec "wattle-agent" }
        recv $s, $m, 64, 0; print "$m\n"; kill TERM => $pid;
        recv $s, $m, 64, 0; print "$m\n"; waitpid $pid, 0; print "$?\n"; unlink "/run/notify-test"'
    [[ $output == *$'READY=1\nSTOPPING=1\n0'* ]]
}

# bats test_tags=native
@test "--once sweeps and leaves; wrong words are usage errors; users may not" {
    lab on n1 -- pkill -KILL -x wattle-agent
    until_true 30 agent_gone n1
    sleeper n1 200
    lab node n1 kill-stepd
    run -0 lab on n1 -- wattle-agent --once
    at_boot n1
    run -2 lab on n1 -- wattle-agent --frob
    run -2 lab on n1 -- wattle-agent word
    run -0 lab on n1 -- wattle-agent --help
    run -0 lab on n1 -- wattle-agent --version
    run -1 as alice wattle-agent --once
    run -1 lab on n1 -- wattle-agent --conf=/nonexistent --once
    [[ $output == *"/nonexistent"* ]]
}

@test "the book changes all the time: the agent does not leak descriptors, and sleeps when nothing happens" {
    local before after
    as alice srun -w n1 -N1 --power=200 true
    wait_idle
    before=$(lab on n1 -- sh -c 'ls /proc/$(pgrep -x wattle-agent)/fd | wc -l')
    as alice srun -w n1 -N1 --power=200 sh -c 'for i in 1 2 3 4 5 6 7 8; do true; done'
    as alice sbatch -W -w n1 --power=200 -o /dev/null --wrap 'for i in 1 2 3 4 5 6; do srun --power=150 true; done'
    wait_idle
    until_true 2 at_boot n1
    after=$(lab on n1 -- sh -c 'ls /proc/$(pgrep -x wattle-agent)/fd | wc -l')
    echo "descriptors: $before before, $after after"
    ((after <= before))
    before=$(cpu_ticks n1)
    sleep 3
    (($(cpu_ticks n1) - before <= 1))
}
cpu_ticks() { lab on "$1" -- sh -c 'awk "{ print \$14 + \$15 }" /proc/$(pgrep -x wattle-agent)/stat'; }
