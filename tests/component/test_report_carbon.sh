#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What `wattle report` says of carbon, over records and intensities made by hand: measured and forecast apart, requeues, gaps.
# Records are believed in a tree of root's alone, so this takes root.
set -euo pipefail

[[ $(id -u) == 0 ]] || {
    echo "takes root: a tree of records must be root's"
    exit 77
}
wattle=$PWD/cli/wattle
tmp=$(mktemp -d /var/tmp/wattle-carbon.XXXXXX)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
chmod 755 .
failures=0

fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}
# json PYTHON-EXPRESSION over o, the report, and c, its job's carbon
json() { python3 -c 'import json, sys; o = json.load(open("report.json")); c = o["jobs"][0]["carbon"]; sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
    fail "$1 does not hold: $(cat report.json)"; }
near='(lambda a, b: abs(a - b) <= 1e-6 * max(1, abs(b)))'
report() { "$wattle" report 7 --no-slurm --conf site.conf --report-dir "$tmp/records" --carbon-dir "$tmp/carbon" "$@" 2>err || fail "report: $(cat err)"; }
says() { [[ $(report) == *"$1"* ]] || fail "wanted \"$1\" in: $(report)"; }

t0=1767225600 # 2026-01-01T00:00:00Z
mkdir records records/7
chmod 1711 records records/7
mkdir carbon
printf '[site]\ncarbon_zone = XX\n[class c]\nbase_w = 60\nmin_w = 100\nmax_w = 400\n' >site.conf
chmod 644 site.conf
# record STEP START ELAPSED ENERGY SLICES
record() {
    printf '{"v":1,"job":7,"step":%s,"node":"n1","uid":0,"start":%d,"end":%d,"elapsed_s":%s,"energy_j":%s,"mean_w":1,"peak_w":1,"grant_w":300,"cap_w":0,"base_w":60,"capped_s":0,"at_cap_s":0,"over_s":0,"cap_held":false,"shared":false,"note":""%s}\n' \
        "$1" "$2" $(($2 + $3)) "$3" "$4" "${5-}"
}
# series KIND VALUES: ten-minute slots from t0 on
series() { printf '{"zone":"XX","signal":"average","unit":"gCO2/kWh","issued":%d,"slot_s":600,"start":%d,"values":[%s]}\n' $t0 $t0 "$2" >"carbon/XX$1.json"; }

# a first run over one slot, idle in its first half; after a gap of a slot a second one; the batch step is the same joules again
{
    record 4294967292 $t0 600 36000 ',"slice_s":300,"slices_j":[0,36000]'
    record 4294967291 $t0 600 36000
    record 4294967292 $((t0 + 1200)) 300 36000
} >records/7/n1.jsonl

report --json >report.json
json "c['carbon_g'] is None and c['actual'] is None and c['forecast'] is None and $near(c['energy_j'], 72000 + 60 * 900)"
says 'no intensities of zone XX in'

series '' '200,999,400'
report --json >report.json
json "$near(c['carbon_g'], (72000 * 200 + 54000 * 400) / 3.6e6) and c['covered_pct'] == 100 and c['actual'] is None"
json "$near(c['forecast']['carbon_g'], c['carbon_g']) and c['zone'] == 'XX' and c['saving_pct'] is None and c['deferred'] is False"
says 'g CO2 in zone XX, base watts included, average signal, by the forecast, no measured'

series -actual '100,999,300'
report --json >report.json
json "$near(c['carbon_g'], (72000 * 100 + 54000 * 300) / 3.6e6) and $near(c['actual']['carbon_g'], c['carbon_g'])"
json "$near(c['forecast']['carbon_g'], (72000 * 200 + 54000 * 400) / 3.6e6)"
says 'by measured intensities; the forecast said 10 g CO2'

# the joules of a slice are reckoned in its slot, not evenly over the run
printf '{"zone":"XX","signal":"average","unit":"gCO2/kWh","issued":%d,"slot_s":300,"start":%d,"values":[100,500,999,999,300]}\n' $t0 $t0 >carbon/XX-actual.json
report --json >report.json
json "$near(c['carbon_g'], (18000 * 100 + 54000 * 500 + 54000 * 300) / 3.6e6)"

# what was forecast then counts before what is forecast now; a hole of the measured is filled by neither guess nor zero
series -actual '100,999,null'
series -forecast '150,999,250'
report --json >report.json
json "$near(c['carbon_g'], (72000 * 100 + 54000 * 250) / 3.6e6) and c['covered_pct'] == 100"
json "$near(c['actual']['carbon_g'], 72000 * 100 / 3.6e6) and $near(c['actual']['covered_pct'], 100 * 72 / 126)"
says 'by measured intensities for 57.1% of the energy, by the forecast for 42.9%'

rm carbon/XX.json carbon/XX-forecast.json
report --json >report.json
json "$near(c['carbon_g'], 72000 * 100 / 3.6e6) and $near(c['covered_pct'], 100 * 72 / 126)"
says 'for 42.9% no intensity is known: left out'

# marginal and average intensities are not mixed
series '' '200,999,400'
sed -i s/average/marginal/ carbon/XX.json
report --json >report.json
json "$near(c['carbon_g'], 72000 * 100 / 3.6e6) and $near(c['forecast']['carbon_g'], (72000 * 200 + 54000 * 400) / 3.6e6)"

echo '{"zone":' >carbon/XX-actual.json
report --json >report.json
json "'XX-actual.json' in c['trouble']"
says 'carbon: '

sed -i /carbon_zone/d site.conf
report --json >report.json
json "c is None"
[[ $(report) != *CO2* ]] || fail "no zone, and yet: $(report)"

((failures == 0)) && echo "all hold"
exit $((failures > 0))
