#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154  # the job's shell expands it; bats sets stderr
# --carbon=start and scale, against forecasts whose slots are 2 s long: when jobs really start.

bats_require_minimum_version 1.5.0
load cluster.bash

CARBON=$'[carbon]\nmargin = 0\nspread_pct = 0\nresize_overhead = 0\nnever_partitions = debug\n'

setup_file() {
    wait_idle
    lab on ctl -- sh -c 'cd /etc/wattle && cp -p wattle.conf wattle.conf.carbon'
    as alice mkdir -p carbon
}

setup() { put_conf "$CARBON"; }

teardown() {
    lab on ctl -- scancel --user=alice
    wait_idle
}

teardown_file() {
    lab on ctl -- sh -c 'cd /etc/wattle && mv wattle.conf.carbon wattle.conf'
    lab on login -- sh -c 'rm -rf /var/lib/wattle/carbon/LAB.json /var/lib/wattle/slots'
    as alice rm -rf carbon
}

job_field() { lab on ctl -- scontrol show job -o "$1" | grep -o " $2=[^ ]*" | head -n 1 | cut -d= -f2-; }
moment() { date -d "$(job_field "$1" "$2")" +%s; }
job_is() { [[ $(lab on ctl -- squeue -h -t all -j "$1" -o %T) == "$2" ]]; }
said() { grep -qF -- "$1" "$BATS_TEST_TMPDIR/said" || { cat "$BATS_TEST_TMPDIR/said" >&2 && return 1; }; }

put_conf() {
    lab on ctl -- sh -c 'cd /etc/wattle && { cat wattle.conf.carbon; printf "%s" "$1"; } >wattle.conf.new && mv wattle.conf.new wattle.conf' sh "$1"
}

accrues() { [[ $(job_field "$1" AccrueTime) == 20* ]]; }

# put_forecast ISSUED "VALUE TIMES" …: 2-second slots from $T on, in seconds since 1970, which it sets
put_forecast() {
    local issued=$1 values='' part i
    T=$(date +%s)
    shift
    for part; do for ((i = 0; i < ${part#* }; i++)); do values+=,${part% *}; done; done
    lab on login -- sh -c 'cd /var/lib/wattle/carbon && cat >LAB.json.new && mv LAB.json.new LAB.json' <<<"{\"zone\": \"LAB\",
        \"signal\": \"average\", \"unit\": \"gCO2/kWh\", \"issued\": $((T + issued)), \"slot_s\": 2, \"start\": $T, \"values\": [${values:1}]}"
}

# submit ARGS…: a job of 4 s with a limit of a minute; prints its id, its answer goes to $BATS_TEST_TMPDIR/said
submit() {
    as alice sbatch --parsable -D carbon -o '%j' -t1 --carbon-work=4s "$@" --wrap 'env | grep ^WATTLE_PLAN; sleep 1' \
        2>"$BATS_TEST_TMPDIR/said"
}

# begins_within ID FROM TO: its begin time, in seconds from $T
begins_within() {
    local at
    at=$(moment "$1" EligibleTime)
    ((at >= T + $2 && at <= T + $3)) || { echo "begins $((at - T)) s after the forecast, wanted $2 to $3" >&2 && return 1; }
}

# starts_now ID: it was not put off, and runs
starts_now() {
    (($(moment "$1" EligibleTime) <= $(moment "$1" SubmitTime) + 2)) || { lab on ctl -- scontrol show job "$1" >&2 && return 1; }
    until_true 60 job_is "$1" COMPLETED
}

@test "a job submitted in a dirty period starts in the clean one, though the forecast vanishes in between" {
    put_forecast 0 '500 13' '100 15' '500 300'
    id=$(submit --carbon=start --carbon-within=5m)
    said ' at the earliest: 80% less CO2, deadline kept'
    begins_within "$id" 26 52
    [[ $(job_field "$id" AdminComment) == wattle:* ]]
    until_true 20 accrues "$id"
    (($(moment "$id" AccrueTime) < T + 24)) # its age counts from now on, not from then
    job_is "$id" PENDING
    # begin_time is the job's own: what comes after submission changes nothing
    lab on login -- rm /var/lib/wattle/carbon/LAB.json
    until_true 60 job_is "$id" COMPLETED
    ((began = $(moment "$id" StartTime)))
    ((began >= T + 26 && began <= T + 56))
    ((began + 60 <= T + 300))
    id=$(submit --carbon=start)
    said 'starts now: there is no forecast for zone LAB'
    starts_now "$id"
}

@test "the deadline comes first, --begin is a lower bound, off is off" {
    put_forecast 0 '500 40' '100 10' '500 300'
    id=$(submit --carbon=start --carbon-within=100s) # 100 s less its limit of 60 s
    begins_within "$id" 0 45
    id=$(submit --carbon=start --carbon-within=30s)
    said "starts now: the deadline can't be kept"
    id=$(submit --carbon=start --begin=now+90)
    begins_within "$id" 88 99
    said 'starts as --begin says'
    id=$(submit --carbon=start --begin=now+30)
    begins_within "$id" 80 96
    id=$(submit --carbon=off)
    grep -q 'wattle: ' "$BATS_TEST_TMPDIR/said" && [[ $(<"$BATS_TEST_TMPDIR/said") != *starts* ]]
    id=$(submit --carbon=start --deadline="$(date -d "@$((T + 145))" +%Y-%m-%dT%H:%M:%S)")
    begins_within "$id" 78 85
    run --separate-stderr submit --carbon=soon
    [[ $status -ne 0 ]]
}

@test "a stale or broken forecast: the job starts now and is told so" {
    put_forecast -50000 '500 9' '100 15' '500 300'
    id=$(submit --carbon=start)
    said 'starts now: the forecast is 13h53m old, so it is not planned with'
    starts_now "$id"
    lab on login -- rm /var/lib/wattle/carbon/LAB.json
    submit -H --carbon=start
    said 'starts now: there is no forecast for zone LAB'
    lab on login -- sh -c 'echo "{" >/var/lib/wattle/carbon/LAB.json'
    submit -H --carbon=start
    said 'starts now: the forecast for zone LAB is broken'
    lab on login -- rm /var/lib/wattle/carbon/LAB.json
}

@test "its user moves the begin, later and earlier" {
    put_forecast 0 '500 40' '100 10' '500 300'
    id=$(submit --carbon=start)
    as alice scontrol update JobId="$id" StartTime=now+3600
    (($(moment "$id" EligibleTime) > T + 3000))
    as alice scontrol update JobId="$id" StartTime=now
    until_true 60 job_is "$id" COMPLETED
    (($(moment "$id" StartTime) < T + 78)) # before the clean slots
}

@test "a burst of 20 jobs is spread over slots nearly as good, and full slots over the next" {
    put_conf "${CARBON/spread_pct = 0/$'spread_pct = 5\nslot_budget_w = 300'}"
    put_forecast 0 '500 60' '200 1' '202 1' '201 1' '203 1' '200 1' '204 1' '202 1' '201 1' '500 60' '240 30' '500 100'
    as alice sh -c 'cd carbon && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        sbatch -Q -o /dev/null -t1 --carbon=start --carbon-work=2s --power=200 --wrap true; done' 2>/dev/null
    begins=$(lab on ctl -- squeue -h -t PENDING -o %S | sort | uniq -c | sort -rn)
    echo "$begins" >&2
    (($(wc -l <<<"$begins") >= 4))
    (($(awk '{ print $1; exit }' <<<"$begins") <= 12))
    # 20 x 200 W wait for those seconds now: more than the budget allows
    lab on ctl -- wattle slots serve --once
    lab on ctl -- wattle slots show --json |
        python3 -c 'import json,sys; s = json.load(sys.stdin); assert s["fresh"] and max(x["watts"] for x in s["slots"]) == 4000, s'
    id=$(submit --carbon=start --power=200)
    begins_within "$id" 254 320
    # an old file is not counted with
    lab on ctl -- sh -c 'f=/var/lib/wattle/slots/load; sed "1s/made=[0-9]*/made=1000000000/" $f >$f.new && mv $f.new $f'
    id=$(submit --carbon=start --power=200)
    begins_within "$id" 118 138
    lab on ctl -- grep -q 'wattle-slots.service running' /var/log/slurm/slurmctld.log
}

@test "scale: the job begins at its plan's first size, finds the plan, and does no harm without wattlerun" {
    put_forecast 0 '500 10' '100 3' '500 20' '100 3' '500 300'
    id=$(as alice sbatch --parsable -D carbon -o scale -t1 -N1-2 --power=200 --carbon=scale --carbon-work=10s --carbon-within=4m \
        --wrap 'env | grep ^WATTLE_PLAN; echo "nodes $SLURM_NNODES"' 2>"$BATS_TEST_TMPDIR/said")
    said 'for wattlerun: '
    [[ $(job_field "$id" NumNodes) == 1* && $(job_field "$id" Licenses) == power:200 && $(job_field "$id" Requeue) == 1 ]]
    begins_within "$id" 18 26
    until_true 60 job_is "$id" COMPLETED
    as alice cat carbon/scale >&2
    as alice grep -q "^WATTLE_PLAN=v1 start=$(moment "$id" EligibleTime) end=[0-9]* deadline=[0-9]* overhead=0 slots=0:1:200,[0-9]*:0:0," carbon/scale
    as alice grep -q '^nodes 1' carbon/scale
    # not a batch job: put off, not resized
    put_forecast 0 '500 6' '100 4' '500 300'
    run --separate-stderr as alice srun -N1 -t1 --power=200 --carbon=scale --carbon-work=3s hostname
    [[ $status == 0 && $stderr == *'not scaled: only batch jobs'* ]]
}
