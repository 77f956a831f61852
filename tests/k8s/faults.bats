#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # what single quotes hold is expanded on the hosts; output and status are bats's
# Bridge and agent behind a real API server that is slow, refuses, forgets, cuts answers in half (tests/lab fault kctl), their tokens that expire,
# clocks that are wrong, and others who want the same fields. Whatever happens, a job is decided once, starts, and no cap stays.
#
# A job here goes through three writes, each seen in its generation: held, watts, let go. Most have pods that no scheduler takes, so that they cost nothing.

bats_require_minimum_version 1.5.0
load agent.bash
load bridge.bash

HELD='fieldManager=wattle-bridge-hold&force' DECIDED='fieldManager=wattle-bridge&force' RELEASED='fieldManager=wattle-bridge-hold$'

setup_file() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    nodes_ready
    bridge_gone || bridge_kill TERM
    account kctl wattle-bridge
    behind_start
}
setup() { PATH=$BATS_TEST_DIRNAME/..:$PATH; }
teardown() {
    lab fault kctl clear
    jobs_end
    for node in k1 k2; do until_true 30 at_boot "$node"; done
}
teardown_file() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    bridge_kill
    lab on kctl -- rm -rf /run/faults
    lab on k1 -- rm -rf /run/faults
    bridge_start
}

# token ACCOUNT [OPTION…]
token() { kubectl -n wattle-system create token "$@"; }
# account HOST ACCOUNT: on HOST a kubeconfig for that service account through the API server with faults. Its token lies in a file beside it.
account() {
    lab on "$1" -- sh -c 'umask 077; mkdir -p /run/faults; cat >"/run/faults/$1.conf"' - "$2" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://10.71.0.4:6443", certificate-authority-data: $(lab on kctl -- base64 -w0 /etc/kubernetes/ca.crt)}}]
users: [{name: it, user: {tokenFile: $2.token}}]
contexts: [{name: lab, context: {cluster: lab, user: it}}]
current-context: lab
YAML
    token "$2" | token_give "$1" "$2"
}
token_give() { lab on "$1" -- sh -c 'umask 077; cat >"/run/faults/$1.new" && mv "/run/faults/$1.new" "/run/faults/$1.token"' - "$2"; }

# behind_start [VARIABLE=VALUE …] [OPTION…]: the bridge behind faults. The first words are its environment.
behind_start() {
    lab on kctl -- sh -c 'setsid -f env "$@" >>/var/log/kubernetes/bridge-faults.log 2>&1' - "$@" \
        wattle-bridge --kubeconfig /run/faults/wattle-bridge.conf --lease-namespace wattle-system </dev/null
    until_true 60 bridge_ready
    until_true 60 bridge_leads
}

idle_job() { SCHEDULER=nobody ASKS=power=200W mpijob "$@" >/dev/null; }
generation() { field "$1" .metadata.generation; }
# It has its watts and may start; each write was seen once, and its user was told once.
is_through() { [[ $(generation "$1") -ge 4 && $(watts_of "$1") == 200 && $(field "$1" .spec.runPolicy.suspend) == false && -z $(said_of "$1" held) ]]; }
through_once() {
    until_true 60 is_through "$1"
    [[ $(generation "$1") == 4 ]] || { echo "$1: generation $(generation "$1"), wanted 4: held, watts, let go" >&2 && return 1; }
    [[ $(said_of "$1" grant) == 'v1 watts=200 nodes=1-1'* ]]
}
told_once() { [[ $(event_count "$1" PowerGranted) == 1 ]]; }
fired() { lab fault kctl fired | grep -Eq -- "$1"; }

# name, regular expression of the request, fault
REQUESTS=(
    "hold-429      $HELD       status=429,1"
    "hold-500      $HELD       status=500 2"
    "hold-dropped  $HELD       drop 2"
    "hold-lost     $HELD       lost"
    "hold-half     $HELD       half"
    "hold-409      $HELD       status=409"
    "watts-429     $DECIDED    status=429 3"
    "watts-500     $DECIDED    status=500"
    "watts-503     $DECIDED    status=503,1 2"
    "watts-dropped $DECIDED    drop"
    "watts-lost    $DECIDED    lost 2"
    "watts-cut     $DECIDED    cut"
    "watts-half    $DECIDED    half"
    "watts-slow    $DECIDED    delay=3"
    "start-429     $RELEASED   status=429,2"
    "start-500     $RELEASED   status=500 2"
    "start-lost    $RELEASED   lost"
    "start-cut     $RELEASED   cut"
    "start-half    $RELEASED   half"
    "start-late    $RELEASED   late=3"
)

@test "${#REQUESTS[@]} faults of the bridge's requests: 429, 500, lost, cut, half a JSON, slow; each job is decided once and starts" {
    local row name regex fault lines=() jobs=()
    for row in "${REQUESTS[@]}"; do
        read -r name regex fault <<<"$row"
        lines+=("PATCH /mpijobs/$name\\?$regex $fault")
    done
    lab fault kctl "${lines[@]}"
    for row in "${REQUESTS[@]}"; do
        idle_job "${row%% *}" 1 true &
        jobs+=($!)
        ((${#jobs[@]} % 5)) || wait "${jobs[@]}"
    done
    wait "${jobs[@]}"
    for row in "${REQUESTS[@]}"; do
        read -r name regex fault <<<"$row"
        through_once "$name"
        fired "^${fault%%[= ]*} PATCH .*/$name\\?"
        until_true 10 told_once "$name"
    done
}

# What becomes of the watch, and of the next one that is begun for it
WATCHES=(
    "half      WATCH /mpijobs half"
    "cut       WATCH /mpijobs cut"
    "expired   WATCH /mpijobs gone"
    "slow      WATCH /mpijobs delay=1.5 2"
    "cut-410   WATCH /mpijobs cut;WATCH /mpijobs status=410"
    "cut-429   WATCH /mpijobs cut;WATCH /mpijobs status=429,1"
    "cut-500   WATCH /mpijobs cut;WATCH /mpijobs status=500 2"
    "cut-drop  WATCH /mpijobs cut;WATCH /mpijobs drop 2"
)

@test "${#WATCHES[@]} faults of its watch: half an event, cut, 410 inside and outside the stream, slow, refused; nothing is missed, nothing done twice" {
    local row name lines line
    for row in "${WATCHES[@]}"; do
        read -r name lines <<<"$row"
        mapfile -t lines < <(tr ';' '\n' <<<"$lines")
        lab fault kctl "${lines[@]}"
        idle_job "watch-$name" 1 true
        through_once "watch-$name"
        for line in "${lines[@]}"; do
            read -r _ _ line _ <<<"$line"
            fired "^${line%%=*} WATCH .*/mpijobs"
        done
        told_once "watch-$name"
    done
}

@test "its lease can't be renewed for some seconds, and all is slow: it leads on, and decides" {
    lab fault kctl 'PUT /leases/wattle-bridge status=500 2' 'PUT /leases/wattle-bridge late=4' '* . late=0.3 *'
    idle_job latent 1 true
    through_once latent
    until_true 20 fired '^late PUT .*/leases/'
    bridge_leads
}

@test "killed while a request is on its way, which the API server gets after its end: held, watts, start" {
    local name
    lab fault kctl "PATCH /mpijobs/dies-held\\?$HELD delay=4" "PATCH /mpijobs/dies-watts\\?$DECIDED delay=4" "PATCH /mpijobs/dies-start\\?$RELEASED delay=4"
    for name in held watts start; do idle_job "dies-$name" 1 true; done
    for name in held watts start; do until_true 20 fired "^delay PATCH .*/dies-$name"; done
    bridge_kill
    lab on kctl -- sleep 1
    behind_start
    # a write that comes late may hold a job once more: it is let go again
    lab on kctl -- sleep 4
    for name in held watts start; do
        until_true 60 is_through "dies-$name"
        (($(generation "dies-$name") <= 6))
    done
}

# expiring ACCOUNT SECONDS: a token that is good for so long. The API server forgives a minute, and the lab has the key that it signs with.
expiring() {
    token "$1" | lab on kctl -- python3 -c '
import base64, json, subprocess, sys, time
def b64(data): return base64.urlsafe_b64encode(data).rstrip(b"=")
head, payload, _ = sys.stdin.buffer.read().strip().split(b".")
claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
claims["exp"] = int(time.time()) + int(sys.argv[1]) - 60
claims["iat"] = claims["nbf"] = claims["exp"] - 600
text = head + b"." + b64(json.dumps(claims).encode())
der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", "/etc/kubernetes/sa.key"], input=text, stdout=subprocess.PIPE, check=True).stdout
def number(at): return der[at + 2:at + 2 + der[at + 1]][-32:].rjust(32, b"\0"), at + 2 + der[at + 1]
r, at = number(2)
print((text + b"." + b64(r + number(at)[0])).decode())' "$2"
}
# Whether the API server refuses what lies there.
refused() { [[ $(lab on kctl -- curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(lab on "$1" -- cat "/run/faults/$2.token")" https://127.0.0.1/api) == 401 ]]; }

agent_behind() {
    account k1 wattle-agent
    agent_kill k1
    lab on k1 -- sh -c 'setsid -f wattle-agent --kubeconfig /run/faults/wattle-agent.conf >>/var/log/kubernetes/wattle-agent.log 2>&1' </dev/null
    until_true 30 agent_runs k1
}
agent_direct() {
    agent_kill k1
    agent_start k1
}

@test "the bridge's token expires: nothing is written; with a new one in its file it goes on, without a restart" {
    local pid
    expiring wattle-bridge 15 | token_give kctl wattle-bridge
    bridge_kill
    behind_start
    pid=$(lab on kctl -- pgrep -x wattle-bridge)
    until_true 60 refused kctl wattle-bridge
    idle_job outdated 1 true
    lab on kctl -- sleep 3
    [[ $(generation outdated) == 1 ]]
    # one that is none helps nobody
    echo eyJhbGciOiJFUzI1NiJ9.e30.AAAA | token_give kctl wattle-bridge
    lab on kctl -- sleep 2
    [[ $(generation outdated) == 1 ]]
    token wattle-bridge | token_give kctl wattle-bridge
    through_once outdated
    told_once outdated
    [[ $(lab on kctl -- pgrep -x wattle-bridge) == "$pid" ]]
}

@test "the agent's token is revoked, and its watch ends: caps stay, ends are noticed; with a new token it sees what came meanwhile" {
    local pid seen
    agent_behind
    kubectl -n wattle-system create secret generic lent >/dev/null
    token wattle-agent --bound-object-kind Secret --bound-object-name lent | token_give k1 wattle-agent
    agent_kill k1
    lab on k1 -- sh -c 'setsid -f wattle-agent --kubeconfig /run/faults/wattle-agent.conf >>/var/log/kubernetes/wattle-agent.log 2>&1' </dev/null
    until_true 30 agent_runs k1
    pid=$(agent_runs k1)
    pod known k1 150 sleep 1001
    is_at k1 "$(caps 45000000)"
    kubectl -n wattle-system delete secret lent >/dev/null
    until_true 60 refused k1 wattle-agent
    lab fault kctl 'WATCH /pods cut'
    pod unknown k1 100 sleep 1002 &
    seen=$!
    until_true 60 fired '^cut WATCH .*/pods'
    lab on k1 -- sleep 2
    is_at k1 "$(caps 45000000)"
    token wattle-agent | token_give k1 wattle-agent
    wait "$seen"
    is_at k1 "$(caps 95000000)"
    lab on k1 -- pkill -KILL -f '^sleep 100[12]'
    until_true 5 at_boot k1
    [[ $(agent_runs k1) == "$pid" ]]
    agent_direct
}

AGENT=(
    "half  WATCH /pods half"
    "gone  WATCH /pods gone"
    "500   WATCH /pods cut;* /pods status=500 2"
    "429   WATCH /pods cut;* /pods status=429,1"
    "slow  WATCH /pods delay=0.5 *"
)

@test "${#AGENT[@]} faults of the agent's watch: half an event, 410, 500, 429, slow; each pod has its cap, and nothing stays" {
    local row name lines i=0
    agent_behind
    for row in "${AGENT[@]}"; do
        read -r name lines <<<"$row"
        mapfile -t lines < <(tr ';' '\n' <<<"$lines")
        lab fault kctl "${lines[@]}"
        pod "agent-$name" k1 200 sleep "200$((++i))"
        is_at k1 "$(caps 70000000)"
        lab on k1 -- pkill -KILL -f "^sleep 200$i"
        until_true 5 at_boot k1
        fired '(WATCH|GET) .*/pods'
        lab fault kctl clear
    done
    agent_direct
}

# A clock that is wrong by SKEW_S, for whoever preloads it.
skew_make() {
    gcc -shared -fPIC -O1 -o "$BATS_TEST_TMPDIR/skew.so" -x c - <<'C'
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
	long rc = syscall(SYS_clock_gettime, id, t);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		t->tv_sec += atol(getenv("SKEW_S"));
	return (int) rc;
}
time_t time(time_t *ret)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	if (ret)
		*ret = t.tv_sec;
	return t.tv_sec;
}
int gettimeofday(struct timeval *restrict v, void *restrict zone)
{
	struct timespec t;
	(void) zone;
	clock_gettime(CLOCK_REALTIME, &t);
	*v = (struct timeval) { t.tv_sec, t.tv_nsec / 1000 };
	return 0;
}
C
    lab on kctl -- sh -c 'cat >/run/faults/skew.so' <"$BATS_TEST_TMPDIR/skew.so"
}
leader() { kubectl -n wattle-system get lease wattle-bridge -o 'jsonpath={.spec.holderIdentity}'; }

@test "its clock is an hour ahead, then 20 s behind: jobs are decided and told once; one whose clock is right waits for it" {
    local skew lead
    skew_make
    for skew in 3600 -20; do
        bridge_kill TERM
        behind_start LD_PRELOAD=/run/faults/skew.so "SKEW_S=$skew"
        lead=$(leader)
        lab on kctl -- sh -c 'setsid -f wattle-bridge --kubeconfig /run/faults/wattle-bridge.conf --lease-namespace wattle-system --status= >/dev/null 2>&1' </dev/null
        idle_job "skew${skew/-/-less-}" 1 true
        through_once "skew${skew/-/-less-}"
        until_true 10 told_once "skew${skew/-/-less-}"
        [[ $(leader) == "$lead" ]]
    done
    bridge_kill TERM
    behind_start
}

# rival NAME SPEC: another field manager applies it.
rival() { kubectl apply --server-side --force-conflicts --field-manager=rival -f - >/dev/null <<<"{\"apiVersion\": \"kubeflow.org/v2beta1\", \"kind\": \"MPIJob\", \"metadata\": {\"name\": \"$1\"}, $2}"; }

@test "another manager applies suspend as it is about to start, and one writes over its words again and again: the first is respected, the second put right" {
    local before
    lab fault kctl "PATCH /mpijobs/owned\\?$RELEASED delay=5"
    idle_job owned 1 true
    until_true 30 fired '^delay PATCH'
    rival owned '"spec": {"runPolicy": {"suspend": true}}'
    until_true 30 has_event owned LeftSuspended
    lab on kctl -- sleep 2
    suspended owned
    rival owned '"spec": {"runPolicy": {"suspend": false}}'
    until_true 60 is_through owned
    before=$(bridge_metric api_writes_total)
    for _ in {1..8}; do rival owned '"metadata": {"name": "owned", "annotations": {"wattle.hpc/grant": "v1 watts=399 nodes=1-1"}}'; done
    until_true 60 is_through owned
    until_true 30 eval '[[ $(said_of owned grant) == "v1 watts=200"* ]]'
    # no fight: a write for each of theirs, and the renewals of its lease
    (($(bridge_metric api_writes_total) - before < 8 + 30))
}
