#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# `wattle carbon fetch` against a server of our own that plays the providers, and everything that goes wrong with them. No network.
set -euo pipefail
src=$(cd "$srcdir" && pwd -P)
wattle=$PWD/cli/wattle

# The site's files must be root's: become it in a namespace of our own, where that is allowed.
if ((EUID != 0)); then
    unshare --user --map-root-user true 2>/dev/null || {
        echo "neither root nor allowed a user namespace" >&2
        exit 77
    }
    exec unshare --user --map-root-user "$BASH" "$0"
fi
tmp=$(mktemp -d)
server_pid=
cleanup() {
    exec 9>&- || true
    [[ -z $server_pid ]] || kill "$server_pid" 2>/dev/null || true
    rm -rf "$tmp"
}
trap cleanup EXIT
cd "$tmp"
failures=0
fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}
# json FILE PYTHON-EXPRESSION over o
json() { python3 -c 'import json, sys, time; o = json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" ||
    fail "$2 does not hold: $(head -c 600 "$1")"; }

# --- the server --------------------------------------------------------------
certificate() { # NAME AUTHORITY SAN
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -extfile <(echo "subjectAltName=$3") -out "$1.crt"
}
for ca in ours theirs; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$ca" -days 2 -keyout $ca.key -out $ca.pem
done 2>openssl.log
{
    certificate good ours DNS:localhost
    certificate stranger theirs DNS:localhost
    certificate misnamed ours DNS:elsewhere.example
} 2>>openssl.log || { cat openssl.log >&2 && exit 1; }
mkfifo hold
python3 "$src/tests/component/carbon_server.py" "$tmp" <hold 2>server.log &
server_pid=$!
exec 9>hold
for _ in {1..300}; do
    [[ -e port-misnamed ]] && break
    kill -0 $server_pid || break
    sleep 0.1
done
[[ -e port-misnamed ]] || { cat server.log >&2 && exit 1; }
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY

# --- what a site has -----------------------------------------------------------
umask 077
printf '[electricitymaps]\ntoken = s3cret-t0ken\n[watttime]\nusername = user\npassword = pass word\n' >credentials
umask 022
# conf FILE URL PROVIDER PROVIDER_ZONE [LINE …]: zone Z
conf() {
    local file=$1 url=$2 provider=$3 zone=$4
    shift 4
    [[ $* == *ca_file* ]] || set -- "$@" "ca_file = $tmp/ours.pem"
    [[ $* == *credentials* ]] || set -- "$@" "credentials = $tmp/credentials"
    printf '%s\n' '[class a]' 'base_w = 60' 'min_w = 100' 'max_w = 400' '[zone Z]' "provider = $provider" "provider_zone = $zone" "url = $url" \
        "$@" >"$file"
}
good=https://localhost:$(<port-good)
fetch() { "$wattle" carbon fetch --conf="$tmp/$1.conf" --cache="$tmp/$1" "${@:2}"; }

# --- each provider ---------------------------------------------------------------
# first CASE PROVIDER PROVIDER_ZONE [LINE …]: a first fetch into an empty folder
first() {
    conf "$1.conf" "$good/$1" "$2" "$3" "${@:4}"
    mkdir "$1"
    fetch "$1" >"$1.out" 2>&1 || fail "$1: $(<"$1.out")"
    [[ -e $1/Z.json && $(stat -c %a "$1/Z.json") == 644 ]] || fail "$1: no Z.json of mode 0644"
}
first ok electricitymaps DE
hour='int(time.time()) // 3600 * 3600'
iso='(lambda s: __import__("calendar").timegm(time.strptime(s, "%Y-%m-%dT%H:%M:%SZ")))'
json ok/Z.json "o['zone'] == 'Z' and o['signal'] == 'average' and o['unit'] == 'gCO2/kWh' and o['slot_s'] == 3600 and len(o['values']) == 72"
json ok/Z.json "o['values'][0] == 300 and o['values'][12] == 212 and $hour - $iso(o['start']) in (0, 3600) and $iso(o['issued']) == $iso(o['start'])"
json ok/Z-forecast.json "o['values'][:2] in ([300, 301], [301, 302])"
# what was measured, with its hole: nothing is made up
json ok/Z-actual.json "len(o['values']) == 22 and o['values'][0] == 323 and o['values'][-1] == 302"
[[ $(ls -A ok | sort | tr '\n' ' ') == '.lock Z-actual.json Z-forecast.json Z.json ' ]] || fail "left in the folder: $(ls -A ok)"

first watttime watttime CAISO_NORTH 'horizon = 6h'
json watttime/Z.json "o['signal'] == 'marginal' and o['slot_s'] == 300 and abs(o['values'][1] - 1001 * 0.453592) < 1e-4"
json watttime/Z-actual.json "o['signal'] == 'marginal' and o['slot_s'] == 300 and len(o['values']) == 72"
first uk uk GB
json uk/Z.json "o['slot_s'] == 1800 and len(o['values']) == 96 and o['values'][0] == 245 and time.time() - $iso(o['issued']) < 300"
json uk/Z-actual.json "o['values'][0] == 250 and len(o['values']) == 94"
first region-ok uk 3
json region-ok/Z.json "o['values'][1] == 41"
[[ ! -e region-ok/Z-actual.json ]] || fail 'a region has no measured values'
# asked as the services want it, once each, and by name
python3 - "$tmp/log" <<'PY' || fail "the requests were not as they should be"
import json, re, sys
log = [json.loads(line) for line in open(sys.argv[1])]
asked = {}
for r in log:
    asked.setdefault(r["case"], []).append(r["path"] + ("?" + r["query"] if r["query"] else ""))
    assert r["headers"]["User-Agent"].startswith("wattle/"), r
assert asked["ok"] == ["v3/carbon-intensity/forecast?zone=DE&horizonHours=72", "v3/carbon-intensity/history?zone=DE"], asked["ok"]
moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
for wanted, found in zip(["login", r"v3/forecast\?region=CAISO_NORTH&signal_type=co2_moer&horizon_hours=6",
                          r"v3/historical\?region=CAISO_NORTH&signal_type=co2_moer&start=" + moment + "&end=" + moment], asked["watttime"], strict=True):
    assert re.fullmatch(wanted, found), found
half = r"\d{4}-\d\d-\d\dT\d\d:[03]0Z"
assert re.fullmatch("intensity/%s/fw48h" % half, asked["uk"][0]) and re.fullmatch("intensity/%s/%s" % (half, half), asked["uk"][1]), asked["uk"]
assert len(asked["region-ok"]) == 1 and re.fullmatch("regional/intensity/%s/fw48h/regionid/3" % half, asked["region-ok"][0])
# nobody is told a secret that is not his
assert all(("auth-token" in {k.lower() for k in r["headers"]}) == (r["case"] == "ok") for r in log)
PY

# A file, in whatever format; its time is its own.
{
    echo 'time,carbon_intensity'
    for ((h = -3; h < 30; h++)); do echo "$(date -u -d "@$(($(date +%s) / 3600 * 3600 + h * 3600))" +%FT%H:%MZ),$((300 + h))"; done
} >own.csv
printf '%s\n' '[class a]' 'base_w = 60' 'min_w = 100' 'max_w = 400' '[zone Z]' 'provider = file' "source = $tmp/own.csv" >file.conf
mkdir file
fetch file >file.out 2>&1 || fail "file: $(<file.out)"
json file/Z.json "300 in o['values'] and o['slot_s'] == 3600 and time.time() - $iso(o['issued']) < 300"

# --- again: not due, the same, and what is left of what was --------------------------
before=$(stat -c %i ok/Z.json)
[[ $(fetch ok) == *'less than interval'* ]] || fail 'asked again before it was due'
fetch ok Z --json >again.json || fail 'asked by name'
json again.json "o['zones'][0]['state'] in ('same', 'new') and o['zones'][0]['zone'] == 'Z'"
[[ $(python3 -c 'import json; print(json.load(open("again.json"))["zones"][0]["state"])') == new || $(stat -c %i ok/Z.json) == "$before" ]] ||
    fail 'the same forecast was written again'
# an hour ago the forecast said otherwise: that stays known
cp -a ok was
python3 - <<'PY'
import calendar, json, time
for name in "was/Z.json", "was/Z-forecast.json", "was/Z-actual.json":
    o = json.load(open(name))
    at = lambda s: calendar.timegm(time.strptime(s, "%Y-%m-%dT%H:%M:%SZ"))
    shift = 3 * 3600
    o["start"], o["issued"] = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at(o[k]) - shift)) for k in ("start", "issued"))
    o["values"] = [v and v + 1000 for v in o["values"]]
    json.dump(o, open(name, "w"))
PY
conf was.conf "$good/ok" electricitymaps DE
fetch was Z >was.out 2>&1 || fail "was: $(<was.out)"
json was/Z-forecast.json "o['values'][:3] == [1300, 1301, 1302] and o['values'][3] in (300, 1303) and o['values'][4] == 301 and len(o['values']) == 75"
json was/Z-actual.json "o['values'][:3] == [1323, 1322, 1321] and o['values'][3] == 323"
json was/Z.json "o['values'][0] in (300, 1303) and o['values'][-1] == 271"

# --- what goes wrong ------------------------------------------------------------------
# wrong CASE WANTED [URL [PROVIDER [ZONE [LINE …]]]]: beside a good forecast; in the background
declare -A wanted pids
wrong() {
    local case=$1 url=${3:-$good/$1} provider=${4:-electricitymaps} zone=${5:-DE} from=ok
    wanted[$case]=$2
    [[ $provider == watttime ]] && from=watttime
    [[ $provider == uk ]] && from=region-ok
    cp -a $from "$case"
    conf "$case.conf" "$url" "$provider" "$zone" "${@:6}"
    (fetch "$case" Z >"$case.out" 2>&1) &
    pids[$case]=$!
}
wrong 401 'answered 401: the credentials are refused'
wrong 403 'answered 403, "not in your plan"'
wrong 429-long 'asks to be left alone for 3600 s'
wrong 500 '3 tries: https://localhost'
wrong truncated 'the answer broke off'
wrong cut 'no valid JSON'
wrong unit 'unit "lbs/MWh": gCO2eq/kWh is needed'
wrong kilograms 'kg/kWh?'
wrong negative '-5 g/kWh is no carbon intensity'
wrong stale '13 hours ago: stale'
wrong older 'older than the one we have'
wrong future 'in the future'
wrong fewer 'fewer hours than the one we have'
wrong hole 'fewer hours than the one we have'
wrong over 'which is over'
wrong zone 'is of zone "FR": "DE" was asked for'
wrong html 'no JSON object'
wrong empty 'answered nothing'
wrong huge 'more than 4194304 bytes'
wrong huge-length 'more than 4194304 bytes'
wrong drip 'no whole answer within 1 s' '' '' '' 'timeout = 1s'
wrong redirect 'answered 302, go to http://localhost:1/stolen: redirects are not followed'
wrong redirect-host 'redirects are not followed'
wrong stranger 'certificate is not to be trusted' "https://localhost:$(<port-stranger)/ok"
wrong misnamed 'certificate is not to be trusted' "https://localhost:$(<port-misnamed)/ok"
wrong plain 'localhost' "https://localhost:1/ok"
wrong signal 'gives the average signal: signal = marginal is wanted' '' watttime CAISO_NORTH 'signal = marginal' 'horizon = 6h'
wrong unit-watttime 'unit "usd_per_mwh"' '' watttime CAISO_NORTH
wrong no-token 'did not answer with a token' '' watttime CAISO_NORTH
wrong region 'is of zone "5": "3" was asked for' '' uk 3
# credentials that are refused, unsafe or incomplete
printf '[electricitymaps]\ntoken = another-s3cret\n[watttime]\nusername = user\npassword = n0t it\n' >other && chmod 600 other
wrong wrong-token 'answered 401, "Invalid auth-token": the credentials are refused' '' '' '' "credentials = $tmp/other"
wrong wrong-login 'login answered 401' '' watttime CAISO_NORTH "credentials = $tmp/other"
cp credentials c-readable && chmod 640 c-readable
wrong readable 'others than root may read it, mode 0640: chmod 0600' '' '' '' "credentials = $tmp/c-readable"
printf '[watttime]\nusername = user\n' >c-partial && chmod 600 c-partial
wrong partial 'lacks token of [electricitymaps]' '' '' '' "credentials = $tmp/c-partial"
wrong partial-login 'lacks username or password' '' watttime CAISO_NORTH "credentials = $tmp/c-partial"
printf '[electricitymaps]\ntoken = a ;s3cret-t0ken\n' >c-comment && chmod 600 c-comment
wrong comment "comment:2: a ';' after a blank would begin a comment" '' '' '' "credentials = $tmp/c-comment"
printf '[electricitymaps]\ntokens = s3cret-t0ken\n' >c-unknown && chmod 600 c-unknown
wrong unknown 'unknown:2: [electricitymaps] token, [watttime]' '' '' '' "credentials = $tmp/c-unknown"
wrong absent "can't open $tmp/none" '' '' '' "credentials = $tmp/none"
chmod o+w "$(: >writable.pem && echo writable.pem)"
wrong ca-writable 'writable.pem is writable by others' '' '' '' "ca_file = $tmp/writable.pem"
wrong ca-system 'certificate is not to be trusted' '' '' '' "ca_file = $tmp/theirs.pem"

for case in "${!wanted[@]}"; do
    status=0 from=ok
    wait "${pids[$case]}" || status=$?
    out=$(<"$case.out")
    grep -q 'provider = watttime' "$case.conf" && from=watttime
    grep -q 'provider = uk' "$case.conf" && from=region-ok
    [[ $status == 1 ]] || fail "$case: exit $status: $out"
    [[ $out == *"${wanted[$case]}"* ]] || fail "$case: wanted \"${wanted[$case]}\" in: $out"
    [[ $out == *"zone Z: "*"; the forecast issued 20"*"Z stays" ]] || fail "$case: it does not say what stays: $out"
    [[ $out != *s3cret* && $out != *'pass word'* && $out != *'n0t it'* && $out != *t0ken.of* ]] || fail "$case: a secret stands in: $out"
    diff -r "$from" "$case" >/dev/null && [[ $(stat -c '%Y %s' "$from/Z.json") == "$(stat -c '%Y %s' "$case/Z.json")" ]] ||
        fail "$case: the cache is not what it was: $(diff -r "$from" "$case" | head -c 300)"
done

# --- what comes right again, or is no reason to do without -----------------------------
right() { # CASE WANTED: beside nothing
    conf "$1.conf" "$good/$1" electricitymaps DE
    mkdir "$1"
    fetch "$1" Z >"$1.out" 2>&1 || fail "$1: $(<"$1.out")"
    [[ $(<"$1.out") == *"$2"* ]] || fail "$1: wanted \"$2\" in: $(<"$1.out")"
    json "$1/Z.json" "len(o['values']) in (71, 72, 73) and o['values'][-1] == 271"
}
right 429 'Z: 72 slots'
right 500-once 'Z: 72 slots'
right history-403 'what was measured: '
right next-hour 'Z: 7'
[[ ! -e history-403/Z-actual.json ]] || fail 'history-403: what was measured out of nothing'
json next-hour/Z.json "(len(o['values']) == 72 or o['values'][0] == o['values'][1] == 300) and $iso(o['start']) <= time.time()"
# Three tries and no more, with a pause between that grows; Retry-After is kept to; what is refused is not tried again.
python3 - "$tmp/log" <<'PY' || fail "the tries were not as they should be"
import json, sys
times = {}
for line in open(sys.argv[1]):
    r = json.loads(line)
    times.setdefault(r["case"], []).append(r["t"])
assert len(times["500"]) == 3 and times["500"][1] - times["500"][0] >= 0.5 and times["500"][2] - times["500"][1] >= 1, times["500"]
assert times["429"][1] - times["429"][0] >= 2.5, times["429"]
# cut off after the one second that the site allows, not after the two minutes that the answer takes
assert len(times["drip"]) == 3 and times["drip"][2] - times["drip"][0] < 30, times["drip"]
for case in "401", "403", "429-long", "redirect", "redirect-host", "html", "unit", "stale":
    assert len(times[case]) == 1, (case, times[case])
assert "stolen" not in times
PY

# A good forecast takes the place of a broken, a stale and another signal's, and with none before, a fault is said as such.
cp -a ok mends && echo '{"zone":' >mends/Z.json && cp ok.conf mends.conf
fetch mends Z >mends.out 2>&1 || fail "mends: $(<mends.out)"
[[ $(<mends.out) == *'what we have is broken'* ]] || fail "mends: $(<mends.out)"
json mends/Z.json "len(o['values']) == 72"
conf nothing.conf "$good/401" electricitymaps DE && mkdir nothing
fetch nothing Z >nothing.out 2>&1 && fail 'nothing: exit 0'
[[ $(<nothing.out) == *'there is no forecast yet' ]] || fail "nothing: $(<nothing.out)"
# A history of another kind is left alone.
cp -a ok kinds && cp ok.conf kinds.conf && sed 's/average/marginal/' ok/Z-actual.json >kinds/Z-actual.json
fetch kinds Z >kinds.out 2>&1 || fail "kinds: $(<kinds.out)"
[[ $(<kinds.out) == *'is not continued: it holds another signal'* ]] || fail "kinds: $(<kinds.out)"
grep -q marginal kinds/Z-actual.json || fail 'kinds: the history was written'

# --- the folder --------------------------------------------------------------------------
refused() { # WANTED COMMAND …
    local out status=0
    out=$("${@:2}" 2>&1) || status=$?
    [[ $status == 1 && $out == *"$1"* ]] || fail "wanted \"$1\", exit 1: exit $status: $out"
}
mkdir -m 777 open && ln -s "$tmp/ok" link
refused 'belongs to uid 0, mode 0777, and uid 0 asks: only its owner' "$wattle" carbon fetch --conf=ok.conf --cache="$tmp/open" Z
refused "can't open folder" "$wattle" carbon fetch --conf=ok.conf --cache="$tmp/link" Z
refused "can't open folder" "$wattle" carbon fetch --conf=ok.conf --cache="$tmp/gone" Z
refused 'has no [zone Q]' "$wattle" carbon fetch --conf=ok.conf --cache="$tmp/ok" Q
sed '/^\[zone/,$d' ok.conf >bare.conf
refused 'has no [zone NAME]' "$wattle" carbon fetch --conf=bare.conf --cache="$tmp/ok"
sed 's,https:,http:,' ok.conf >plain-http.conf
refused 'others are not asked' "$wattle" carbon fetch --conf=plain-http.conf --cache="$tmp/ok"

((failures == 0)) && echo "all hold"
exit $((failures > 0))
