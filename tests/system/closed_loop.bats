#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the hosts
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are bats's
# The promise kept: a real MPI program is swept, fitted, run with --slowdown, and is as much slower as was said.
# Takes five minutes on a machine with idle cores; on one Slurm, as what it proves is not Slurm's.

bats_require_minimum_version 1.5.0
load node.bash
load pairs.bash

PAIRS=5
PAIRS_MAX=14      # with those that a busy machine spoilt
SWEEPS_MAX=3
APART_MAX_PCT=4
TARGET_PCT=10
POINTS=3

setup_file() {
    # two nodes take up to 60% of a CPU, and a busy machine has pairs repeated
    export BATS_TEST_TIMEOUT=1200
    [[ ${WATTLE_LAB_SLURM:-native} == native ]] || return 0
    clean_up
    boot_values
    lab run --user alice -- sh -c 'mkdir -p loop && cat >loop/nbody.c' <"${BATS_TEST_DIRNAME%/*}/apps/nbody.c"
    as alice sh -c 'cd loop && mpicc -O2 -o nbody nbody.c -lm'
}
teardown_file() {
    as alice rm -rf loop
    lab run -- rm -f /etc/wattle/profiles/nbody.json
}
teardown() { [[ ${WATTLE_LAB_SLURM:-native} != native ]] || clean_up; }

native_only() { [[ ${WATTLE_LAB_SLURM:-native} == native ]] || skip "n/a: shown once, on the native Slurm"; }

json() { python3 -c 'import json,sys; j=json.loads(sys.argv[1]); print(eval(sys.argv[2]))' "$output" "$1"; }

JOB=(-N2 --ntasks-per-node=1 --exclusive -w 'n[1-2]')
# A rank that waits for a throttled one must not spend its own share of time on that.
# Its steps last a second or more: where ranks meet, up to a period of the nodes' quotas (10 ms) is lost, more in one run than in another.
program() { echo "cd loop; export OMPI_MCA_mpi_yield_when_idle=1; srun ./nbody 8000 $1"; }
# Prints the job's number once it is over.
run_job() { # STEPS SBATCH-ARGS…
    local id steps=$1
    shift
    id=$(as alice sbatch --parsable -D /home/alice -o /dev/null "${JOB[@]}" "$@" --wrap "$(program "$steps")" 2>/dev/null)
    until_true 300 job_gone "$id"
    echo "$id"
}
# Seconds and joules of a job, as its report has them; $2: more words for it.
measured() {
    run -0 --separate-stderr as alice wattle report --json "$@"
    json '"%.3f %.1f" % ([s["elapsed_s"] for s in j["jobs"][0]["steps"] if s["step"] == "batch"][0], j["node_energy_j"])'
}

# Sets STEPS, how many take some 18 s at full power, and leaves profile nbody in the site's store.
sweep_and_fit() {
    local steps id four_s twelve_s round idle0 all0 idle1 all1 idle_pct apart_pct
    # so many steps that a run takes 12 s at full power, by two: what a job needs to begin and end is in both
    id=$(run_job 4)
    read -r four_s _ < <(measured "$id")
    id=$(run_job 12)
    read -r twelve_s _ < <(measured "$id")
    steps=$(awk -v four="$four_s" -v twelve="$twelve_s" 'BEGIN { printf "%d", 4 + 8 * (12 - four) / (twelve - four) + 1 }')
    # One that a busy machine spoilt bears no model, or should not; nor one whose two runs at full power, which all is counted from, lie apart.
    for ((round = 1; round <= SWEEPS_MAX; round++)); do
        read -r idle0 all0 < <(jiffies)
        run --separate-stderr as alice sh -c 'exec wattle sweep --caps 45%..100%/5 --repeat 2 --json "$@"' sh --name nbody --dir "loop/$round" -- \
            "${JOB[@]}" --wrap "$(program "$steps")"
        read -r idle1 all1 < <(jiffies)
        idle_pct=$((100 * (idle1 - idle0) / (all1 - all0)))
        apart_pct=100
        ((status != 0)) || apart_pct=$(json 'round(100 * ((lambda t: max(t) / min(t) - 1)([r["time_s"] for r in j["runs"] if r["cap_w"] == 400])))')
        echo "# sweep $round: exit $status, machine $idle_pct% idle, runs at full power $apart_pct% apart" >&3
        printf '%s\n' "$output" "$stderr"
        if ((status == 0 && idle_pct >= IDLE_MIN_PCT && apart_pct <= APART_MAX_PCT)); then break; fi
    done
    if ((round > SWEEPS_MAX)); then
        ((idle_pct >= IDLE_MIN_PCT)) || busy "no sweep of $SWEEPS_MAX had $IDLE_MIN_PCT% idle time"
        echo "no sweep of $SWEEPS_MAX bears a model from runs at full power that are within $APART_MAX_PCT%" >&2
        return 1
    fi
    [[ $(json 'j["done"] == 10 and j["fit"]["usable"] and j["fit"]["cap_max_w"] == 400') == True ]]
    # named by the site, as --power-profile wants it
    lab run -- install -m 644 "/home/alice/loop/$round/nbody.json" /etc/wattle/profiles/nbody.json
    # and from its fastest run how many steps take that long
    STEPS=$(json "int($steps * 18 / j['fit']['time_min_s']) + 1")
}

run_full() { run_job "$STEPS"; }
run_capped() { run_job "$STEPS" --slowdown=$TARGET_PCT% --power-profile=nbody; }

# bats test_tags=native
@test "an MPI program is swept and fitted; --slowdown=10% makes it 10% slower, and saves energy, pairs in turn" {
    native_only
    local full full_s full_j capped capped_s capped_j rows
    sweep_and_fit
    pairs_run run_full run_capped
    # the report says the same of the last pair
    run -0 --separate-stderr as alice wattle report --json "$capped" --baseline="$full"
    [[ $(json 'abs(j["jobs"][0]["slowdown"]["measured_pct"] - 100 * ('"$capped_s / $full_s"' - 1)) < 0.1 and j["jobs"][0]["slowdown"]["profile"] == "nbody" and abs(j["jobs"][0]["slowdown"]["predicted_pct"] - '$TARGET_PCT') < 1') == True ]]
    run -0 as alice wattle report "$capped"
    [[ $output == *"slowdown: predicted "*"% by profile nbody, measured "* ]]
    pairs_judge "$POINTS"
}
