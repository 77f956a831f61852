#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016 # what single quotes hold is expanded on the hosts
# shellcheck disable=SC2030,SC2031,SC2154 # output, stderr and status are bats's
# What a job cost in carbon, on the real cluster: a job that waited for clean power, its watts as the nodes measured them, and
# intensities that change within its run.

bats_require_minimum_version 1.5.0
load cluster.bash

CARBON=/var/lib/wattle/carbon

setup_file() {
    lab on ctl -- scancel --user=alice
    wait_idle
    as alice sh -c 'mkdir -p carbon && cat >carbon/burn && chmod +x carbon/burn' <<'BURN'
#!/bin/bash
end=$((SECONDS + $1)); while ((SECONDS < end)); do :; done
BURN
}
teardown_file() {
    lab on ctl -- scancel --user=alice
    lab on login -- sh -c "rm -f $CARBON/LAB.json $CARBON/LAB-actual.json"
    as alice rm -rf carbon
}

# series KIND START VALUES: slots of 5 seconds, as `wattle carbon fetch` would leave them.
series() {
    printf '{"zone":"LAB","signal":"average","unit":"gCO2/kWh","issued":%d,"slot_s":5,"start":%d,"values":[%s]}' "$2" "$2" "$3" |
        lab on login -- sh -ec "mkdir -p $CARBON; cat >$CARBON/.new; chmod 644 $CARBON/.new; mv $CARBON/.new $CARBON/LAB$1.json"
}
# slots N VALUE: N times the value, with commas
slots() { printf "$2%.0s," $(seq "$1"); }

@test "a job that waited for clean power: planned and actual start, measured watts x intensity, and what it saved" {
    local now id
    now=$(($(date +%s) / 5 * 5))
    # dirty for 15 seconds more, clean for 80, then dirty again; measured, a clean slot in two was a little cleaner still
    series '' $((now - 60)) "$(slots 15 500)$(slots 16 100)$(slots 200 600)600"
    series -actual $((now - 60)) "$(slots 15 400)$(for _ in {1..8}; do printf '80,120,'; done)$(slots 200 600)600"
    id=$(as alice sbatch --parsable -N1 --time=1 --carbon=start --carbon-within=14m -o /dev/null -D /home/alice/carbon \
        --wrap 'sleep 2; srun ./burn 3' 2>"$BATS_TEST_TMPDIR/said")
    grep -q 'at the earliest' "$BATS_TEST_TMPDIR/said"
    until_true 120 job_gone "$id"
    run -0 --separate-stderr as alice wattle report --json "$id"
    lab on ctl -- sh -c "cat /var/spool/wattle/$id/*.jsonl" >"$BATS_TEST_TMPDIR/records"
    python3 - "$output" $((now - 60)) "$BATS_TEST_TMPDIR/records" <<'PY'
import datetime, json, sys
o, t0 = json.loads(sys.argv[1]), int(sys.argv[2])
c = o["jobs"][0]["carbon"]
at = lambda s: datetime.datetime.fromisoformat(s.replace("Z", "+00:00")).timestamp()
fail = []
def holds(what, ok):
    if not ok:
        fail.append(what)
forecast = [500] * 15 + [100] * 16 + [600] * 201
actual = [400] * 15 + [80, 120] * 8 + [600] * 201
records = [json.loads(l) for l in open(sys.argv[3])]
extern = [r for r in records if r["step"] == 0xfffffffc]
holds("one extern step", len(extern) == 1)
r = extern[0]
holds("slices of seconds that sum up", r["slice_s"] == 1 and len(r["slices_j"]) >= 5 and abs(sum(r["slices_j"]) - r["energy_j"]) < 0.01 * r["energy_j"])
holds("it slept, then worked", max(r["slices_j"]) > 1.2 * min(r["slices_j"][:-1]))
# the same integral, in steps of 10 ms
def grams(series, shift):
    g, scale = 0, r["energy_j"] / sum(r["slices_j"])
    for i, j in enumerate(r["slices_j"]):
        end = min(i + 1, r["elapsed_s"]) if i + 1 < len(r["slices_j"]) else r["elapsed_s"]
        n = max(1, round((end - i) * 100))
        for k in range(n):
            t = r["start"] + shift + i + (end - i) * (k + 0.5) / n
            g += (j * scale + r["base_w"] * (end - i)) / n * series[int((t - t0) // 5)] / 3.6e6
    return g
close = lambda a, b: abs(a - b) <= 0.002 * b
shift = at(c["submitted"]) - r["start"]
holds("planned and deferred", c["deferred"] and t0 + 75 <= at(c["planned_start"]) <= t0 + 155)
holds("started as planned", at(c["planned_start"]) <= at(c["started"]) <= at(c["planned_start"]) + 60)
holds("measured", close(c["carbon_g"], grams(actual, 0)) and close(c["actual"]["carbon_g"], grams(actual, 0)))
holds("forecast", close(c["forecast"]["carbon_g"], grams(forecast, 0)))
holds("at once", close(c["at_once"]["carbon_g"], grams(actual, shift)))
holds("covered", c["covered_pct"] == 100 and c["zone"] == "LAB")
holds("saved", abs(c["saving_pct"] - 100 * (1 - grams(actual, 0) / grams(actual, shift))) < 0.5 and c["saving_pct"] > 30)
sys.exit(f"not so: {fail}\n{json.dumps(c)}\n{json.dumps(r)}" if fail else 0)
PY
    run -0 as alice wattle report "$id"
    [[ $output == *'by measured intensities; the forecast said'*'planned to start'*'% saved'* ]]
}

@test "a job that did not wait: its grams, without a saving; no intensities: no grams, and said" {
    local id now
    now=$(($(date +%s) / 5 * 5))
    series '' $((now - 10)) "$(slots 100 300)300"
    lab on login -- rm -f "$CARBON/LAB-actual.json"
    id=$(as alice sbatch --parsable -N1 --time=1 -o /dev/null --wrap 'sleep 2' 2>/dev/null)
    until_true 120 job_gone "$id"
    run -0 --separate-stderr as alice wattle report --json "$id"
    python3 - "$output" <<'PY'
import json, sys
c = json.loads(sys.argv[1])["jobs"][0]["carbon"]
ok = abs(c["carbon_g"] - c["energy_j"] * 300 / 3.6e6) < 1e-6 * c["carbon_g"] and c["actual"] is None and not c["deferred"] and c["saving_pct"] is None
sys.exit(0 if ok else json.dumps(c))
PY
    lab on login -- rm -f "$CARBON/LAB.json"
    run -0 as alice wattle report "$id"
    [[ $output == *'no intensities of zone LAB in /var/lib/wattle/carbon'* ]]
}
