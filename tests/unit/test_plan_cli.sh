#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `wattle plan` and `wattle carbon show` as people and scripts use them: exit status, JSON, tables.
set -euo pipefail

# shellcheck source=tests/component/cli_test.bash
. "${BASH_SOURCE[0]%/*}/../component/cli_test.bash"

# dirty by day, clean by night: two days of hours
awk 'BEGIN { print "time,carbon_intensity"; for (h = 0; h < 48; h++) printf "2026-05-%02dT%02d:00Z,%d\n", 8 + h / 24, h % 24,
    300 + (h % 24 >= 8 && h % 24 < 20 ? 200 : h % 24 >= 2 && h % 24 < 5 ? -200 : 0) }' >fc.csv
awk -F, 'NR == 1 { print "hour_index,carbon_intensity" } NR > 1 { print NR - 2 "," $2 }' fc.csv >index.csv
printf 'nodes,throughput,power\n0,0,0\n1,10,100\n2,19,200\n4,34,400\n' >curve.csv

plan() { "$wattle" plan --forecast fc.csv --start 2026-05-08T10:00Z --work 21600@2 --curve curve.csv --within 24h --json "$@" 2>err; }

# the same energy recomputed from the slots; the work is done; the time is kept
check="$near(sum(s['watts'] * s['fraction'] * 3600 for s in o['slots']), o['energy_j']) and \
    $near(sum(s['watts'] * s['fraction'] * s['g_per_kwh'] for s in o['slots']) / 1000, o['carbon_g']) and \
    sum({1: 10, 2: 19, 4: 34}[s['nodes']] * s['fraction'] * 3600 for s in o['slots']) >= 21600 * 19 * (1 - 1e-9) and \
    o['start'] >= '2026-05-08T10:00:00Z' and o['end'] <= '2026-05-09T10:00:00Z' and o['deadline_met'] is True"
for policy in now start pause scale carbonscaler; do
    plan --policy $policy >$policy.json
    json $policy.json "o['policy'] == '$policy' and $check"
    json $policy.json "$near(o['agnostic']['carbon_g'], 0.2 * 6 * 500) and $near(o['agnostic']['energy_j'], 200 * 21600)"
    json $policy.json "$near(o['saving_pct'], 100 * (1 - o['carbon_g'] / o['agnostic']['carbon_g']))"
done
json now.json "o['start'] == '2026-05-08T10:00:00Z' and o['saving_pct'] == 0"
json start.json "o['start'] == '2026-05-08T23:00:00Z' and o['end'] == '2026-05-09T05:00:00Z' and $near(o['carbon_g'], 0.2 * (3 * 300 + 3 * 100))"
json pause.json "$near(o['carbon_g'], 0.2 * (3 * 300 + 3 * 100))"
json scale.json "o['carbon_g'] < $(python3 -c 'import json; print(json.load(open("pause.json"))["carbon_g"])')"
json scale.json "max(s['nodes'] for s in o['slots'] if 2 <= int(s['t'][11:13]) < 5) == 4"
json carbonscaler.json "all(s['fraction'] == 1 for s in o['slots'])"

# by index, in another format, the same plan
"$wattle" plan --forecast index.csv --start 10 --work 21600@2 --curve curve.csv --deadline 34 --json >index.json
json index.json "$near(o['carbon_g'], $(python3 -c 'import json; print(json.load(open("scale.json"))["carbon_g"])'))"
json index.json "all(isinstance(s['t'], int) and 10 <= s['t'] < 34 for s in o['slots'])"

# overhead is reserved, switches are bounded, a slot may be partial
plan --resize-overhead 300 >overhead.json
json overhead.json "o['deadline_met'] and sum({1: 10, 2: 19, 4: 34}[s['nodes']] * (s['fraction'] * 3600 - s.get('overhead_s', 0)) for s in o['slots']) >= 21600 * 19 * (1 - 1e-8)"
plan --switches 0 >still.json
json still.json "o['switches'] == 0 and len({s['nodes'] for s in o['slots']}) == 1"
plan --start 2026-05-08T10:20:30Z >partial.json
json partial.json "o['start'] >= '2026-05-08T10:20:30Z' and o['deadline_met']"
plan --slot 1800 >fine.json
json fine.json "o['slot_s'] == 1800 and $near(o['carbon_g'], $(python3 -c 'import json; print(json.load(open("scale.json"))["carbon_g"])'))"
plan --one-size >one.json
json one.json "len({s['t'] for s in o['slots']}) == len(o['slots'])"

# what can't be kept is said, and run as fast as it goes
plan --within 2h >late.json
json late.json "o['deadline_met'] is False and {s['nodes'] for s in o['slots']} == {4} and o['start'] == '2026-05-08T10:00:00Z'"
grep -q "deadline can't be kept" err || fail "nothing was said: $(cat err)"

# price, and both
awk -F, 'NR == 1 { print "time,price_eur_mwh" } NR > 1 { print $1 "," NR % 5 * 10 }' fc.csv >price.csv
plan --price price.csv --policy pause >price.json
json price.json "$near(o['cost'], sum(s['watts'] * s['fraction'] / 1e6 * (((int(s['t'][8:10]) - 8) * 24 + int(s['t'][11:13]) + 2) % 5 * 10) for s in o['slots']))"
json price.json "o['cost'] < o['agnostic']['cost'] / 4"
plan --price price.csv --carbon-price 100000 --policy pause >both.json
json both.json "$near(o['carbon_g'], $(python3 -c 'import json; print(json.load(open("pause.json"))["carbon_g"])'))"

# a profile: nodes and caps
awk 'BEGIN { print "cap_w,time_s,energy_j"; for (p = 120; p <= 400; p += 40) { w = 400 / p - 1; t = 60 * (1 + .05 * w + .05 * w * w)
    printf "%d,%.12g,%.12g\n", p, t, t * p * .9 } }' >sweep.csv
if "$wattle" profile fit sweep.csv --scaling curve.csv -o app.json >/dev/null 2>err; then
    "$wattle" plan --forecast fc.csv --start 2026-05-08T10:00Z --work 6h@2 --profile ./app.json --within 24h --json >profile.json
    json profile.json "o['deadline_met'] and len({s['cap_w'] for s in o['slots']}) >= 1 and min(s['cap_w'] for s in o['slots']) < 400"
    json profile.json "o['carbon_g'] < $(python3 -c 'import json; print(json.load(open("scale.json"))["carbon_g"])')"
else
    grep -q 'built without GSL' err || fail "$(cat err)"
fi

# people's table
gives 0 'less CO2' "$wattle" plan --forecast fc.csv --start 2026-05-08T10:00Z --work 6h@2 --curve curve.csv --within 24h
gives 0 'not running' "$wattle" plan --forecast fc.csv --start 2026-05-08T10:00Z --work 6h@2 --power 300 --policy start --within 24h
gives 0 'assumed 1000 W a node' "$wattle" plan --forecast fc.csv --start 0 --work 6h@2 --policy start --within 24h

# refused, with what to do
gives 2 'say --forecast=FILE' "$wattle" plan --work 60@1
gives 2 'by when' "$wattle" plan --forecast fc.csv --work 60@1
gives 2 'no policy "best"' "$wattle" plan --forecast fc.csv --work 60@1 --within 2h --policy best
gives 1 'SECONDS@NODES' "$wattle" plan --forecast fc.csv --work 60 --within 2h
gives 1 'says nothing of 3 nodes' "$wattle" plan --forecast fc.csv --work 60@3 --within 2h --curve curve.csv
gives 1 'lies outside the forecast' "$wattle" plan --forecast fc.csv --start 2027-01-01 --work 60@1 --within 2h
gives 1 "can't open" "$wattle" plan --forecast none.csv --work 60@1 --within 2h
echo 'time,carbon_intensity
2026-05-08T00:00Z,abc' >bad.csv
gives 1 'bad.csv:2: "abc" is no number' "$wattle" plan --forecast bad.csv --work 60@1 --within 2h
gives 0 'usage: wattle plan' "$wattle" plan --help

# carbon show
gives 0 'least 100 at 2026-05-08 02:00, greatest 500' "$wattle" carbon show ./fc.csv
"$wattle" carbon show ./fc.csv --json >show.json
json show.json "o['slot_s'] == 3600 and o['start'] == '2026-05-08T00:00:00Z' and len(o['values']) == 48 and o['unit'] == 'gCO2/kWh'"
gives 0 'least 100' "$wattle" carbon show ./show.json
[[ $(LC_ALL=C "$wattle" carbon show ./fc.csv | LC_ALL=C grep -c '[^ -~]') == 0 ]] || fail 'not ASCII in the C locale'
gives 1 'is no zone' "$wattle" carbon show 'x y'
gives 1 "/var/lib/wattle/carbon/NOWHERE.json" "$wattle" carbon show NOWHERE

((failures == 0)) && echo "all hold"
exit $((failures > 0))
