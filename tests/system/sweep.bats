#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the hosts
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are bats's
# wattle sweep on the real cluster: measured, interrupted, resumed, and what goes wrong on the way.

bats_require_minimum_version 1.5.0
load node.bash

# A job whose figure of merit follows the cap in force as a program's speed would: a sweep then takes no longer than its jobs' starts.
setup_file() {
    clean_up
    boot_values
    # a number that no earlier run of these tests on the same cluster had
    SEED=$(date +%s)
    export SEED
    as alice sh -c 'mkdir -p sweeps && cd sweeps && cat >app.sh' <<'APP'
#!/bin/bash
watts=$(awk '{ p += $1 / 1e6 } END { p += 60; print (p > 400 ? 400 : p) }' /sys/class/powercap/intel-rapl:[01]/constraint_0_power_limit_uw)
[[ ! -e fail-$watts ]] || exit 3
sleep 0.3
awk -v p="$watts" 'BEGIN { w = 400 / p - 1; printf "rate: %.9f per s\n", 10 / (1 + 0.35 * w + 0.05 * w * w) }'
APP
}
teardown_file() { as alice rm -rf sweeps; }
teardown() {
    as alice sh -c 'rm -f sweeps/fail-*'
    lab run -- rm -rf /srv/none
    lab on ctl -- sh -c '[ ! -e /etc/wattle/was ] || mv /etc/wattle/was /etc/wattle/wattle.conf'
    clean_up
}

# json EXPR: evaluates a Python expression over $output's JSON, j.
is_true() {
    python3 -c 'import json,sys; j=json.loads(sys.argv[1]); sys.exit(not eval(sys.argv[2]))' "$output" "$1" ||
        { printf 'not true: %s\nof: %s\n%s\n' "$1" "$output" "${stderr-}" >&2 && return 1; }
}
sweep() { as alice sh -c 'cd sweeps && exec wattle sweep "$@"' sh "$@"; }
FOM=(--fom 'rate: ([0-9.]+)')
CAPS=(--caps 40%..100%/4 --repeat 1)
# Slurm had just N jobs for a sweep, by the seed in their names; accounting learns of the last ones a moment later.
has_jobs() { (($(lab on ctl -- sacct -X -n -P -u alice -S now-1day -o JobName | grep -c -e "-sweep-$1-") == $2)); }

@test "a sweep measures each cap, in the order of its seed, and leaves table and profile" {
    run -0 --separate-stderr sweep "${CAPS[@]}" "${FOM[@]}" --seed 1 --dir one --json -- -N2 --ntasks-per-node=1 app.sh
    is_true 'j["done"] == j["total"] == 4 and sorted(r["cap_w"] for r in j["runs"]) == [160, 240, 320, 400]'
    is_true '[r["cap"] for r in j["runs"]] != ["40%", "60%", "80%", "100%"]'
    # each on the nodes of the first, by itself
    is_true 'len({r["hosts"] for r in j["runs"]}) == 1 and len({r["job"] for r in j["runs"]}) == 4'
    is_true 'abs(j["fit"]["coef"]["a"] - .35) < 1e-4 and abs(j["fit"]["coef"]["b"] - .05) < 1e-4 and j["fit"]["usable"]'
    [[ $stderr == *"4 of 4 runs to do, in the order of seed 1"*"4/4 "* ]]
    local run=$output
    # times and joules are those of the records
    for i in 0 3; do
        output=$run
        read -r job time_s energy_j < <(python3 -c 'import json,sys; r=json.loads(sys.argv[1])["runs"][int(sys.argv[2])]; print(r["job"], r["time_s"], r["energy_j"])' "$run" "$i")
        output=$(as alice wattle report --json "$job")
        is_true 'abs(j["node_energy_j"] - '"$energy_j"') < 0.01 and abs([s["elapsed_s"] for s in j["jobs"][0]["steps"] if s["step"] == "batch"][0] - '"$time_s"') < 0.001'
    done
    run -0 as alice cat sweeps/one/app.csv
    [[ ${lines[0]} == cap_w,throughput,energy_j && ${#lines[@]} == 5 ]]
    run -0 --separate-stderr as alice wattle profile watts sweeps/one/app.json --slowdown 20% --json
    is_true 'abs(j["watts"] - 400 / (1 + (-.35 + (.35 ** 2 + 4 * .05 * .2) ** .5) / .1)) < 0.5'
    run -0 --separate-stderr as alice wattle profile show sweeps/one/app.json --json
    is_true 'j["provenance"]["class"] == "standard" and "app.sh" in j["provenance"]["command"] and j["unit"] == "1/throughput" and len(j["sweep"]) == 4'
    # the folder is not overwritten
    run -1 sweep "${CAPS[@]}" --dir one -- -N2 app.sh
    [[ $output == *"is there already"* ]]
}

# In the background, its messages in NAME.log; PID is to be waited for.
sweep_behind() {
    local log=$1
    shift
    as alice sh -c 'cd sweeps && log=$1 && shift && exec wattle sweep "$@" >"$log.log" 2>&1' sh "$log" "$@" </dev/null &
    PID=$!
}
says() { as alice grep -q -e "$2" "sweeps/$1.log"; }
signal() { lab run -- pkill "-$1" -u alice -x wattle; }

@test "interrupted, killed, resumed: every job counts, none runs twice" {
    local status=0
    sweep_behind two "${CAPS[@]}" "${FOM[@]}" --seed "${SEED}2" --dir two -- -N1 -w n1 app.sh
    until_true 30 says two '^1/4'
    signal INT
    wait "$PID" || status=$?
    ((status == 1))
    run -0 as alice cat sweeps/two.log
    [[ $output == *"stopped: "*"of 4 runs are done and kept"*"wattle sweep --resume /home/alice/sweeps/two"* ]]
    # killed outright, between sbatch and the note of its job number
    sweep_behind two --resume two
    until_true 30 as alice grep -q '"stage": "queued"' sweeps/two/state.json
    signal KILL
    wait "$PID" || true
    as alice sed -i -e '/"stage": "queued"/{s/queued/submitting/;n;s/"job": [0-9]*/"job": 0/}' sweeps/two/state.json
    # one at a time
    as alice flock sweeps/two/lock sleep 3 </dev/null &
    until_true 3 as alice sh -c '! flock -n sweeps/two/lock true'
    run -1 sweep --resume two
    [[ $output == *"another wattle works on"* ]]
    wait $!
    run -0 --separate-stderr sweep --resume two --json
    is_true 'j["done"] == 4 and j["fit"]["usable"]'
    until_true 20 has_jobs "${SEED}2" 4
    # what is begun keeps its words
    run -2 sweep --resume two --caps 100,200,300,400
}

@test "a job waits: said, left in the queue by Ctrl-C, taken away by --cancel" {
    local status=0
    sleeper n4 200 --exclusive >/dev/null
    sweep_behind three "${CAPS[@]}" --seed "${SEED}3" --dir three -- -N1 -w n4 app.sh
    until_true 30 says three 'waits ('
    signal INT
    wait "$PID" || status=$?
    ((status == 1))
    says three '1 job of the sweep (first: [0-9]*) stays in the queue'
    run -0 sweep --cancel three
    [[ $output == "1 job cancelled; 0 of 4 runs are done and kept" ]]
    [[ $(lab on ctl -- squeue -h -o %j) != *-sweep-* ]]
    run -1 sweep --resume three --partial
    [[ $output == *"no profile is written"* ]]
}

@test "a failed job is named and loses nothing; --partial does without it, a resume runs it again" {
    as alice touch sweeps/fail-220
    run -1 --separate-stderr sweep --caps 40%..100%/5 --repeat 1 "${FOM[@]}" --seed "${SEED}4" --dir four --json -- -N1 -w n1 app.sh
    is_true 'j["done"] == 4 and j["profile"] is None and "fit" not in j'
    is_true '["ended as FAILED: see out/" in r["why"] for r in j["runs"] if r["cap"] == "55%"] == [True]'
    [[ $stderr == *"1 of 5 runs are missing, no profile is written: "*"--resume"* ]]
    run -0 --separate-stderr sweep --resume four --partial --json
    is_true 'j["done"] == 4 and j["fit"]["usable"] and j["fit"]["caps"] == 4'
    as alice rm sweeps/fail-220
    run -0 --separate-stderr sweep --resume four --json
    is_true 'j["done"] == 5 and j["fit"]["usable"] and j["fit"]["caps"] == 5'
    until_true 20 has_jobs "${SEED}4" 6
}

# bats test_tags=native
@test "a node that takes no cap, or another one: not measured, and said" {
    local node=n2
    lab fault $node 'write package-0 constraint_*_power_limit_uw EACCES'
    run -1 --separate-stderr sweep "${CAPS[@]}" "${FOM[@]}" --seed "${SEED}6" --dir six --json -- -N1 -w $node app.sh
    # at full power there is no cap to be written
    is_true 'all(("ended as FAILED: " in r["why"] and "package-0" in r["why"]) for r in j["runs"] if r["why"]) and j["done"] <= 1' ||
        [[ $stderr == *"gave no result"*"package-0"* ]]
    # runs all the same, but counts no more
    lab on ctl -- sh -c 'cd /etc/wattle && cp wattle.conf was && sed -i "s/^\[site\]/[site]\non_cap_failure = continue/" wattle.conf'
    lab fault $node 'write package-0 constraint_*_power_limit_uw atleast 120000000'
    run -1 --separate-stderr sweep --resume six
    [[ $stderr == *"the cap did not hold on n2"* || $stderr == *"n2 was held to "* ]]
    lab fault $node clear
    run -0 --separate-stderr sweep --resume six --json
    is_true 'j["done"] == 4 and j["fit"]["usable"]'
}

@test "records that are not there: named, and found by a resume without a new job" {
    lab run -- install -d -m 1711 /srv/none
    run -1 --separate-stderr sweep "${CAPS[@]}" "${FOM[@]}" --seed "${SEED}7" --dir seven --report-dir /srv/none -- -N1 -w n1 app.sh
    [[ $stderr == *"no result: job "*" has no records in /srv/none: is report_dir shared with this host?"*"the first 3 jobs gave no result"* ]]
    run -0 --separate-stderr sweep --resume seven --json
    is_true 'j["done"] == 4 and j["fit"]["usable"]'
    until_true 20 has_jobs "${SEED}7" 4
}

# bats test_tags=native
@test "a cap under full power as the highest: said" {
    run -0 --separate-stderr sweep --caps 160..340/4 --repeat 1 "${FOM[@]}" --dir eight --form quadratic -- -N1 -w n3 app.sh
    [[ $stderr == *"the highest cap of the sweep, 340 W, is under the node's maximum, 400 W"* ]]
}

# A sweep of times that scatter by some points, so that a job of just the right length fits in on a slow machine too.
PROFILE='awk "BEGIN { print \"cap_w,time_s,energy_j\"; for (i = 0; i < 24; i++) { p = 160 + 60 * (i % 5); w = 400 / p - 1
    print p \",\" 3 * (1 + 0.3 * w) * (1 + 0.07 * (i % 3 - 1)) \",\" 900 } }" >sleep.csv && wattle profile fit sleep.csv -o sleep.json'
nap() { as alice sbatch --parsable -N1 --exclusive -o /dev/null "${@:2}" --wrap "sleep $1" 2>/dev/null; }

# bats test_tags=native
@test "report: predicted and measured; refit: a job joins the profile, an outlier is flagged, nothing shifts unasked" {
    local good odd base before
    run -0 as alice sh -c "cd sweeps && $PROFILE"
    # 20% slower than the least time of 2.79 s, 240 W or so
    good=$(nap 3.3 -w n1 --slowdown=20% --power-profile=/home/alice/sweeps/sleep.json)
    odd=$(nap 10 -w n2 --power=280)
    base=$(nap 3 -w n3)
    for id in "$good" "$odd" "$base"; do until_true 60 job_gone "$id"; done
    # against the profile, a time, and a job
    run -0 --separate-stderr as alice wattle report --json --profile=sweeps/sleep.json "$good"
    is_true 'abs(j["jobs"][0]["slowdown"]["predicted_pct"] - 20) < 1 and j["jobs"][0]["slowdown"]["profile"] == "sleep"'
    is_true 'abs(j["jobs"][0]["slowdown"]["measured_pct"] - 100 * (j["jobs"][0]["slowdown"]["time_s"] / 2.79 - 1)) < 0.1'
    is_true 'abs(j["jobs"][0]["slowdown"]["energy_saved_pct"] - 100 * (1 - j["node_energy_j"] / 900)) < 0.1'
    run -0 --separate-stderr as alice wattle report --json --baseline=1.5s "$good"
    is_true 'abs(j["jobs"][0]["slowdown"]["measured_pct"] - 100 * (j["jobs"][0]["slowdown"]["time_s"] / 1.5 - 1)) < 0.1 and j["jobs"][0]["slowdown"]["energy_saved_pct"] is None'
    run -0 as alice wattle report --baseline="$base" "$good"
    [[ $output == *"slowdown: predicted 20."?"% by profile sleep, measured "*" of job $base"*"energy: "* || $output == *"slowdown: predicted 19.9% "* ]]
    # its own profile is in no store: said, with what to do
    run -0 as alice wattle report "$good"
    [[ $output == *"by profile sleep, not measured: "*"say --profile=PATH or --baseline=JOBID"* ]]
    run -0 --separate-stderr as alice wattle report --json "$base"
    is_true 'j["jobs"][0]["slowdown"] is None'
    run -1 as alice wattle report --baseline=99999999 "$good"
    [[ $output == *"Slurm knows no job 99999999"* ]]
    # refit
    before=$(as alice cat sweeps/sleep.json)
    run -0 --separate-stderr as alice wattle profile refit sweeps/sleep.json --job "$good,$odd,$good" --json
    is_true '[(x["outlier"], x["known"]) for x in j["jobs"]] == [(False, False), (True, False), (False, True)] and j["written"] is None'
    is_true 'j["new"]["usable"] and j["new"]["runs"] == 25 and j["old"]["runs"] == 24'
    run -0 as alice wattle profile refit sweeps/sleep.json --job "$good,$odd"
    [[ $output == *"outlier: kept aside, not fitted"*old*new*"nothing is written: --write"* ]]
    [[ $(as alice cat sweeps/sleep.json) == "$before" ]]
    run -0 as alice wattle profile refit sweeps/sleep.json --job "$good,$odd" --write
    run -0 --separate-stderr as alice wattle profile show sweeps/sleep.json --json
    is_true 'len(j["sweep"]) == 25 and len(j["set_aside"]) == 1 and j["set_aside"][0]["time_s"] > 9'
    # both are there: nothing to add; the outlier only when asked for
    run -1 as alice wattle profile refit sweeps/sleep.json --job "$good,$odd" --write
    [[ $output == *"none of these jobs adds to profile sleep; nothing is written"* ]]
    run -0 as alice wattle profile refit sweeps/sleep.json --job "$odd" --outliers -o sweeps/all.json
    run -0 --separate-stderr as alice wattle profile show sweeps/all.json --json
    is_true 'len(j["sweep"]) == 26 and "set_aside" not in j'
    run -2 as alice wattle profile refit sweeps/sleep.json
}

@test "refused before anything is submitted" {
    local before after
    before=$(lab on ctl -- sacct -X -n -P -u alice -S now-1day -o JobID | wc -l)
    run -1 sweep --caps 50,200,300,400 --dir never -- -N1 app.sh
    [[ $output == *"50W, repeat 1: sbatch refuses: wattle: 50 W per node is out of range: partition main allows 100 to 400 W per node; nothing is submitted"* ]]
    run -1 sweep --dir never -- -N1 nothere.sh
    [[ $output == *"sbatch refuses"* ]]
    run -2 sweep --caps 200,300,400 -- -N1 app.sh
    [[ $output == *"at least 4 caps"* ]]
    run -2 sweep -- -N1 --power=200 app.sh
    [[ $output == *"leave --power out"* ]]
    run -2 sweep --fom '(' -- app.sh
    run -2 sweep
    run -1 sweep --resume nothere
    [[ $output == *"no sweep in nothere"* ]]
    run -1 as alice test -e sweeps/never
    after=$(lab on ctl -- sacct -X -n -P -u alice -S now-1day -o JobID | wc -l)
    ((before == after))
}
