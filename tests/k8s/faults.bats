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

# idle_jobs NAME…
idle_jobs() { for job; do SCHEDULER=nobody ASKS=power=200W manifest "$job" 1 true; done | kubectl create -f - >/dev/null; }
JOB='{name: .metadata.name, generation: .metadata.generation, suspend: .spec.runPolicy.suspend, held: .metadata.annotations["wattle.hpc/held"],
    grant: (.metadata.annotations["wattle.hpc/grant"] // "" | .[:22]), watts: .spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources.limits["wattle.hpc/watts"]}'
# All of them have their watts, are told so, and may start. are_through GENERATION NAME…: at that generation; 0: at any.
are_through() {
    kubectl get mpijobs "${@:2}" -o json | jq -e --argjson generation "$1" "[(.items // [.])[] | $JOB] | all(.watts == \"200\" and .suspend == false and
        .held == null and .grant == \"v1 watts=200 nodes=1-1\" and (\$generation == 0 or .generation == \$generation))"
}
# through_once NAME…: each of the three writes was seen once, and each user was told once.
through_once() {
    until_true 60 are_through 0 "$@"
    are_through 4 "$@" || { echo "wanted generation 4: held, watts, let go" && kubectl get mpijobs "$@" -o json | jq -c "(.items // [.])[] | $JOB"; } >&2 || true
    are_through 4 "$@"
    until_true 10 told_once "$@"
}
told_once() {
    kubectl get mpijobs,events -o json | jq -e '([.items[] | select(.reason == "PowerGranted")] | group_by(.involvedObject.uid) |
        map({(.[0].involvedObject.uid): (map(.count // 1) | add)}) | add // {}) as $told |
        [.items[] | select(.kind == "MPIJob" and (.metadata.name | IN($ARGS.positional[])))] |
        length == ($ARGS.positional | length) and all($told[.metadata.uid] == 1)' --args "$@"
}
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
        jobs+=("$name")
    done
    lab fault kctl "${lines[@]}"
    idle_jobs "${jobs[@]}"
    through_once "${jobs[@]}"
    for row in "${REQUESTS[@]}"; do
        read -r name _ fault <<<"$row"
        fired "^${fault%%[= ]*} PATCH .*/$name\\?"
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
        idle_jobs "watch-$name"
        through_once "watch-$name"
        for line in "${lines[@]}"; do
            read -r _ _ line _ <<<"$line"
            fired "^${line%%=*} WATCH .*/mpijobs"
        done
    done
}

@test "its lease can't be renewed for some seconds, and all is slow: it leads on, and decides" {
    lab fault kctl 'PUT /leases/wattle-bridge status=500 2' 'PUT /leases/wattle-bridge late=4' '* . late=0.3 *'
    idle_jobs latent
    through_once latent
    until_true 20 fired '^late PUT .*/leases/'
    bridge_leads
}

@test "killed while a request is on its way, which the API server gets after its end: held, watts, start" {
    local name
    lab fault kctl "PATCH /mpijobs/dies-held\\?$HELD delay=4" "PATCH /mpijobs/dies-watts\\?$DECIDED delay=4" "PATCH /mpijobs/dies-start\\?$RELEASED delay=4"
    idle_jobs dies-held dies-watts dies-start
    for name in held watts start; do until_true 20 fired "^delay PATCH .*/dies-$name"; done
    bridge_kill
    behind_start
    # its last request, which comes when the next one leads, may hold a job once more: it is let go again
    until_true 60 are_through 0 dies-held dies-watts dies-start
    for name in held watts start; do (($(field "dies-$name" .metadata.generation) <= 6)); done
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
    agent_kill k1
    lab on k1 -- sh -c 'setsid -f wattle-agent --kubeconfig /run/faults/wattle-agent.conf >>/var/log/kubernetes/wattle-agent.log 2>&1' </dev/null
    until_true 30 agent_runs k1
}
agent_direct() {
    agent_kill k1
    agent_start k1
}

@test "tokens: the agent's is revoked, the bridge's expires, one is none; what they hold stays, and with new ones they go on, without a restart" {
    local agent bridge seen
    kubectl -n wattle-system create secret generic lent >/dev/null
    account k1 wattle-agent
    token wattle-agent --bound-object-kind Secret --bound-object-name lent | token_give k1 wattle-agent
    agent_behind
    pod known k1 150 sleep 1001
    is_at k1 "$(caps 45000000)"
    bridge_kill TERM
    expiring wattle-bridge 15 | token_give kctl wattle-bridge
    behind_start
    agent=$(agent_runs k1) bridge=$(lab on kctl -- pgrep -x wattle-bridge)
    kubectl -n wattle-system delete secret lent >/dev/null
    until_true 60 refused k1 wattle-agent
    lab fault kctl 'WATCH /pods cut'
    pod unknown k1 100 sleep 1002 &
    seen=$!
    until_true 60 fired '^cut WATCH .*/pods'
    until_true 60 refused kctl wattle-bridge
    idle_jobs outdated
    lab on kctl -- sleep 2
    is_at k1 "$(caps 45000000)"
    [[ $(field outdated .metadata.generation) == 1 ]]
    # one that is none helps nobody
    echo eyJhbGciOiJFUzI1NiJ9.e30.AAAA | token_give kctl wattle-bridge
    lab on kctl -- sleep 2
    [[ $(field outdated .metadata.generation) == 1 ]]
    token wattle-bridge | token_give kctl wattle-bridge
    token wattle-agent | token_give k1 wattle-agent
    through_once outdated
    wait "$seen"
    is_at k1 "$(caps 95000000)"
    lab on k1 -- pkill -KILL -f '^sleep 100[12]'
    until_true 5 at_boot k1
    [[ $(agent_runs k1) == "$agent" && $(lab on kctl -- pgrep -x wattle-bridge) == "$bridge" ]]
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
    account k1 wattle-agent
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
        idle_jobs "skew${skew/-/-less-}"
        through_once "skew${skew/-/-less-}"
        [[ $(leader) == "$lead" ]]
    done
    bridge_kill TERM
    behind_start
}

# rival NAME FIELDS: another field manager applies them.
rival() {
    jq -n --arg name "$1" --argjson fields "$2" '{apiVersion: "kubeflow.org/v2beta1", kind: "MPIJob", metadata: {name: $name}} * $fields' |
        kubectl apply --server-side --force-conflicts --field-manager=rival -f - >/dev/null
}

@test "another manager applies suspend as it is about to start: it is respected; one writes over words of a job that runs: put right, each time, and nothing is stopped" {
    local generation watts writes
    lab fault kctl "PATCH /mpijobs/owned\\?$RELEASED delay=5"
    idle_jobs owned
    until_true 30 fired '^delay PATCH'
    rival owned '{"spec": {"runPolicy": {"suspend": true}}}'
    until_true 30 has_event owned LeftSuspended
    lab on kctl -- sleep 2
    suspended owned
    rival owned '{"spec": {"runPolicy": {"suspend": false}}}'
    until_true 60 are_through 0 owned
    generation=$(field owned .metadata.generation)
    writes=$(bridge_metric api_writes_total)
    for watts in {391..398}; do
        rival owned '{"metadata": {"annotations": {"wattle.hpc/grant": "v1 watts='"$watts"' nodes=1-1"}}, "spec": {"runPolicy": {"suspend": false}}}'
        until_true 30 are_through 0 owned
    done
    are_through "$generation" owned
    # a patch and an event for each of theirs, and the renewals of its lease meanwhile
    (($(bridge_metric api_writes_total) - writes < 8 * 2 + 30))
}
