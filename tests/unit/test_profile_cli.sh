#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `wattle profile` as people and scripts use it: exit status, JSON, files.
set -euo pipefail

# shellcheck source=tests/component/cli_test.bash
. "${BASH_SOURCE[0]%/*}/../component/cli_test.bash"

# S = 0.8 u^2 + 0.1 u for Pmax 1200
awk 'BEGIN { print "cap_w,time_s,energy_j"; for (p = 300; p <= 1200; p += 150) { u = 1 - p / 1200; t = 60 * (1 + .8 * u * u + .1 * u)
    printf "%d,%.12g,%.12g\n", p, t, t * (800 + p * p / 1200) } }' >sweep.csv
gives 0 'written      app.json' "$wattle" profile fit sweep.csv --form quadratic -o app.json --class standard --command './app 7'
"$wattle" profile fit sweep.csv --form=quadratic --json >fit.json
json fit.json 'o["form"] == "quadratic" and abs(o["coef"]["A"] - .8) < 1e-4 and abs(o["coef"]["B"] - .1) < 1e-4 and abs(o["coef"]["C"]) < 1e-4'
json fit.json 'o["usable"] is True and o["why"] == "" and o["r2"] > .9999 and o["loo_error_pct"] < 1e-3'
json fit.json 'o["cap_min_w"] == 300 and o["cap_max_w"] == 1200'
json app.json 'o["name"] == "app" and o["unit"] == "s" and len(o["sweep"]) == 7 and o["provenance"]["class"] == "standard" and o["provenance"]["command"] == "./app 7"'
for want in 5:965.8 10:844.2 20:670.3 50:323.4; do
    "$wattle" profile watts app.json --slowdown "${want%:*}%" --json >watts.json
    json watts.json "abs(o['watts'] - ${want#*:}) < .5 and abs(o['predicted_slowdown_pct'] - ${want%:*}) < 1e-6 and o['clamped'] is False"
done
"$wattle" profile watts ./app.json --slowdown=80 --json >watts.json
json watts.json 'o["watts"] == 300 and o["clamped"] is True and abs(o["predicted_slowdown_pct"] - 52.5) < 1e-6'
gives 0 'clamped to the lowest cap measured' "$wattle" profile watts app.json --slowdown 80%
gives 0 'clamped to the ceiling' "$wattle" profile watts app.json --slowdown 5% --power 800W
"$wattle" profile slowdown app.json --power 844.2W --json >slowdown.json
json slowdown.json 'abs(o["slowdown_pct"] - 10) < .01'
"$wattle" profile watts app.json --min-energy --json >energy.json
json energy.json 'o["watts"] == 450 and o["energy_saved_pct"] > 0 and o["at_lowest_cap"] is False'
"$wattle" profile watts app.json --min-energy --slowdown-limit 12% --json >energy.json
json energy.json 'o["watts"] == 900 and o["measured_slowdown_pct"] <= 12'

# refusals: one line, exit 1, JSON all the same
gives 1 'lies outside the measured range, 300 to 1200 W' "$wattle" profile slowdown app.json --power 250
gives 1 'did you mean 5%' "$wattle" profile watts app.json --slowdown 0.05
gives 1 'the watts of one node' "$wattle" profile slowdown app.json --power 50%
gives 1 'sweep.csv' "$wattle" profile watts nothere/sweep.csv --slowdown 5%
gives 1 'no JSON' "$wattle" profile watts ./sweep.csv --slowdown 5%
printf 'cap_w,time_s\n100,10\n200,10\n300,10\n400,10\n' >flat.csv
gives 1 'flat.csv: no model: flat' "$wattle" profile fit flat.csv -o flat.json
[[ ! -e flat.json ]] || fail 'a refused fit was written'
status=0
"$wattle" profile fit flat.csv --json >fit.json 2>stderr || status=$?
[[ $status == 1 && $(wc -l <stderr) == 1 ]] || fail "refused fit: exit $status, $(cat stderr)"
json fit.json 'o["usable"] is False and o["why"].startswith("flat")'
printf 'cap_w,time_s\n100,10\n' >one.csv
"$wattle" profile fit one.csv --json >fit.json 2>/dev/null && fail 'one cap was enough'
json fit.json 'o["usable"] is False and o["coef"] is None and o["r2"] is None and o["loo_error_pct"] is None'
printf 'cap_w,time_s\n100,10\n200W,9\n' >bad.csv
gives 1 'bad.csv:3: cap_w "200W" is no plain number' "$wattle" profile fit bad.csv
# a fit that is refused leaves an older profile alone
cp app.json keep.json
gives 1 'nothing is written' "$wattle" profile fit flat.csv -o keep.json
cmp -s app.json keep.json || fail 'a refused fit changed a profile'

# what changes of size cost, from the states of wattlerun's jobs
mkdir -p .wattle/7 .wattle/8
echo '{"wattle_state": 1, "lost_s": 21.0, "lost_n": 3}' >.wattle/7/state.json
echo '{"wattle_state": 1, "lost_s": 9.0, "lost_n": 1}' >.wattle/8/state.json
echo '{"wattle_state": 1, "lost_s": 0, "lost_n": 0}' >none.json
gives 0 '7.5 s lost in each of 4 changes of size' "$wattle" profile resize keep.json .wattle/7 .wattle/8/state.json
cmp -s app.json keep.json || fail 'a profile was written that nobody asked for'
"$wattle" profile resize keep.json .wattle/7 .wattle/8 --write --json >resize.json
json resize.json 'o["resize_s"] == 7.5 and o["changes"] == 4 and o["before_s"] is None and o["written"].endswith("keep.json")'
json keep.json 'o["resize_s"] == 7.5 and len(o["sweep"]) == 7'
gives 0 '7.5 s before' "$wattle" profile resize keep.json .wattle/7
gives 1 'no change of size was measured' "$wattle" profile resize keep.json none.json --write
gives 1 "no state of wattlerun's" "$wattle" profile resize keep.json app.json --write
gives 1 'nothere' "$wattle" profile resize keep.json nothere --write
# what no profile may say would make it one that can't be read
echo '{"wattle_state":1,"lost_s":900000,"lost_n":1}' >slow.json
gives 1 'more than a profile may say' "$wattle" profile resize keep.json slow.json --write
sed 's/"resize_s": *7.5/"resize_s": -1/' keep.json >bad.json
gives 1 'resize_s is -1' "$wattle" profile show ./bad.json

# plans reserve it
printf 'hour_index,carbon_intensity\n0,100\n1,900\n2,100\n3,900\n' >day.csv
"$wattle" plan --forecast day.csv --work 6000@1 --profile ./keep.json --within 4h --policy pause --json >plan.json
json plan.json 'sum(s.get("overhead_s", 0) for s in o["slots"]) == 7.5'

# usage
gives 2 '--slowdown=PCT' "$wattle" profile watts app.json
gives 2 '--slowdown=PCT' "$wattle" profile watts app.json --slowdown 5% --min-energy
gives 2 '--power=WATTS' "$wattle" profile slowdown app.json
gives 2 'hyperbolic or quadratic' "$wattle" profile fit sweep.csv --form cubic
gives 2 'no option' "$wattle" profile fit sweep.csv --nonsense
gives 0 'usage: wattle profile fit' "$wattle" profile fit --help
gives 0 'wattle ' "$wattle" profile watts --version

# a store
mkdir store
"$wattle" profile fit sweep.csv -o store/nbody.json >/dev/null
cp sweep.csv store/broken.json
gives 0 'nbody' "$wattle" profile list --store store
gives 0 'broken.json is no JSON' "$wattle" profile list --store store
"$wattle" profile list --store store --json >list.json
json list.json '[p["name"] for p in o] == ["broken", "nbody"] and [p["usable"] for p in o] == [False, True]'
gives 1 'there are: broken, nbody' "$wattle" profile show hpcg --store store
gives 0 'hyperbolic' "$wattle" profile show nbody --store store --ascii
"$wattle" profile show nbody --store store --json --svg plot.svg >show.json
json show.json 'o["name"] == "nbody" and o["fit"]["usable"] is True'
python3 -c 'import sys, xml.dom.minidom as x; d = x.parse("plot.svg"); sys.exit(len(d.getElementsByTagName("circle")) != 8)' ||
    fail 'the SVG is not well-formed, or lacks points or the recommendation'
# braille only where the terminal can show it
[[ $(LC_ALL=C "$wattle" profile show nbody --store store | LC_ALL=C grep -c '[^ -~]') == 0 ]] || fail 'not ASCII in the C locale'

# order, units and form of rows
{ head -1 sweep.csv && tail -n +2 sweep.csv | sort -R; } | "$wattle" profile fit - --form quadratic --json >shuffled.json
json shuffled.json 'abs(o["coef"]["A"] - .8) < 1e-9'
awk -F, 'NR == 1 { print "\xef\xbb\xbfthroughput,cap_w\r" } NR > 1 { printf "%.15g,%s\r\n", 1 / $2, $1 }' sweep.csv >throughput.csv
"$wattle" profile fit throughput.csv --form quadratic --json >throughput.json
json throughput.json 'abs(o["coef"]["A"] - .8) < 1e-6 and o["time_min_s"] is None'

((failures == 0)) && echo "all hold"
exit $((failures > 0))
