#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154  # the job's shell expands it; bats sets stderr
# What job_submit/wattle makes of submissions and changes, as slurmctld and sacct show it.
#
# The lab's class: 2 CPUs, min_w 100, max_w and default_w 400; Licenses=power:5000; QOS lowpower has GrpTRES=license/power=600.

bats_require_minimum_version 1.5.0
load cluster.bash

RANGE='allows 100 to 400 W per node'

setup_file() {
    wait_idle
    lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf wattle.conf.jobsubmit'
    as alice mkdir -p js
    as bob mkdir -p js
}

teardown_file() {
    lab on ctl -- rm -f /etc/wattle/wattle.conf.jobsubmit
    as alice rm -rf js
    as bob rm -rf js
}

teardown() {
    lab on ctl -- sh -c 'cd /etc/wattle && cmp -s wattle.conf.jobsubmit wattle.conf || cp -p wattle.conf.jobsubmit wattle.conf'
    lab on ctl -- scancel --user=alice
    lab on ctl -- scancel --user=bob
    wait_idle
    # whatever a test did: the controller lives
    lab on ctl -- scontrol ping | grep -q 'is UP$'
}

job_field() { lab on ctl -- scontrol show job -o "$1" | grep -o " $2=[^ ]*" | head -n 1 | cut -d= -f2-; }
licences() { job_field "$1" Licenses; }
is_running_on() { [[ $(lab on ctl -- squeue -h -w "$1" -o %T) == RUNNING ]]; }
waits_for() { [[ $(lab on ctl -- squeue -h -j "$1" -o %r) == "$2" ]]; }
used_w() { lab on ctl -- scontrol show lic power | grep -o 'Used=[0-9]*' | cut -d= -f2; }
uses_w() { [[ $(used_w) == "$1" ]]; }
ctl_log() { lab on ctl -- cat /var/log/slurm/slurmctld.log; }
count_jobs() { lab on ctl -- scontrol show job -o | grep -c JobId= || true; }

# held USER ARGS…: a job that waits to be looked at; prints its id, the messages go to $BATS_TEST_TMPDIR/said
held() { as "$1" sbatch -H --parsable -o /dev/null "${@:2}" --wrap 'true' 2>"$BATS_TEST_TMPDIR/said"; }

# charged LICENCES NODES ARGS…: such a job asks for that
charged() {
    local id wanted=$1 nodes=$2
    shift 2
    id=$(held alice "$@") || { cat "$BATS_TEST_TMPDIR/said" >&2 && return 1; }
    [[ $(licences "$id") == "$wanted" ]] || { echo "$*: licences $(licences "$id"), wanted $wanted" >&2 && return 1; }
    # shellcheck disable=SC2053  # a pattern: the least that Slurm shows is its own reckoning
    [[ $(job_field "$id" NumNodes) == $nodes ]] || { echo "$*: nodes $(job_field "$id" NumNodes), wanted $nodes" >&2 && return 1; }
}

# refused MESSAGE ARGS…: it is not submitted, and told so
refused() {
    local message=$1 before
    shift
    before=$(count_jobs)
    run --separate-stderr as alice sbatch -H "$@" --wrap true
    [[ $status -ne 0 && $stderr == *"wattle: "*"$message"* ]] || { echo "$*: status $status, said: $stderr" >&2 && return 1; }
    [[ $(count_jobs) == "$before" ]]
}

said() { grep -qF "$1" "$BATS_TEST_TMPDIR/said" || { cat "$BATS_TEST_TMPDIR/said" >&2 && return 1; }; }

# lease_w ID WATTS: what n1 grants the job
lease_w() {
    [[ $(lab on n1 -- wattle lease list --json |
        python3 -c 'import json,sys; print([j["grant_w"] for j in json.load(sys.stdin)["jobs"] if j["job_id"] == int(sys.argv[1])])' "$1") == "[$2]" ]]
}

put_conf() { lab on ctl -- sh -c 'cat >/etc/wattle/wattle.conf.new && mv /etc/wattle/wattle.conf.new /etc/wattle/wattle.conf'; }

@test "sbatch --power in every form" {
    charged power:300 1-1 -N1 --power=300
    said 'wattle: 300 W/node x 1 node: 300 W'
    charged power:1200 4-4 -N4 --power=300W
    said 'wattle: 300 W/node x 4 nodes: 1200 W'
    charged power:600 2-2 -N2 --power=0.3kW
    charged power:560 2-2 -N2 --power=70%
    charged power:999 3-3 -N3 --power=1000W/job
    charged power:300 1-1 -N1 --power 300
    charged power:300 1-1 -N1 --power-cap=300
    charged power:300 1-1 -N1 --power-cap 300
}

@test "the answer is in AdminComment" {
    id=$(held alice -N2 --power=300)
    lab on ctl -- scontrol show job "$id" | grep -q 'AdminComment=wattle: 300 W/node x 2 nodes: 600 W'
}

@test "#SBATCH --power and --power-cap" {
    for word in --power=250 '--power 250' --power-cap=250W '-N2 --power-cap=500W/job # --power=9'; do
        printf '#!/bin/sh\n#SBATCH -N 2\n#SBATCH %s\n\ntrue\n#SBATCH --power=9\n' "$word" | lab run --user alice -- sh -c 'cat >js/job'
        id=$(as alice sbatch -H --parsable -o /dev/null js/job 2>/dev/null)
        [[ $(licences "$id") == power:500 ]] || { echo "$word: $(licences "$id")" >&2 && return 1; }
    done
    # the command line wins
    printf '#!/bin/sh\n#SBATCH --power=250\ntrue\n' | lab run --user alice -- sh -c 'cat >js/job'
    id=$(as alice sbatch -H --parsable -o /dev/null -N1 --power=150 js/job --power=9 2>/dev/null)
    [[ $(licences "$id") == power:150 ]]
}

@test "srun and salloc" {
    run --separate-stderr as alice srun -N2 --power=300 sh -c 'scontrol show job -o $SLURM_JOB_ID'
    [[ $status -eq 0 && $output == *" Licenses=power:600 "* && $stderr == *"wattle: 300 W/node x 2 nodes: 600 W"* ]]
    run --separate-stderr as alice salloc -N2 --power=800W/job sh -c 'scontrol show job -o $SLURM_JOB_ID'
    [[ $status -eq 0 && $output == *" Licenses=power:800 "* && $stderr == *"wattle: 400 W/node x 2 nodes: 800 W"* ]]
    run --separate-stderr as alice srun -N1 --power=401 true
    [[ $status -ne 0 && $stderr == *"wattle: 401 W per node is out of range: partition main $RANGE"* ]]
    run --separate-stderr as alice salloc -N1 --power=99 true
    [[ $status -ne 0 && $stderr == *"wattle: 99 W per node is out of range"* ]]
}

@test "each task of an array is charged" {
    id=$(as alice sbatch --parsable -o /dev/null -N1 -a 1-3 --power=300 --wrap 'sleep 60')
    until_true 60 uses_w 900
    [[ $(licences "${id}_2") == power:300 ]]
}

@test "each component of a heterogeneous job has its own watts" {
    id=$(as alice sbatch -H --parsable -o /dev/null -N1 --power=100 : -N2 --power=300 --wrap true)
    if [[ $WATTLE_LAB_SLURM == native ]]; then
        [[ $(licences "$id+0") == power:100 && $(licences "$id+1") == power:600 ]]
    else # licences only on the first
        [[ $(licences "$id+0") == power:700 && $(licences "$id+1") == '(null)' ]]
        run as alice scontrol update jobid="$id+1" NumNodes=3-3
        [[ $status -ne 0 && $(licences "$id+0") == power:700 ]]
        run as alice scontrol update jobid="$id+0" Licenses=power:100
        [[ $status -ne 0 && $(licences "$id+0") == power:700 ]]
    fi
}

@test "srun and salloc run heterogeneous jobs, each component under its own cap" {
    run --separate-stderr as alice srun -w n2 -N1 hostname : -w n3 -N1 hostname
    [[ $status -eq 0 && $(sort <<<"$output") == $'n2\nn3' ]] || { echo "$status $output $stderr" >&2 && return 1; }
    wait_idle
    # -K: or salloc would outlive its jobs with its command
    as alice sh -c 'exec salloc -K -w n2 -N1 --power=200 : -w n1 -N1 --power=150 sleep 300' >/dev/null 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    local salloc=$!
    until_true 60 is_running_on n1
    id=$(lab on ctl -- squeue -h -w n1 -o %A)
    until_true 60 lease_w "$id" 150
    if [[ $WATTLE_LAB_SLURM == native ]]; then
        uses_w 350
    else
        uses_w 200
        said 'wattle: 150 W/node x 1 node: 150 W, not charged (only sbatch charges all components)'
    fi
    lab on ctl -- scancel --user=alice
    wait "$salloc" || true
}

@test "interactive_het = refuse: no component runs uncharged" {
    [[ $WATTLE_LAB_SLURM != native ]] || skip "n/a: Slurm 22.05 charges each component"
    lab on ctl -- sed 's/^\[site\]/&\ninteractive_het = refuse/' /etc/wattle/wattle.conf.jobsubmit | put_conf
    run as alice srun -w n2 -N1 hostname : -w n3 -N1 hostname
    [[ $status -ne 0 && $output == *'submit it with sbatch'* ]] || { echo "$status $output" >&2 && return 1; }
    uses_w 0
    id=$(as alice sbatch -H --parsable -o /dev/null -N1 --power=100 : -N2 --power=300 --wrap true)
    [[ $(licences "$id+0") == power:700 ]]
}

@test "a range of nodes is charged by its greatest" {
    charged power:1200 2-4 -N2-4 --power=300
    said 'wattle: 300 W/node x 2-4 nodes: at most 1200 W'
    charged power:1200 1-4 -N1-4 --power=1200W/job
}

@test "a job without a node count is bounded to what it is charged" {
    charged power:600 '*-2' -n4 --power=300
    charged power:1200 '*-4' -n4 -c2 --power=300
    charged power:600 '*-2' -n4 --ntasks-per-node=2 --power=300
    charged power:300 1-1 --power=300
}

@test "a job that names no watts is charged its share, or whole nodes" {
    charged power:200 1-1 -n1
    said 'wattle: 200 W/node (default) x 1 node: 200 W'
    charged power:400 1-1 -n2
    charged power:400 1-1 -n1 --exclusive
    charged power:1600 4-4 -N4 --exclusive
    charged power:400 1-1 -n1 --mincpus=2
}

@test "licences that the user names" {
    charged power:800 2-2 -N2 -L power:800
    charged power:800 2-2 -N2 -L power:801
    charged power:600 2-2 -N2 -L power:600 --power=300
    refused 'licence power:500 disagrees with' -N2 -L power:500 --power=300
    refused "100 to 400 W per node" -N2 -L power:60
    refused 'no job can run at 0 W' -N2 -L power:0
    refused 'has no count that can be taken' -N2 -L power:4294967496
}

@test "refused: out of range, unparsable, above the ceiling" {
    refused "partition main $RANGE" --power=99
    refused "partition main $RANGE" --power=401
    refused "partition main $RANGE" --power=10%
    refused 'so say 400W/job to 1600W/job' -N4 --power=300W/job
    refused 'is no power: say 300' --power=lots
    refused 'is no power: say 300' --power=-300
    refused 'no job can run at 0 W' --power=0
    put_conf <<'CONF'
[class standard]
cpus = 2
base_w = 60
min_w = 100
max_w = 400
[partition main]
max_w = 250
CONF
    refused 'partition main allows 100 to 250 W per node' --power=300
    charged power:200 1-1 -N1 --power=50%
}

@test "--test-only changes nothing" {
    before=$(count_jobs)
    run --separate-stderr as alice sbatch --test-only -N2 --power=300 --wrap true
    [[ $status -eq 0 && $(count_jobs) == "$before" ]]
    uses_w 0
    run --separate-stderr as alice sbatch --test-only -N2 --power=500 --wrap true
    [[ $status -ne 0 && $stderr == *"$RANGE"* ]]
}

@test "the accounting carries the charge" {
    id=$(as alice sbatch --parsable -o /dev/null -N2 --power=300 --wrap 'true')
    wait_idle
    accounted() { [[ $(lab on ctl -- sacct -nPX -j "$1" -o AllocTRES) == *license/power=600* ]]; }
    until_true 60 accounted "$id"
}

@test "charge = both: a gres on each node beside the licence" {
    lab on ctl -- sed 's/^\[site\]/&\ncharge = both/' /etc/wattle/wattle.conf.jobsubmit | put_conf
    id=$(as alice sbatch --parsable -o /dev/null -N2 --power=300 --wrap 'sleep 60')
    until_true 60 job_is "$id" RUNNING
    [[ $(licences "$id") == power:600 && $(job_field "$id" TresPerNode) == gres?power:300 ]]
    on_nodes() { lab on ctl -- sh -c 'scontrol show node -d -o' | grep -c 'GresUsed=power:300'; }
    [[ $(on_nodes) == 2 ]]
    run as bob scontrol update jobid="$(held bob -N1 --power=300)" Gres=power:1
    [[ $status -ne 0 ]]
    refused 'gres power:200 disagrees with' -N1 --power=300 --gres=power:200
}

@test "a QOS with GrpTRES=license/power=600 holds the third 300 W job until one ends" {
    first=$(as alice sbatch --parsable -o /dev/null -q lowpower -N1 --power=300 --wrap 'sleep 300')
    second=$(as bob sbatch --parsable -o /dev/null -q lowpower -N1 --power=300 --wrap 'sleep 300')
    until_true 60 job_is "$first" RUNNING
    until_true 60 job_is "$second" RUNNING
    third=$(as alice sbatch --parsable -o /dev/null -q lowpower -N1 --power=300 --wrap 'sleep 300')
    until_true 60 waits_for "$third" QOSGrpLicense
    sleep 3
    job_is "$third" PENDING
    as bob scancel "$second"
    until_true 60 job_is "$third" RUNNING
}

@test "bob can't shed a pending job's charge" {
    id=$(held bob -N2 --power=300)
    for change in Licenses= Licenses=power:1 Licenses=power:0 Licenses=power:599; do
        run as bob scontrol update jobid="$id" "$change"
        [[ $status -ne 0 && $(licences "$id") == power:600 ]] || { echo "$change: $status $(licences "$id")" >&2 && return 1; }
    done
    ctl_log | grep -q 'wattle: change of a job by uid [0-9]* refused: dropping all licences would shed'
    # others may come and go
    run as bob scontrol update jobid="$id" TimeLimit=5
    [[ $status -eq 0 && $(licences "$id") == power:600 ]]
    # an administrator may do anything
    lab on ctl -- scontrol update jobid="$id" Licenses=power:1
    [[ $(licences "$id") == power:1 ]]
}

@test "the charge follows the nodes of a pending job" {
    id=$(held bob -N2 --power=300)
    as bob scontrol update jobid="$id" NumNodes=4-4
    [[ $(licences "$id") == power:1200 ]]
    as bob scontrol update jobid="$id" NumNodes=1-3
    [[ $(licences "$id") == power:900 ]]
    as bob scontrol update jobid="$id" NumNodes=2
    # a bare number is the least up to 22.05, and both later
    nodes=$(job_field "$id" NumNodes)
    [[ $nodes == 2-[23] && $(licences "$id") == power:$((300 * ${nodes#2-})) ]]
    as bob scontrol update jobid="$id" NumNodes=1-1 Licenses=power:300
    [[ $(licences "$id") == power:300 ]]
    run as bob scontrol update jobid="$id" NumNodes=4-4 Licenses=power:900
    [[ $status -ne 0 && $(licences "$id") == power:300 && $(job_field "$id" NumNodes) == 1-1 ]]
}

@test "bob can't carry a job to a partition that would not have granted it" {
    lab on ctl -- sed '$a [partition eco]\nmax_w = 250' /etc/wattle/wattle.conf.jobsubmit | put_conf
    lab on ctl -- scontrol create PartitionName=eco Nodes=ALL State=UP
    refused 'partition eco allows 100 to 250 W per node' -p eco --power=300
    refused 'partition eco allows 100 to 250 W per node' -p main,eco --power=300
    charged power:250 1-1 -p main,eco -N1 --power=250
    charged power:250 1-1 -p eco -N1 --exclusive
    id=$(held bob -N2 --power=300)
    for partition in eco main,eco; do
        run as bob scontrol update jobid="$id" Partition=$partition
        [[ $status -ne 0 && $(job_field "$id" Partition) == main ]]
    done
    id=$(held bob -N2 --power=250)
    as bob scontrol update jobid="$id" Partition=eco
    [[ $(job_field "$id" Partition) == eco && $(licences "$id") == power:500 ]]
    lab on ctl -- scancel --user=alice
    lab on ctl -- scancel --user=bob
    wait_idle
    lab on ctl -- scontrol delete PartitionName=eco
}

@test "a change of an array changes the charge of each task that waits" {
    id=$(as bob sbatch -H --parsable -o /dev/null -a 1-3 -N2 --power=300 --wrap true)
    as bob scontrol update jobid="$id" NumNodes=3-3
    [[ $(licences "$id") == power:900 ]]
    as bob scontrol update jobid="${id}_2" NumNodes=1-1
    [[ $(licences "${id}_2") == power:300 && $(licences "${id}_3") == power:900 ]]
    run as bob scontrol update jobid="${id}_2" Licenses=
    [[ $status -ne 0 && $(licences "${id}_2") == power:300 ]]
}

@test "bob can't shed a running job's charge, and may shrink it" {
    id=$(as bob sbatch --parsable -o /dev/null -N3 --power=300 --wrap 'sleep 300')
    until_true 60 job_is "$id" RUNNING
    uses_w 900
    for change in Licenses= Licenses=power:1; do
        run as bob scontrol update jobid="$id" "$change"
        [[ $status -ne 0 && $(licences "$id") == power:900 ]]
        uses_w 900
    done
    as bob scontrol update jobid="$id" NumNodes=2
    [[ $(job_field "$id" NumNodes) == 2 ]]
    [[ $(used_w) -ge 600 ]]
}

@test "a share can't grow into the node that it is a share of" {
    id=$(held bob -n1)
    for change in NumTasks=2 NumCPUs=2 MinCPUsNode=2 OverSubscribe=NO; do
        run as bob scontrol update jobid="$id" "$change"
        [[ $status -ne 0 ]] || { echo "$change was taken" >&2 && return 1; }
    done
    [[ $(licences "$id") == power:200 ]]
}

@test "a held job can be changed before it was ever tried for scheduling" {
    id=$(as bob sbatch -H --parsable -o /dev/null --begin=now+1hour -N2 --power=300 --wrap true)
    as bob scontrol update jobid="$id" NumNodes=3-3
    [[ $(licences "$id") == power:900 ]]
}

@test "a forged grant does not reach a node" {
    id=$(lab run --user bob -- env WATTLE_GRANT='v1 watts=400 nodes=1-1' SPANK_WATTLE_GRANT='v1 watts=400' \
        SLURM_SPANK_WATTLE_GRANT='v1 watts=400' _SLURM_SPANK_OPTION_wattle_power=400 \
        sbatch --parsable -o /dev/null -w n1 -N1 --power=150 --export=ALL,WATTLE_GRANT='v1 watts=400',SPANK_WATTLE_GRANT='v1 watts=400' \
        --wrap 'sleep 60')
    until_true 60 job_is "$id" RUNNING
    [[ $(licences "$id") == power:150 ]]
    until_true 60 lease_w "$id" 150
}

@test "a grant forged through Slurm's API does not reach a node, nor a job without bounds" {
    raw_submit_built js
    id=$(as bob js/raw_submit forged n1)
    until_true 60 job_is "$id" RUNNING
    [[ $(licences "$id") == power:150 && $(job_field "$id" NumNodes) == 1 ]]
    lab on ctl -- scontrol show job "$id" | grep -q 'AdminComment=wattle: 150 W/node x 1 node: 150 W'
    until_true 60 lease_w "$id" 150
}

@test "1,000 random submissions through Slurm's API" {
    raw_submit_built js
    before=$(lab on ctl -- cat /run/slurm/slurmctld.pid)
    read -r taken refused < <(as bob js/raw_submit random 0x2545f4914f6cdd1d 1000 2>/dev/null)
    echo "taken $taken, refused $refused"
    ((taken + refused == 1000 && taken > 50 && refused > 50))
    [[ $(lab on ctl -- cat /run/slurm/slurmctld.pid) == "$before" ]]
    # each that was taken is charged, at least for the nodes that it must have (NumNodes is scontrol's own reckoning)
    run lab on ctl -- sh -c 'scontrol show job -o | grep -a "JobName=raw " | grep -a "JobState=PENDING"'
    [[ ${#lines[@]} == "$taken" ]]
    wrong=$(printf '%s\n' "${lines[@]}" | python3 -c '
import re, sys
def number(pattern, line):
    found = re.search(pattern, line)
    return int(found[1]) if found else 0
for line in sys.stdin.buffer:
    watts = number(rb"AdminComment=wattle: ([0-9]+)", line)
    nodes = number(rb" (?:Req)?TRES=[^ ]*node=([0-9]+)", line)
    charge = number(rb" (?:Req)?TRES=[^ ]*license/power=([0-9]+)", line)
    if not (watts > 0 and charge > 0 and charge >= watts * nodes and charge % watts == 0):
        print(line)')
    [[ -z $wrong ]] || { echo "$wrong" >&2 && return 1; }
}

@test "a job submitted from within a job names its own watts" {
    id=$(as bob sbatch --parsable -o js/nested -N1 --power=150 --wrap 'sbatch -H --parsable -o /dev/null -N1 --exclusive --wrap true 2>/dev/null')
    until_true 60 as bob test -s js/nested
    nested=$(as bob cat js/nested)
    [[ $(licences "$id") == power:150 && $(licences "$nested") == power:400 ]] || { echo "nested: $(licences "$nested")" >&2 && return 1; }
}

@test "whatever becomes of the configuration, slurmctld lives and the last good one stays" {
    for text in '' 'garbage' '[class standard' '[class standard]
base_w = 60
min_w = 1' '[class standard]
max_w = 400W'; do
        printf '%s' "$text" | put_conf
        charged power:300 1-1 -N1 --power=300
        refused "$RANGE" --power=500
    done
    lab on ctl -- sh -c 'head -c 65536 /dev/zero >/etc/wattle/wattle.conf'
    charged power:300 1-1 -N1 --power=300
    lab on ctl -- rm /etc/wattle/wattle.conf
    charged power:300 1-1 -N1 --power=300
    lab on ctl -- sh -c 'mkfifo /etc/wattle/wattle.conf'
    charged power:300 1-1 -N1 --power=300
    lab on ctl -- sh -c 'cd /etc/wattle && rm wattle.conf && cp wattle.conf.jobsubmit wattle.conf && chmod 666 wattle.conf'
    charged power:300 1-1 -N1 --power=300
    lab on ctl -- sh -c 'cd /etc/wattle && rm wattle.conf && ln -s wattle.conf.jobsubmit wattle.conf'
    charged power:300 1-1 -N1 --power=300
    lab on ctl -- rm /etc/wattle/wattle.conf
    ctl_log | grep -q 'wattle.conf:1: neither a \[section\] nor key = value: the configuration read before stays in force'
    ctl_log | grep -q 'is no regular file'
    ctl_log | grep -q 'writable by others than root'
    ctl_log | grep -q 'holds NUL bytes'
}

@test "without a configuration slurmctld starts, and nobody believes in a cap that is none" {
    lab on ctl -- sh -c 'rm /etc/wattle/wattle.conf'
    lab restart ctl
    ctl_log | grep -q 'NO JOB IS CHARGED OR CAPPED'
    id=$(as alice sbatch -H --parsable -o /dev/null -N1 --wrap true)
    [[ $(licences "$id") == '(null)' ]]
    run --separate-stderr as alice sbatch -H -N1 --power=300 --wrap true
    [[ $status -ne 0 && $stderr == *"can't be honoured"* ]]
    # it comes, and is in force at once
    lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf.jobsubmit wattle.conf'
    charged power:300 1-1 -N1 --power=300
}

@test "forty submissions at once, while the configuration changes" {
    as alice sh -c 'for i in $(seq 40); do sbatch -H -o /dev/null -J many -N2 --power=300 --wrap true >/dev/null 2>&1 & done; wait' &
    local submitting=$!
    for _ in 1 2 3 4 5; do
        printf 'garbage' | put_conf
        lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf.jobsubmit wattle.conf.new && mv wattle.conf.new wattle.conf'
    done
    wait "$submitting" # a bare wait would be for the test's own timeout, too
    [[ $(lab on ctl -- squeue -h -n many -t PD | wc -l) == 40 ]]
    [[ $(lab on ctl -- squeue -h -n many -t PD -O licenses | sort | uniq -c | tr -s ' ') == ' 40 power:600'* ]]
}
