#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# Caps on the nodes: what is in force while a job's tasks run, what is there afterwards. Everything is read from the
# nodes' power zones, by the tasks themselves or from outside.
#
# The lab's class: base_w 60, min_w 100, max_w 400. 300 W a node is (300 - 60) / 2 = 120 W for each of two packages.

bats_require_minimum_version 1.5.0
load cluster.bash

# All four limits of a node on one line, whole watts where they are whole: package 0 long, short, package 1 long, short.
READ='cat /sys/class/powercap/intel-rapl:[01]/constraint_[01]_power_limit_uw | sed s/000000$// | paste -sd" " -'
NODES=(n1 n2 n3 n4)

setup_file() {
    local node user
    export SP_DIR=$BATS_FILE_TMPDIR
    wait_idle
    for node in "${NODES[@]}"; do limits "$node" >"$SP_DIR/boot.$node"; done
    for user in alice bob; do
        as "$user" sh -c "rm -rf spank; mkdir spank && printf '#!/bin/sh\n%s\n' '$READ' >spank/read && chmod +x spank/read"
    done
    lab run --user alice -- sh -c 'cat >spank/nbody.c && mpicc -O1 -o spank/nbody spank/nbody.c -lm' <"$BATS_TEST_DIRNAME/../apps/nbody.c"
}

teardown_file() {
    as alice rm -rf spank
    as bob rm -rf spank
}

setup() {
    as alice sh -c 'cd spank && rm -f enough running first second ran runs id out done'
    LOG_LINES=$(lab logs n1 slurmd.log | wc -l)
}

teardown() {
    local node id
    for node in "${NODES[@]}"; do lab fault "$node" clear; done
    lab on ctl -- sh -c 'scancel --user=alice; scancel --user=bob'
    wait_idle
    lab on ctl -- sh -c 'cd /etc/wattle; [ ! -e wattle.conf.was ] || mv -f wattle.conf.was wattle.conf'
    lab on ctl -- sh -c 'for n in $(sinfo -h -N -t drain -o %N | sort -u); do scontrol update nodename=$n state=resume; done'
    at_boot_values "${NODES[@]}" || {
        for node in "${NODES[@]}"; do restore_by_hand "$node"; done
        false
    }
}

limits() { lab on "$1" -- sh -c "$READ"; }
caps() { printf '%s %s %s %s\n' "$1" "$1" "$1" "$1"; }

# logged NODE PATTERN: a line of slurmd's log since the test began.
logged() { lab logs "$1" slurmd.log | tail -n "+$((LOG_LINES + 1))" | grep -q "$2"; }
job_state() { lab on ctl -- scontrol show job -o "$1" | grep -o 'JobState=[A-Z]*' | cut -d= -f2; }
has_file() { as alice test -e "spank/$1"; }
is_at() { [[ $(limits "$1") == "$2" ]]; }
at_boot() { is_at "$1" "$(cat "$SP_DIR/boot.$1")"; }

# Every zone of these nodes holds its own boot value within a second.
at_boot_values() {
    local node
    for node in "$@"; do
        until_true 1 at_boot "$node" || {
            echo "$node: $(limits "$node"), booted with $(cat "$SP_DIR/boot.$node")" >&2
            return 1
        }
    done
}

# All limits back to what the node booted with, whatever came in between: later tests find their baseline.
restore_by_hand() {
    local w=() c
    read -ra w <"$SP_DIR/boot.$1"
    for c in 0 1 2 3; do
        [[ ${w[c]} == *?????? ]] || w[c]+=000000
        lab on "$1" -- sh -c "echo ${w[c]} >/sys/class/powercap/intel-rapl:$((c / 2))/constraint_$((c % 2))_power_limit_uw"
    done
}

# submit USER SBATCH-ARGS… with the script on stdin: prints the job id.
submit() { as "$1" sbatch --parsable -o 'spank/out' -D "/home/$1" "${@:2}" 2>/dev/null; }

# Each line of $output that is four limits is this one, and there are N of them.
all_read() {
    local n
    n=$(grep -c -x "$(caps "$2")" <<<"$output") || true
    [[ $n == "$1" && $(grep -c -E '^[0-9]+( [0-9]+){3}$' <<<"$output") == "$1" ]] || {
        printf 'wanted %s x "%s", got:\n%s\n' "$1" "$(caps "$2")" "$output" >&2
        return 1
    }
}

# on_failure MODE: what the site config says until the test ends. All hosts share it.
on_failure() {
    lab on ctl -- sh -ec "cd /etc/wattle; [ -e wattle.conf.was ] || cp -p wattle.conf wattle.conf.was
        sed 's/^\[site\]/[site]\non_cap_failure = $1/' wattle.conf.was >wattle.conf.new
        chmod 644 wattle.conf.new; mv wattle.conf.new wattle.conf"
}

@test "4-node MPI job: both packages and both constraints of each node hold the grant, boot values within 1 s of its end" {
    local id node
    id=$(submit alice -N4 --ntasks-per-node=1 --power=300 <<JOB
#!/bin/sh
$(mpi_launch) spank/nbody 400 100000000 &
touch spank/running
until [ -e spank/enough ]; do sleep 0.1; done
kill \$!
JOB
    )
    until_true 60 has_file running
    for node in "${NODES[@]}"; do is_at "$node" "$(caps 120)" || { limits "$node" && false; }; done
    as alice touch spank/enough
    until_true 60 job_gone "$id"
    at_boot_values "${NODES[@]}"
}

@test "the cap is there before the first task: each task of srun reads it" {
    run -0 --separate-stderr as alice srun -N4 --power=300 spank/read
    all_read 4 120
    wait_idle
    at_boot_values "${NODES[@]}"
}

@test "watts in every form: 0.2kW, 1200W/job, 70%, --power-cap" {
    run -0 --separate-stderr as alice srun -N1 --power=0.2kW spank/read
    all_read 1 70
    run -0 --separate-stderr as alice srun -N4 --power 1200W/job spank/read
    all_read 4 120
    run -0 --separate-stderr as alice srun -N2 --power=70% spank/read
    all_read 2 110
    run -0 --separate-stderr as alice srun -N1 --power-cap=250W spank/read
    all_read 1 95
}

@test "#SBATCH --power and salloc --power cap, too" {
    local id
    id=$(submit alice <<'JOB'
#!/bin/sh
#SBATCH -N1
#SBATCH --power=200
spank/read
srun spank/read
JOB
    )
    until_true 60 job_gone "$id"
    run -0 as alice cat spank/out
    all_read 2 70
    run -0 --separate-stderr as alice salloc -N2 --power=300 srun spank/read
    all_read 2 120
}

@test "nonsense is refused on the command line, with what may be said" {
    run ! as alice sbatch --power=lots --wrap true
    [[ $output == *'"lots" is no power'*'300W'* ]]
    run ! as alice srun --power=-5 true
    [[ $output == *'"-5" is no power'* ]]
    run ! as alice salloc --power-cap=110% true
    [[ $output == *'110%'* ]]
}

@test "the client's own --power is taken, the application's is not touched, and nothing is printed about it" {
    run -0 --separate-stderr as alice srun -N1 --power=200 sh -c 'spank/read; echo "$0 $*"' --power=5 --power 6
    all_read 1 70
    [[ $output == *'--power=5 --power 6'* ]]
    [[ ${stderr-} != *ower\ option* && ${stderr-} != *rror* ]]
    run -0 --separate-stderr as alice srun -N1 echo --power=5
    [[ $output == --power=5 ]]
}

@test "het components: each node has its component's cap" {
    local id
    id=$(submit alice -N1 --power=200 : -N1 --power=300 <<'JOB'
#!/bin/sh
srun --het-group=0 spank/read
srun --het-group=1 spank/read
JOB
    )
    until_true 60 no_jobs
    run -0 as alice cat spank/out
    [[ $(grep -E '^[0-9 ]+$' <<<"$output") == "$(caps 70)"$'\n'"$(caps 120)" ]]
}

@test "srun --power lowers the cap while the step runs, and never raises it" {
    local id
    # srun returns before slurmstepd has quite ended the step (24.11), hence the pause.
    id=$(submit alice -N1 --power=300 <<'JOB'
#!/bin/sh
spank/read
srun --power=200 spank/read
sleep 1
spank/read
srun --power=380 spank/read
srun --power=50 spank/read
srun --power=75% spank/read
JOB
    )
    until_true 60 job_gone "$id"
    run -0 as alice cat spank/out
    [[ $(grep -E '^[0-9 ]+$' <<<"$output") == "$(caps 120
        )"$'\n'"$(caps 70)"$'\n'"$(caps 120)"$'\n'"$(caps 120)"$'\n'"$(caps 20)"$'\n'"$(caps 120)" ]]
    # One line of warning for each that did not get what it named.
    [[ $(grep -c 'wattle:' <<<"$output") == 2 ]]
    [[ $output == *'380 W asked for, 300 W granted'* && $output == *'--power'*'=50 is 50 W'*'100 W'* ]]
}

@test "the job's own --power does not come back as an ask of its steps" {
    local id
    id=$(submit alice -N4 --power=1200W/job <<'JOB'
#!/bin/sh
srun -N2 -n2 spank/read
srun -N1 -n1 spank/read
env -u SLURM_JOB_ID -u SLURM_JOBID true
JOB
    )
    until_true 60 job_gone "$id"
    run -0 as alice cat spank/out
    all_read 3 120
    [[ $output != *wattle:* ]]
    run -0 --separate-stderr as alice salloc -N2 --power=600W/job srun -N1 -n1 spank/read
    all_read 1 120
    [[ $stderr != *granted* ]]
}

@test "an overlapping step from outside re-caps the running job within its grant" {
    local id
    id=$(submit alice -N1 --power=300 --wrap 'until [ -e spank/enough ]; do sleep 0.1; done')
    until_true 60 job_is "$id" RUNNING
    until_true 30 is_at "$(lab on ctl -- squeue -h -j "$id" -o %N)" "$(caps 120)"
    run -0 --separate-stderr as alice srun --jobid="$id" --overlap --power=200 spank/read
    all_read 1 70
    run -0 --separate-stderr as alice srun --jobid="$id" --overlap --power=390 spank/read
    all_read 1 120
    as alice touch spank/enough
    until_true 60 job_gone "$id"
}

@test "two jobs on one node add up, and each end gives its share back" {
    local a b
    a=$(submit alice -n1 -w n1 --power=150 -o /dev/null --wrap 'until [ -e spank/enough ]; do sleep 0.1; done')
    until_true 60 is_at n1 "$(caps 45)"
    b=$(submit bob -n1 -w n1 --power=200 -o /dev/null --wrap 'sleep 60')
    until_true 60 is_at n1 "$(caps 145)"
    as alice touch spank/enough
    until_true 60 job_gone "$a"
    until_true 1 is_at n1 "$(caps 70)"
    as bob scancel "$b"
    until_true 60 job_gone "$b"
    at_boot_values n1
}

@test "concurrent steps: the lowest ask holds; nested steps, too" {
    local id
    id=$(submit alice -N1 -n2 -w n1 --power=300 <<'JOB'
#!/bin/sh
srun -n1 --power=250 --overlap sh -c 'until [ -e spank/first ]; do sleep 0.1; done' &
srun -n1 --power=200 --overlap sh -c 'until [ -e spank/second ]; do sleep 0.1; done; srun -n1 --overlap --power=160 spank/read' &
wait
JOB
    )
    until_true 60 is_at n1 "$(caps 70)"
    as alice touch spank/second
    until_true 60 is_at n1 "$(caps 95)"
    run -0 as alice cat spank/out
    all_read 1 50
    as alice touch spank/first
    until_true 60 job_gone "$id"
    at_boot_values n1
}

# A crowd at the node's lease book: nobody is refused for having to wait in line.
@test "twenty steps of one user at once, beside a neighbour: all run" {
    local id crowd
    id=$(submit alice -n1 -w n1 --power=150 -o /dev/null --wrap 'until [ -e spank/enough ]; do sleep 0.1; done')
    until_true 60 is_at n1 "$(caps 45)"
    as alice sh -c 'for i in $(seq 20); do
            { srun --jobid="$0" --overlap -n1 --mem=0 --power=150 sleep 1 && echo "$i" >>spank/done; } & done; wait' "$id" 3>&- &
    crowd=$!
    until_true 60 has_file 'done'
    run -0 --separate-stderr as bob srun -n1 -w n1 --power=200 spank/read
    all_read 1 145
    wait "$crowd"
    [[ $(as alice cat spank/done | wc -l) == 20 ]]
    as alice touch spank/enough
    until_true 60 job_gone "$id"
    at_boot_values n1
}

# The next run comes so fast that slurmd 22.05 takes the prolog for done (see spank/ended.h). Within the very second in which the
# last one ended slurmd refuses to launch it, and the job fails ("already killed, do not launch batch job"; 24.11: "Job
# credential revoked", for two seconds): why Slurm puts requeued jobs off by two minutes.
@test "requeue, twice: each run is capped anew, in between boot values hold" {
    local id i ended
    id=$(submit alice -N1 -w n1 --requeue --open-mode=append --power=300 --wrap 'spank/read; echo run >>spank/runs; sleep 300')
    for i in 1 2; do
        until_true 60 has_runs "$i"
        is_at n1 "$(caps 120)"
        lab on ctl -- scontrol requeuehold "$id"
        until_true 60 completed "$id"
        ended=$EPOCHSECONDS
        at_boot_values n1
        [[ $(lab on ctl -- sinfo -V) == *' 22.05.'* ]] || ((ended += 2))
        while ((EPOCHSECONDS <= ended)); do sleep 0.05; done
        lab on ctl -- scontrol update jobid="$id" starttime=now
        lab on ctl -- scontrol release "$id"
    done
    until_true 60 has_runs 3
    is_at n1 "$(caps 120)"
    as alice scancel "$id"
    until_true 60 job_gone "$id"
    at_boot_values n1
    run -0 as alice grep -v -e CANCELLED spank/out
    all_read 3 120
}
completed() { lab on ctl -- scontrol show job -o "$1" | grep -q ' JobState=PENDING '; }
has_runs() { [[ $(as alice cat spank/runs | wc -l) == "$1" ]]; }

@test "scancel, also of a job that ignores signals, and the time limit: boot values within 1 s" {
    local id
    id=$(submit alice -N2 -w n1,n2 --power=300 --wrap 'trap "" TERM CONT; srun sh -c "trap : TERM; while :; do sleep 1; done"')
    until_true 60 is_at n2 "$(caps 120)"
    as alice scancel "$id"
    until_true 60 job_gone "$id"
    at_boot_values n1 n2

    id=$(submit alice -N1 -w n1 --power=300 --time=1 --wrap 'sleep 300')
    until_true 60 is_at n1 "$(caps 120)"
    # What the time limit does, without the minute that it takes. Slurm refuses an end in the past.
    lab on ctl -- scontrol update jobid="$id" endtime=now+5
    until_true 60 job_gone "$id"
    [[ $(job_state "$id") == TIMEOUT ]]
    at_boot_values n1
}

@test "step records: one for each step, the batch script and the job, on each node, the user's to read" {
    local id
    id=$(submit alice -N2 -w n1,n2 --power=300 --wrap 'srun sleep 1.2')
    until_true 60 job_gone "$id"
    run -0 as alice cat "/var/spool/wattle/$id/n1.jsonl" "/var/spool/wattle/$id/n2.jsonl"
    # n1: step 0, batch, extern; n2: step 0, extern
    [[ $(jq -s length <<<"$output") == 5 ]]
    jq -es 'all(.grant_w == 300 and .cap_w == 300 and .base_w == 60 and .cap_held and (.shared | not) and .energy_j > 0
                and .mean_w > 0 and .peak_w >= .mean_w and .capped_s > 1 and .elapsed_s > 1 and .note == "")' <<<"$output"
    # Energy is power over time.
    jq -es 'all((.mean_w * .elapsed_s / .energy_j) as $r | $r > 0.99 and $r < 1.01)' <<<"$output"
    run ! as bob cat "/var/spool/wattle/$id/n1.jsonl"
}

@test "a record that can't be written is a log line, the job is unaffected" {
    lab on n1 -- sh -c 'mkdir -p /tmp/elsewhere && mount --bind -o ro /tmp/elsewhere /var/spool/wattle && mount -o remount,bind,ro /var/spool/wattle'
    run -0 --separate-stderr as alice srun -N1 -w n1 --power=300 spank/read
    lab on n1 -- umount /var/spool/wattle
    all_read 1 120
    until_true 30 logged n1 'wattle:.*Read-only'
}

@test "an admin's own change of a limit during a job is kept and reported" {
    local id boot
    id=$(submit alice -N1 -w n1 --power=300 --wrap 'until [ -e spank/enough ]; do sleep 0.1; done')
    until_true 60 is_at n1 "$(caps 120)"
    lab on n1 -- sh -c 'echo 90000000 >/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw'
    as alice touch spank/enough
    until_true 60 job_gone "$id"
    boot=$(cat "$SP_DIR/boot.n1")
    until_true 1 is_at n1 "90 ${boot#* }"
    logged n1 'wattle:.*package-0 long_term.*90.000 W.*somebody else'
    jq -es 'any(.note | contains("somebody else"))' < <(lab on n1 -- cat "/var/spool/wattle/$id/n1.jsonl")
    # The next job leaves it alone, too.
    run -0 --separate-stderr as alice srun -N1 -w n1 --power=300 spank/read
    # What package 0 can't take goes to the other: 240 W in all.
    [[ $output == "90 90 150 150" ]]
    wait_idle
    until_true 1 is_at n1 "90 ${boot#* }"
    restore_by_hand n1
}

@test "on_cap_failure=fail: a locked package fails the step with zone, wanted and read; the node stays up" {
    on_failure fail
    lab fault n2 'write package-1 constraint_*_power_limit_uw EACCES'
    run ! as alice srun -N4 --power=300 spank/read
    [[ $output == *'node n2 zone package-1 long_term: wanted 120.000 W, reads '*' W'*'on_cap_failure=fail'* ]]
    [[ $(lab on ctl -- sinfo -h -n n2 -o %T) != *drain* ]]
    lab fault n2 clear
    wait_idle
    at_boot_values "${NODES[@]}"

    local id
    lab fault n2 'write package-0 constraint_0_power_limit_uw ignored'
    id=$(submit alice -N1 -w n2 --power=300 --wrap 'touch spank/ran')
    until_true 60 job_gone "$id"
    [[ $(job_state "$id") == FAILED ]]
    run ! has_file ran
    run -0 as alice cat spank/out
    [[ $output == *'node n2 zone package-0 long_term: wanted 120.000 W, reads '*'step refused'* ]]
}

@test "on_cap_failure=fail: an MPI job with one locked node ends at once" {
    on_failure fail
    lab fault n3 'write * constraint_*_power_limit_uw EIO'
    local begin=$SECONDS
    run ! mpi_run -N4 --power=300 -- spank/nbody 400 100000000
    ((SECONDS - begin < 30))
    # mpirun keeps to itself what the srun of its daemons says
    has_pmix || output=$(lab on n3 -- tail -n 30 /var/log/slurm/slurmd.log)
    [[ $output == *'node n3 zone'* ]]
}

@test "on_cap_failure=drain: the node drains with our reason" {
    on_failure drain
    lab fault n2 'write package-1 constraint_0_power_limit_uw EACCES'
    run ! as alice srun -N1 -w n2 --power=300 spank/read
    until_true 30 drained n2
    run -0 lab on ctl -- scontrol show node -o n2
    [[ $output == *'Reason=wattle: node n2 zone package-1 long_term: wanted 120.000 W'* ]]
}
drained() { lab on ctl -- scontrol show node -o "$1" | grep -q 'State=[A-Z+]*DRAIN'; }

@test "on_cap_failure=drain: no turn at the lease book within 30 s: the step runs under its job's cap, the node stays" {
    local id holder
    on_failure drain
    id=$(submit alice -N1 -w n2 --power=300 --wrap 'until [ -e spank/enough ]; do sleep 0.1; done')
    until_true 20 is_at n2 "$(caps 120)"
    holder=$(lab on n2 -- sh -c 'flock /run/wattle sleep 300 >/dev/null 2>&1 & echo $!')
    run -0 --separate-stderr as alice srun --jobid="$id" --overlap spank/read
    lab on n2 -- sh -c "pkill -KILL -P $holder; kill -KILL $holder || true"
    [[ $stderr == *'/run/wattle is busy'*'not had within 30000 ms'*'step runs all the same (on_cap_failure=drain)'* ]]
    all_read 1 120
    run ! drained n2
    as alice touch spank/enough
    until_true 20 job_gone "$id"
    until_true 1 at_boot_values n2
}

@test "on_cap_failure=continue: the step runs, its user and its record are told" {
    local id
    on_failure continue
    lab fault n2 'write package-1 constraint_0_power_limit_uw EACCES'
    run -0 --separate-stderr as alice srun -N1 -w n2 --power=300 sh -c 'spank/read; echo $SLURM_JOB_ID >spank/id'
    [[ $stderr == *'node n2 zone package-1 long_term: wanted 120.000 W'*'on_cap_failure=continue'* ]]
    id=$(as alice cat spank/id)
    jq -es 'all((.cap_held | not) and (.note | contains("package-1 long_term")))' < <(lab on n2 -- cat "/var/spool/wattle/$id/n2.jsonl")
}

@test "no powercap tree, an unreadable zone: capped steps are refused with the reason" {
    on_failure fail
    lab fault n2 '* * * missing'
    run ! as alice srun -N1 -w n2 --power=300 spank/read
    [[ $output == *'node n2'*'no package zone'*'step refused'* ]]
    lab fault n2 'read package-1 constraint_0_power_limit_uw ENODATA'
    run ! as alice srun -N1 -w n2 --power=300 spank/read
    [[ $output == *'node n2 zone package-1 long_term'*'step refused'* ]]
    [[ $(lab on ctl -- sinfo -h -n n2 -o %T) != *drain* ]]
}

# break_config TEXT: the site's file is good, has been used by n1, and then ends in TEXT.
break_config() {
    on_failure fail
    run -0 --separate-stderr as alice srun -N1 -w n1 --power=300 spank/read
    all_read 1 120
    lab on ctl -- sh -c "echo '$1' >>/etc/wattle/wattle.conf"
}

@test "a broken or missing config: nodes go on with the one they had, and say so" {
    break_config 'nonsense here'
    run -0 --separate-stderr as alice srun -N1 -w n1 --power=300 spank/read
    all_read 1 120
    logged n1 'wattle.conf:.*the configuration read before stays in force on this node'
    lab on ctl -- rm /etc/wattle/wattle.conf
    run -0 --separate-stderr as alice srun -N1 -w n1 --power=200 spank/read
    all_read 1 70
    run -0 lab on n1 -- stat -c '%U %a' /run/wattle/conf.good
    [[ $output == 'root 600' ]]
}

@test "a broken config and none from before: steps that name watts are refused, others run" {
    break_config 'nonsense here'
    lab on n1 -- rm /run/wattle/conf.good
    run ! as alice srun -N1 -w n1 --power=300 spank/read
    [[ $output == *'wattle.conf:'*'step refused'* ]]
    run -0 --separate-stderr as alice srun -N1 -w n1 spank/read
    [[ $output == "$(cat "$SP_DIR/boot.n1")" ]]
    [[ $(lab on ctl -- sinfo -h -n n1 -o %T) != *drain* ]]
}

@test "bob can't raise his cap by environment, SPANK_*, --export or forged grants" {
    local v
    for v in WATTLE_GRANT SPANK_WATTLE_GRANT SLURM_SPANK_WATTLE_GRANT SLURM_SPANK_SPANK_WATTLE_GRANT; do
        run -0 --separate-stderr as bob env "$v=v1 watts=390 nodes=1-1" srun -N1 --power=200 spank/read
        all_read 1 70
        run -0 --separate-stderr as bob env "$v=v1 watts=390" sh -c \
            "sbatch --export=ALL,$v -W -o spank/out --power=200 --wrap spank/read >&2; cat spank/out"
        all_read 1 70
    done
    run -0 --separate-stderr as bob sh -c 'sbatch -W -o spank/out --power=200 >&2 && cat spank/out' <<'JOB'
#!/bin/sh
_SLURM_SPANK_OPTION_wattle_power_cap=390 _SLURM_SPANK_OPTION_wattle_power=390 srun spank/read
SLURM_SPANK__SLURM_SPANK_OPTION_wattle_power_cap=390 srun spank/read
WATTLE_OPTIONS_MADE_THE_JOB=1 srun --power=390 spank/read
id=$SLURM_JOB_ID
unset SLURM_JOB_ID SLURM_JOBID
srun --jobid=$id --overlap --power=390 spank/read
JOB
    all_read 4 70
}

@test "bob can't lift his cap from within: limits, lease book and report tree are not his" {
    run -0 --separate-stderr as bob srun -N1 -w n1 --power=200 sh -c '
        echo 390000000 >/sys/class/powercap/intel-rapl:0/constraint_0_power_limit_uw
        rm -rf /run/wattle; ls /run/wattle; echo {} >/run/wattle/book; ln -sf /etc/passwd /run/wattle/book
        ln -s /etc/passwd /var/spool/wattle/$((SLURM_JOB_ID + 1)); mkdir /var/spool/wattle/99999999
        rm -rf /var/spool/wattle/$SLURM_JOB_ID
        pkill -KILL slurmstepd
        '"$READ"
    all_read 1 70
    wait_idle
    at_boot_values n1
    run -0 lab on n1 -- sh -c 'test -d /run/wattle && ! test -L /run/wattle/book && ! test -e /var/spool/wattle/99999999'
}

@test "links planted where records go are not followed" {
    local id
    id=$(submit bob -N1 -w n1 --power=200 --wrap 'f=/var/spool/wattle/$SLURM_JOB_ID
        until [ -e $HOME/enough ]; do sleep 0.1; done')
    until_true 60 is_at n1 "$(caps 70)"
    # As if he had found a way to: the tree is root's.
    lab on n1 -- sh -c "echo precious >/tmp/precious; mkdir -p -m 711 /var/spool/wattle/$id; ln -s /tmp/precious /var/spool/wattle/$id/n1.jsonl"
    as bob touch enough
    until_true 60 job_gone "$id"
    as bob rm -f enough
    [[ $(lab on n1 -- cat /tmp/precious) == precious ]]
    logged n1 'wattle:.*n1.jsonl'
}
