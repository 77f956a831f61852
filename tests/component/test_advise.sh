#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `wattle advise` over small traces, its sums recomputed here by trying every start; and what it refuses.
set -euo pipefail

# shellcheck source=tests/component/cli_test.bash
. "${BASH_SOURCE[0]%/*}/cli_test.bash"
advise() { "$wattle" advise "$@" --json 2>err; }

# 30 days of hours, and jobs of two partitions within them, in both formats
cat >make.py <<'PY'
import random
random.seed(7)
t0 = 1767225600                  # 2026-01-01T00:00:00Z
hours = [200 + 150 * ((h * 7 + h // 24 * 5) % 24) / 24 + random.random() * 40 for h in range(30 * 24)]
with open("fc.csv", "w") as f:
    print("time,carbon_intensity", file=f)
    for h, g in enumerate(hours):
        print(f"2026-01-{1 + h // 24:02d}T{h % 24:02d}:00Z,{g:.6f}", file=f)
with open("index.csv", "w") as f:
    print("hour_index,carbon_intensity", file=f)
    for h, g in enumerate(hours):
        print(f"{h},{g:.6f}", file=f)
jobs = []
for i in range(150):
    submit, wait, run = random.randrange(25 * 86400), int(random.expovariate(1 / 7200)), random.randrange(60, 20 * 3600)
    jobs.append((submit, wait, run, random.choice([1, 2, 4]), random.choice(["3", "5"])))
with open("jobs.swf", "w") as f:
    print(f"; UnixStartTime: {t0}\n; MaxNodes: 10\n; MaxProcs: 80", file=f)
    for i, (s, w, r, n, p) in enumerate(jobs):
        print(i, s, w, r, n * 8, -1, -1, n * 8, -1, -1, 1, 1, 1, 1, 1, p, -1, -1, file=f)
with open("jobs.txt", "w") as f:
    print("JobIDRaw|Partition|Submit|Start|ElapsedRaw|NNodes|State|ConsumedEnergyRaw", file=f)
    for i, (s, w, r, n, p) in enumerate(jobs):
        e = n * r * 300 if i % 2 else 0
        print(f"{i}|p{p}|{t0 + s}|{t0 + s + w}|{r}|{n}|COMPLETED|{e}", file=f)

# The same by brute force: an integral over the hours, starts tried where the run's start or end meets a slot's.
def gram(start, run, watts):
    g, t = 0, start
    while t < start + run - 1e-9:
        slot = int(t // 3600)
        upto = min((slot + 1) * 3600, start + run)
        g += (upto - t) * hours[slot]
        t = upto
    return g * watts / 3.6e6
def best_start(a, run, latest, watts):
    tries = [a, latest - run]
    for k in range(int(a // 3600), int(latest // 3600) + 1):
        tries += [k * 3600, k * 3600 - run]
    return min(gram(s, run, watts) for s in tries if a <= s <= latest - run)
def best_pause(a, run, latest, watts):
    parts, t = [], a
    while t < latest:
        upto = min((int(t // 3600) + 1) * 3600, latest)
        parts.append((hours[int(t // 3600)], upto - t))
        t = upto
    g, left = 0, run
    for c, s in sorted(parts):
        g += c * min(s, left)
        left -= min(s, left)
    return g * watts / 3.6e6
def wanted(watts, slack, least=0, only=None):
    now = start = pause = room = 0
    for i, (s, w, r, n, p) in enumerate(jobs):
        a, latest = s + w, s + (r * slack[1] if slack[0] == "x" else r + slack[1])
        x = watts(i, n)
        now += gram(a, r, x)
        wait = r >= least and only in (None, p)
        room += wait and latest < a + r
        if not wait or latest < a + r:
            start, pause = start + gram(a, r, x), pause + gram(a, r, x)
        else:
            start, pause = start + best_start(a, r, latest, x), pause + best_pause(a, r, latest, x)
    return now, start, pause, room
PY
cat >compare.py <<'PY'
import json, sys
exec(open("make.py").read().replace('"w"', '"w" if False else "r"').replace(", file=f", ", file=open('/dev/null', 'w')"))
o = json.load(open(sys.argv[1]))
for slack, got in zip(eval(sys.argv[2]), o["total"]["slacks"]):
    want = wanted(eval(sys.argv[3]), slack, *eval(sys.argv[4]))
    found = (o["total"]["carbon_g"], got["start"]["carbon_g"], got["pause"]["carbon_g"], got["no_room"])
    if any(abs(a - b) > 1e-6 * max(1, b) for a, b in zip(found, want)):
        sys.exit(f"{slack}: found {found}, wanted {want}")
PY
python3 make.py
compare() { python3 compare.py "$@" || fail "$*"; }

advise jobs.swf --carbon fc.csv --slack 6h,24h,2x --watts-per-node 250 >swf.json
compare swf.json '[("s", 6 * 3600), ("s", 24 * 3600), ("x", 2)]' 'lambda i, n: 250 * n' '()'
json swf.json "o['total']['jobs'] == 150 and o['trace']['bad_lines'] == 0 and o['total']['slacks'][0]['scale'] is None"
json swf.json "[p['partition'] for p in o['partitions']] in (['partition 3', 'partition 5'], ['partition 5', 'partition 3'])"
json swf.json "$near(sum(p['slacks'][1]['pause']['carbon_g'] for p in o['partitions']), o['total']['slacks'][1]['pause']['carbon_g'])"
json swf.json "all(s[p]['energy_saving_pct'] == 0 for s in o['total']['slacks'] for p in ('start', 'pause'))"
json swf.json "o['total']['slacks'][0]['no_room'] > 0 and o['total']['slacks'][0]['start']['moved'] < 150"
json swf.json "o['verdict'].startswith('Worth it here for jobs that can pause') and o['worth'] is True"
advise jobs.swf --carbon fc.csv --slack 24h --watts-per-node 250 --min-length 10d >nobody.json
json nobody.json "o['total']['may_wait'] == 0 and o['verdict'].startswith('Not worth it here: ')"
awk -F, 'NR == 1 { print } NR > 1 { print $1 "," (NR % 24 < 12 ? 100 : 400) }' fc.csv >volatile.csv
gives 0 'Worth it here: with 24h' "$wattle" advise jobs.swf --carbon volatile.csv

# measured energy counts where there is some
advise jobs.txt --carbon fc.csv --slack 12h --watts-per-node 250 >sacct.json
compare sacct.json '[("s", 12 * 3600)]' 'lambda i, n: n * (300 if i % 2 else 250)' '()'
json sacct.json "o['watts_of_jobs'] == {'measured': 75, 'said': 75, 'class': 0, 'assumed': 0, 'not_believed': 0}"

# who may wait
advise jobs.swf --carbon fc.csv --slack 12h --watts-per-node 250 --min-length 3h --partitions 'partition 3' >some.json
compare some.json '[("s", 12 * 3600)]' 'lambda i, n: 250 * n' '(3 * 3600, "3")'
json some.json "0 < o['total']['may_wait'] < 80"
json some.json "[p for p in o['partitions'] if p['partition'] == 'partition 5'][0]['slacks'][0]['start']['saving_pct'] == 0"

# a series without dates begins on the day of the first job; standard input; watts of a class
advise - --carbon index.csv --slack 12h --watts-per-node 250 <jobs.swf >index.json
json index.json "o['total']['jobs'] == 150 and o['carbon']['period_s'] == 28 * 86400 and any('no dates' in a for a in o['assumed'])"
printf '[class big]\nbase_w = 50\nmin_w = 100\nmax_w = 500\ndefault_w = 400\n' >site.conf
chmod 644 site.conf
if [[ $(id -u) == 0 ]]; then
    advise jobs.swf --carbon fc.csv --slack 12h --conf site.conf >class.json
    advise jobs.swf --carbon fc.csv --slack 12h --watts-per-node 400 >said.json
    json class.json "o['watts_of_jobs']['class'] == 150 and $near(o['total']['carbon_g'], $(python3 -c 'import json; print(json.load(open("said.json"))["total"]["carbon_g"])'))"
    gives 1 'no such class' "$wattle" advise jobs.swf --carbon fc.csv --conf site.conf --class small
fi

# scale: never worse than pause, at the energy it needs; node counts that the curve lacks are said
printf 'nodes,throughput,power\n1,10,100\n2,19,200\n3,27,300\n' >curve.csv
advise jobs.swf --carbon fc.csv --slack 12h --watts-per-node 100 --curve curve.csv >scale.json
json scale.json "0 < o['total']['unscaled'] < 150 and o['total']['slacks'][0]['scale']['carbon_g'] < o['total']['slacks'][0]['start']['carbon_g']"
json scale.json "o['total']['slacks'][0]['scale']['energy_saving_pct'] < 0"
head -4 jobs.swf | sed 's/^0 .*/0 36000 0 14400 8 -1 -1 8 -1 -1 1 1 1 1 1 3 -1 -1/' >one.swf
advise one.swf --carbon fc.csv --slack 12h --watts-per-node 100 --curve curve.csv >one.json
"$wattle" plan --forecast fc.csv --start 2026-01-01T10:00Z --work 14400@1 --within 16h --curve curve.csv --json >plan.json
json one.json "$near(o['total']['slacks'][0]['scale']['carbon_g'], $(python3 -c 'import json; print(json.load(open("plan.json"))["carbon_g"])'))"

# bad lines are counted and named, most of them refused
sed '20s/.*/1 2 3 x/; 30s/.*/1 2/' jobs.swf >some-bad.swf
advise some-bad.swf --carbon fc.csv --watts-per-node 250 >bad.json
json bad.json "o['trace']['bad_lines'] == 2 and o['total']['jobs'] == 148"
grep -q 'some-bad.swf:20: ' err || fail "line 20 is not named: $(cat err)"
head -c 70000 /dev/zero | tr '\0' 1 >long.swf
{ cat jobs.swf long.swf && printf '\n1 \0 2\n'; } >longer.swf
advise longer.swf --carbon fc.csv --watts-per-node 250 >longer.json
json longer.json "o['trace']['bad_lines'] == 2 and o['total']['jobs'] == 150"
awk '{ print (NR > 5 ? "x " : "") $0 }' jobs.swf >most-bad.swf
gives 1 'lines are no jobs, the first in line 6' "$wattle" advise most-bad.swf --carbon fc.csv
[[ -z $("$wattle" advise most-bad.swf --carbon fc.csv 2>/dev/null) ]] || fail 'a refused trace printed results'

# what is left out is said
sed 's/UnixStartTime: .*/UnixStartTime: 1769000000/' jobs.swf >late.swf
advise late.swf --carbon fc.csv --watts-per-node 250 >late.json
json late.json "o['trace']['outside'] > 0 and o['trace']['outside'] + o['total']['jobs'] == 150 and any('outside the intensities' in a for a in o['assumed'])"
sed 's/UnixStartTime: .*/UnixStartTime: 1400000000/' jobs.swf >early.swf
gives 1 '--repeat lays it over the trace' "$wattle" advise early.swf --carbon fc.csv
gives 0 'again and again, every 28 days' "$wattle" advise early.swf --carbon fc.csv --repeat
sed '200,230d' fc.csv >gap.csv
advise jobs.swf --carbon gap.csv --watts-per-node 250 >gap.json
json gap.json "o['trace']['in_gaps'] > 0 and o['trace']['in_gaps'] + o['total']['jobs'] == 150"

# flat: nothing moves, and that is the answer
awk -F, 'NR == 1 { print } NR > 1 { print $1 ",300" }' fc.csv >flat.csv
gives 0 'Not worth it here' "$wattle" advise jobs.swf --carbon flat.csv
advise jobs.swf --carbon flat.csv >flat.json
json flat.json "o['total']['slacks'][0]['start']['moved'] == 0 and o['worth'] is False"

# refused
gives 2 'say --carbon=FILE' "$wattle" advise jobs.swf
gives 2 'TRACE is missing' "$wattle" advise --carbon fc.csv
gives 1 "can't open none.swf" "$wattle" advise none.swf --carbon fc.csv
gives 1 'is empty' "$wattle" advise /dev/null --carbon fc.csv
gives 1 'neither an SWF trace' "$wattle" advise fc.csv --carbon fc.csv
gives 1 'no column Submit' "$wattle" advise - --carbon fc.csv <<<'1|2|3'
gives 1 'a factor of the run time' "$wattle" advise jobs.swf --carbon fc.csv --slack 1x
gives 1 'at most 4' "$wattle" advise jobs.swf --carbon fc.csv --slack 1h,2h,3h,4h,5h
gives 1 'no job in it ran' "$wattle" advise - --carbon fc.csv <<<'1 0 -1 -1 8 -1 -1 8 -1 -1 5 1 1 1 1 1 -1 -1'
gives 0 'usage: wattle advise' "$wattle" advise --help

((failures == 0)) && echo "all hold"
exit $((failures > 0))
