#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# What MPI programs measure of themselves, beside what their nodes drew: the scaling curve of `wattle sweep --nodes`, and `wattle report`.

bats_require_minimum_version 1.5.0
load cluster.bash

setup_file() {
    wait_idle
    as alice sh -c 'rm -rf scal; mkdir scal'
    lab run --user alice -- sh -c 'cat >scal/stencil.c && mpicc -O2 -o scal/stencil scal/stencil.c -lwattle_mpi' \
        <"$BATS_TEST_DIRNAME/../apps/stencil.c"
    lab run --user alice -- sh -c 'cat >scal/app.sh' <<APP
#!/bin/bash
$(mpi_launch) ./stencil 200 400 none 60
APP
    # a slowdown model to which the curve is added
    lab run --user alice -- sh -c 'cd scal && cat >caps.csv && wattle profile fit caps.csv -o stencil.json >/dev/null' <<'CSV'
cap_w,time_s
160,150
200,130
240,118
300,107
400,100
CSV
}
teardown_file() { as alice rm -rf scal; }
teardown() {
    lab on ctl -- scancel --user=alice
    wait_idle
}

# is_true EXPR: a Python expression over $output's JSON, j.
is_true() {
    python3 -c 'import json,sys; j=json.loads(sys.argv[1]); sys.exit(not eval(sys.argv[2]))' "$output" "$1" ||
        { printf 'not true: %s\nof: %s\n%s\n' "$1" "$output" "${stderr-}" >&2 && return 1; }
}

@test "sweep --nodes measures throughput by the program itself and watts by its nodes; the curve goes into the profile, and plans are made with it" {
    local sweep job rate want_h want_w
    run -0 --separate-stderr as alice sh -c 'cd scal && exec wattle sweep --nodes 1,2,3 --repeat 1 --fom=@measured -o stencil.json --dir sw --json -- app.sh'
    sweep=$output
    is_true 'j["done"] == 3 and sorted(r["nodes"] for r in j["runs"]) == [1, 2, 3]'
    is_true 'all(r["throughput"] > 0 and r["energy_j"] > 0 for r in j["runs"])'
    # what the library wrote, and what the records say
    read -r job rate < <(python3 -c 'import json,sys; r=[r for r in json.loads(sys.argv[1])["runs"] if r["nodes"] == 2][0]; print(r["job"], r["throughput"])' "$sweep")
    run -0 as alice sh -c "cat scal/sw/out/*.jsonl | grep '\"job\":$job,'"
    is_true 'abs(j["units_per_s"] / '"$rate"' - 1) < 1e-3 and j["nodes"] == 2 and j["ranks"] == 2 and j["done"] == 400'
    run -0 as alice cat scal/sw/stencil.csv
    [[ ${lines[0]} == nodes,throughput,power && ${#lines[@]} == 4 ]]
    output=$(as alice wattle profile show scal/stencil.json --json)
    is_true 'len(j["scaling"]) == 3 and len(j["sweep"]) == 5'
    # two hours of one node's work, on two: as much faster, and at the watts, as was measured
    (echo 'datetime,carbon_intensity' && for h in {00..23}; do echo "2026-01-01T$h:00:00Z,100"; done) | lab run --user alice -- sh -c 'cat >scal/ci.csv'
    output=$(as alice sh -c 'cd scal && wattle plan --forecast ci.csv --work 7200@1 --profile stencil.json --nodes 2-2 --deadline 24 --policy now --json')
    read -r want_h want_w < <(python3 -c 'import json,sys; r={r["nodes"]: r for r in json.loads(sys.argv[1])["runs"]}; print(2 * r[1]["throughput"] / r[2]["throughput"], r[2]["energy_j"] / r[2]["time_s"])' "$sweep")
    is_true 'all(s["nodes"] == 2 and abs(s["watts"] / '"$want_w"' - 1) < 0.01 for s in j["slots"])'
    is_true 'abs(sum(s["fraction"] for s in j["slots"]) / '"$want_h"' - 1) < 0.01'
}

@test "report: time in MPI, per iteration, units a second and joules a unit of each start of the program; where nothing was measured, nothing is said" {
    local id
    id=$(as alice sbatch --parsable -N2 --ntasks-per-node=1 --power=200 -D /home/alice/scal -o out --wrap "cd / && wattlerun $(wattlerun_by) --measure --state /home/alice/scal/st /home/alice/scal/stencil 200 600 none 60" 2>/dev/null)
    until_true 60 job_gone "$id"
    # ranks of mpirun are in no step of Slurm's that is theirs alone
    local joules='> 0'
    has_pmix || joules='is None'
    has_mpi() { output=$(as alice wattle report --json "$1") && is_true 'j["jobs"][0]["mpi"][0]["node_energy_j"] '"$joules"; }
    until_true 20 has_mpi "$id"
    output=$(as alice wattle report --json "$id")
    is_true 'len(j["jobs"][0]["mpi"]) == 1'
    is_true '(lambda m: m["nodes"] == 2 and m["ranks"] == 2 and 0 < m["mpi_share"] <= m["mpi_share_most"] < 1 and m["units_per_s"] > 0)(j["jobs"][0]["mpi"][0])'
    is_true '(lambda m: abs(m["iteration_s"] * m["units_per_s"] - 1) < 0.01)(j["jobs"][0]["mpi"][0])'
    ! has_pmix || is_true '(lambda m: abs(m["unit_j"] * 600 / m["node_energy_j"] - 1) < 0.01)(j["jobs"][0]["mpi"][0])'
    run -0 as alice wattle report "$id"
    [[ $output == *'MPI STEP'*'J/UNIT'* ]]
    # root reads the user's file, but nobody else's in its place
    output=$(lab run -- wattle report --json "$id")
    is_true 'len(j["jobs"][0]["mpi"]) == 1'
    as alice sh -c "cd scal/.wattle/$id && mv measured.jsonl m && ln -s m measured.jsonl"
    run -0 lab run -- wattle report "$id"
    [[ $output == *'left out'* && $output != *'MPI STEP'* ]]
    as alice sh -c "cd scal/.wattle/$id && rm measured.jsonl"
    run -0 as alice wattle report "$id"
    [[ $output != *MPI* ]]
}
