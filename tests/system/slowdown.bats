#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2154  # bats sets stderr
# --slowdown and --power-profile, from the words to the cap on the node and the charge in slurmctld.
#
# The lab's class: 2 CPUs, base_w 60, min_w 100, max_w 400. Profile "bend" is S = 0.2 w + 0.3 w^2, "line" S = 0.2 w, w = 400 W/P - 1:
# 5% is 335.1 and 320 W, 10% is 300 and 266.7 W.

bats_require_minimum_version 1.5.0
load cluster.bash

READ='cat /sys/class/powercap/intel-rapl:[01]/constraint_0_power_limit_uw | paste -sd" " -'
TRAVELS='v1 name=mine form=hyperbolic linear=0.2 square=0 offset=0 min=100 max=400 time=60 r2=0.99 loo=1 caps=7 runs=21'

# profile NAME SQUARE: such a profile, as `wattle profile fit` writes it
profile() {
    printf '{"name":"%s","unit":"s","sweep":[],"fit":{"form":"hyperbolic","coef":{"a":0.2,"b":%s,"c":0},"r2":0.99,"loo_error_pct":1,%s}}\n' \
        "$1" "$2" '"cap_min_w":100,"cap_max_w":400,"time_min_s":60,"caps":7,"runs":21,"usable":true,"why":""'
}
# store NAME [FILE…]: root's, from stdin, atomically
store() { lab on ctl -- sh -c "cd /etc/wattle/profiles && cat >.new && mv .new $1.json"; }

setup_file() {
    wait_idle
    lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf wattle.conf.slowdown'
    as alice mkdir -p sd
    as bob mkdir -p sd
}

teardown_file() {
    lab on ctl -- rm -f /etc/wattle/wattle.conf.slowdown
    as alice rm -rf sd
    as bob rm -rf sd
}

setup() {
    profile bend 0.3 | store bend
    profile line 0 | store line
    profile mine 0 | as_to alice sd/mine.json
}

teardown() {
    lab on ctl -- sh -c 'cd /etc/wattle && rm -f profiles/bend.json profiles/line.json &&
        { cmp -s wattle.conf.slowdown wattle.conf || cp -p wattle.conf.slowdown wattle.conf; }'
    lab on ctl -- sh -c 'scancel --user=alice; scancel --user=bob'
    wait_idle
    lab on ctl -- scontrol ping | grep -q 'is UP$'
}

as_to() { lab run --user "$1" -- sh -c "cat >$2"; }
licences() { lab on ctl -- scontrol show job -o "$1" | grep -o ' Licenses=[^ ]*' | cut -d= -f2; }
comment() { lab on ctl -- scontrol show job -o "$1" | grep -o 'AdminComment=[^)]*)' | cut -d= -f2-; }

# granted LICENCES ANSWER SBATCH-ARGS…: such a job is charged that, and told so
granted() {
    local licences=$1 answer=$2 id
    shift 2
    run --separate-stderr as alice sbatch -H --parsable -o /dev/null "$@" --wrap true
    [[ $status -eq 0 && $stderr == *"wattle: "*"$answer"* ]] || { echo "$*: status $status, said: $stderr" >&2 && return 1; }
    id=$output
    [[ $(licences "$id") == "$licences" ]] || { echo "$*: $(licences "$id")" >&2 && return 1; }
}

# refused MESSAGE SBATCH-ARGS…
refused() {
    local message=$1
    shift
    run --separate-stderr as alice sbatch -H -o /dev/null "$@" --wrap true
    [[ $status -ne 0 && $stderr == *"$message"* ]] || { echo "$*: status $status, said: $stderr" >&2 && return 1; }
}

@test "watts by a profile of the site: charged, answered, and the cap on the node" {
    granted power:1344 '336 W/node x 4 (slowdown 4.9%, profile bend)' -N4 --slowdown=5% --power-profile=bend
    granted power:300 '300 W/node x 1 (slowdown 10.0%, profile bend)' -N1 -J bend --slowdown 10
    # 2 x (336 - 60) / 2 W
    run --separate-stderr as alice srun -N1 --slowdown=5% --power-profile=bend sh -c "$READ; echo \"\$WATTLE_GRANT\""
    [[ $status -eq 0 && ${lines[0]} == '138000000 138000000' && $stderr == *'(slowdown 4.9%, profile bend)'* ]] ||
        { echo "$status $output $stderr" >&2 && return 1; }
    [[ ${lines[1]} == 'v1 watts=336' ]]
    run --separate-stderr as alice salloc -N1 --slowdown=10% --power-profile=bend srun sh -c "$READ"
    [[ $status -eq 0 && $output == '120000000 120000000' ]]
}

@test "--power is the ceiling, and the answer says what it costs" {
    granted power:250 "250 W/node x 1 (slowdown 22.8%, profile bend; 5% can't be kept under the ceiling of 250 W)" \
        -N1 --slowdown=5% --power=250 --power-profile=bend
    granted power:336 '336 W/node x 1 (slowdown 4.9%, profile bend)' -N1 --slowdown=5% --power=90% --power-profile=bend
    granted power:250 '250 W/node x 1 (slowdown 22.8%, profile bend)' -N1 --power=250 --power-profile=bend
    printf '#!/bin/sh\n#SBATCH -N1 --slowdown=5%% --power-profile=bend\n#SBATCH --power=250\n' | as_to alice sd/job
    run --separate-stderr as alice sbatch -H --parsable -o /dev/null sd/job
    [[ $status -eq 0 && $stderr == *'under the ceiling of 250 W'* && $(licences "$output") == power:250 ]]
}

@test "refused, with what to do" {
    refused '0.05 is a fraction, a slowdown is a percentage: did you mean 5%?' --slowdown=0.05
    refused 'is no slowdown' --slowdown=300W
    refused "no profile has the job's name, and there is no default one: say --power-profile=NAME; there are: bend, line" --slowdown=5%
    refused 'there is no profile bent; there are: bend, line; a file of your own is named with its path' --slowdown=5% --power-profile=bent
    refused "can't open sd/none.json" --slowdown=5% --power-profile=sd/none.json
    refused 'is no name of a profile' --slowdown=5% --power-profile='two words'
    refused 'W are more than the 5000 W that there are: on 20 nodes at most 250 W per node can be had' -N20 --slowdown=5% --power-profile=bend
    # another site's nodes
    printf '[class standard]\ncpus = 2\nbase_w = 60\nmin_w = 450\nmax_w = 900\n' | lab on ctl -- sh -c 'cd /etc/wattle && cat >new && mv new wattle.conf'
    refused 'measured between 100 and 400 W, but the cap must lie between 450 and 900 W' --slowdown=5% --power-profile=bend
}

@test "the partition's default profile, and the site's" {
    lab on ctl -- sh -c "cd /etc/wattle && sed 's/^\[site\]/&\ndefault_profile = bend/; \$a [partition main]\ndefault_profile = line' \
        wattle.conf.slowdown >new && mv new wattle.conf"
    granted power:320 '(slowdown 5.0%, profile line)' -N1 --slowdown=5%
    granted power:336 '(slowdown 4.9%, profile bend)' -N1 --slowdown=5% -J bend
}

@test "a file of the user's own travels with sbatch, srun, salloc and #SBATCH" {
    granted power:320 '320 W/node x 1 (slowdown 5.0%, profile mine)' -N1 --slowdown=5% --power-profile=sd/mine.json
    run --separate-stderr as alice srun -N1 --slowdown=10% --power-profile=./sd/mine.json sh -c "$READ"
    [[ $status -eq 0 && $output == '103500000 103500000' && $stderr == *'267 W/node x 1 (slowdown 10.0%, profile mine)'* ]]
    run --separate-stderr as alice sh -c 'cd sd && salloc -N1 --slowdown=10% --power-profile=mine.json true'
    [[ $status -eq 0 && $stderr == *'(slowdown 10.0%, profile mine)'* ]]
    printf '#!/bin/sh\n#SBATCH -N1 --slowdown=5%% --power-profile=%s\nenv >sd/env\n' sd/mine.json | as_to alice sd/job
    run --separate-stderr as alice sbatch --parsable -o /dev/null sd/job
    [[ $status -eq 0 && $(licences "$output") == power:320 ]]
    until_true 40 as alice test -s sd/env
    # the command line wins
    run --separate-stderr as alice sbatch -H --parsable -o /dev/null --power-profile=bend sd/job
    [[ $status -eq 0 && $(licences "$output") == power:336 ]]
    # broken, and somebody else's secret: the client reads it as the user
    as alice sh -c 'echo "{" >sd/broken.json'
    refused 'sd/broken.json' --slowdown=5% --power-profile=sd/broken.json
    refused 'Permission denied' --slowdown=5% --power-profile=/etc/shadow
}

@test "each component of a heterogeneous job has its own words" {
    id=$(as alice sbatch -H --parsable -o /dev/null -N1 --slowdown=5% --power-profile=sd/mine.json : -N1 --power=300 : -N1 : \
        -N1 --slowdown=10% --power-profile=bend --wrap true)
    [[ $(comment "$id+0") == '320 W/node x 1 (slowdown 5.0%, profile mine)' || $(comment "$id+0") == *'320 W/node x 1 (slowdown 5.0%, profile mine)' ]]
    lab on ctl -- scontrol show job -o "$id+1" | grep -q 'AdminComment=wattle: 300 W/node x 1 node: 300 W'
    lab on ctl -- scontrol show job -o "$id+2" | grep -q 'AdminComment=wattle: 200 W/node (default) x 1 node: 200 W'
    [[ $(comment "$id+3") == *'300 W/node x 1 (slowdown 10.0%, profile bend)' ]]
    printf '#!/bin/sh\n#SBATCH -N1 --power-cap=150\n#SBATCH hetjob\n#SBATCH -N1 --slowdown=5%% --power-profile=bend\n' | as_to alice sd/job
    id=$(as alice sbatch -H --parsable -o /dev/null sd/job)
    lab on ctl -- scontrol show job -o "$id+0" | grep -q 'AdminComment=wattle: 150 W/node x 1 node'
    [[ $(comment "$id+1") == *'336 W/node x 1 (slowdown 4.9%, profile bend)' ]]
}

@test "a step inside a job lowers watts, and says no slowdown" {
    # shellcheck disable=SC2016
    run as alice salloc -N1 --slowdown=5% --power-profile=bend sh -c "srun --slowdown=20% true; echo rc=\$?; srun --power=150 sh -c '$READ'; srun sh -c '$READ'"
    [[ $output == *'--slowdown is decided when a job is submitted; for a step say --power=WATTS'* && $output == *rc=1* ]] ||
        [[ $output == *rc=255* ]] || { echo "$output" >&2 && return 1; }
    [[ $output == *'45000000 45000000'* && $output == *'138000000 138000000'* ]]
    # and a job submitted from within a job has its own words
    id=$(as alice sbatch --parsable -o sd/nested -N1 --slowdown=5% --power-profile=sd/mine.json \
        --wrap 'sbatch -H --parsable -o /dev/null -N1 --exclusive --wrap true 2>/dev/null')
    until_true 40 as alice test -s sd/nested
    [[ $(licences "$id") == power:320 && $(licences "$(as alice cat sd/nested)") == power:400 ]]
}

@test "what hostile clients send along" {
    raw_submit_built sd
    before=$(lab on ctl -- cat /run/slurm/slurmctld.pid)
    local o=_SLURM_SPANK_OPTION_wattle_
    id=$(as bob sd/raw_submit entries ${o}slowdown=5% ${o}power_profile=./x "WATTLE_PROFILE=$TRAVELS" "WATTLE_PROFILE=v1 name=other" \
        'WATTLE_GRANT=v1 watts=400')
    [[ $(licences "$id") == power:320 ]]
    for text in '' 'v1' 'v2 name=mine' "${TRAVELS/0.2/nan}" "${TRAVELS/0.2/-1}" "${TRAVELS/0.2/1e309}" "${TRAVELS/mine/..\/x}" "$TRAVELS name=x" \
        "${TRAVELS/max=400/max=100}" "${TRAVELS/r2=0.99/r2=0.1}" "$TRAVELS scaling=1:1:1,1:1:1" "$TRAVELS x=$(printf '%02000d' 1)"; do
        run as bob sd/raw_submit entries ${o}slowdown=5% ${o}power_profile=./x "WATTLE_PROFILE=$text"
        [[ $status -ne 0 && $output == *'a profile sent along'* ]] || { echo "$text: $status $output" >&2 && return 1; }
    done
    run as bob sd/raw_submit entries ${o}slowdown=5% ${o}power_profile=./x
    [[ $status -ne 0 && $output == *'none came along'* ]]
    run as bob sd/raw_submit entries ${o}slowdown=5% ${o}power_profile=mine "WATTLE_PROFILE=$TRAVELS"
    [[ $status -ne 0 && $output == *'there is no profile mine'* ]]
    run as bob sd/raw_submit entries ${o}slowdown=0.05 ${o}power_profile=bend
    [[ $status -ne 0 && $output == *'did you mean 5%?'* ]]
    [[ $(lab on ctl -- cat /run/slurm/slurmctld.pid) == "$before" ]]
}

@test "profiles replaced, broken and removed while slurmctld runs" {
    granted power:336 '(slowdown 4.9%, profile bend)' -N1 --slowdown=5% --power-profile=bend
    profile bend 0 | store bend
    granted power:320 '(slowdown 5.0%, profile bend)' -N1 --slowdown=5% --power-profile=bend
    for text in '' '{' '{"name":"bend"}' "$(profile bend -1)"; do
        echo "$text" | store bend
        granted power:320 '(slowdown 5.0%, profile bend)' -N1 --slowdown=5% --power-profile=bend
    done
    lab on ctl -- sh -c 'cd /etc/wattle/profiles && rm bend.json && mkfifo bend.json'
    granted power:320 '(slowdown 5.0%, profile bend)' -N1 --slowdown=5% --power-profile=bend
    lab on ctl -- sh -c 'cd /etc/wattle/profiles && rm bend.json && cp line.json bend.json && chown alice bend.json'
    granted power:320 '(slowdown 5.0%, profile bend)' -N1 --slowdown=5% --power-profile=bend
    lab on ctl -- grep -q 'the profile read before stays in force' /var/log/slurm/slurmctld.log
    lab on ctl -- rm /etc/wattle/profiles/bend.json
    refused 'there is no profile bend; there are: line' --slowdown=5% --power-profile=bend
}
