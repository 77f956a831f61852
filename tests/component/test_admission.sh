#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The admission webhook over real TLS: reviews, what is no review, sizes, many clients, slow ones, and certificates that change under it.
set -euo pipefail
src=$(cd "$srcdir" && pwd -P)
serve=$PWD/tests/component/admission_serve
# the site's configuration must be root's: become it in a namespace of our own, where that is allowed
if ((EUID != 0)); then
    unshare --user --map-root-user true 2>/dev/null || {
        echo "neither root nor allowed a user namespace" >&2
        exit 77
    }
    exec unshare --user --map-root-user "$BASH" "$0"
fi
tmp=$(mktemp -d)
pid=
cleanup() {
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || true
    rm -rf "$tmp"
}
trap cleanup EXIT
cd "$tmp"
failures=0
fail() {
    echo "FAIL: $*" >&2
    failures=$((failures + 1))
}
unset http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY
umask 022

certificate() { # NAME CN
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" \
        -days 2 -keyout "$1.key" -out "$1.crt" 2>openssl.log || { cat openssl.log >&2 && exit 1; }
}
certificate first first
certificate second second
certificate third third
cp "$src/tests/golden/wattle.conf" wattle.conf
# as a Secret's volume: links into a folder that is swapped as a whole
mkdir data1 data2 && cp first.crt data1/tls.crt && cp first.key data1/tls.key && cp second.crt data2/tls.crt && cp second.key data2/tls.key
ln -s data1 ..data && ln -s ..data/tls.crt tls.crt && ln -s ..data/tls.key tls.key

"$serve" wattle.conf tls.crt tls.key >said 2>serve.log &
pid=$!
for _ in {1..100}; do
    [[ -s said ]] && break
    kill -0 $pid || { cat serve.log >&2 && exit 1; }
    sleep 0.05
done
port=$(head -n 1 said)
post() { curl -sS --max-time 10 --cacert "$1" -H 'Content-Type: application/json' --data-binary "@$2" -o "$3" -w '%{http_code}' "https://localhost:$port${4:-/mutate}"; }
waits_for() { # TEXT: in what the server said
    for _ in {1..100}; do
        grep -qF "$1" said && return
        sleep 0.05
    done
    fail "the server did not say \"$1\": $(tail -n 3 said)"
}

review() { # ANNOTATIONS
    jq -n --argjson annotations "$1" '{apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: {uid: "u1", operation: "CREATE", object: {
        apiVersion: "kubeflow.org/v2beta1", kind: "MPIJob", metadata: {name: "a", annotations: $annotations}, spec: {mpiReplicaSpecs: {
        Worker: {replicas: 2, template: {spec: {containers: [{name: "w"}]}}}}}}}}'
}
review '{"wattle.hpc/power": "250W"}' >good.json
review '{"wattle.hpc/power": "lots"}' >refused.json

[[ $(post first.crt good.json out) == 200 ]] || fail "a review: $(cat out)"
jq -e '.response | .uid == "u1" and .allowed and .patchType == "JSONPatch"' out >/dev/null || fail "the answer: $(cat out)"
jq -r .response.patch out | base64 -d | jq -e 'any(.path | endswith("/limits/wattle.hpc~1watts"))' >/dev/null || fail "the patch: $(cat out)"
waits_for 'decided soon'
[[ $(post first.crt refused.json out) == 200 ]] || fail "a review of a bad request"
jq -e '.response | .allowed and (.warnings[0] | startswith("wattle: refused: power: "))' out >/dev/null || fail "the warning: $(cat out)"
waits_for 'refused soon'

# --- what is none ----------------------------------------------------------------
echo '{}' >empty.json
[[ $(post first.crt empty.json out) == 400 ]] || fail "no review: $(cat out)"
head -c 200 good.json >half.json
[[ $(post first.crt half.json out) == 400 ]] || fail "half a review: $(cat out)"
[[ $(post first.crt good.json out /other) == 404 ]] || fail "another path"
[[ $(curl -sS --cacert first.crt -o out -w '%{http_code}' "https://localhost:$port/mutate") == 405 ]] || fail "GET"
head -c 5000000 /dev/zero >large.json
[[ $(post first.crt large.json out) == 413 ]] || fail "5 MB: $(head -c 100 out)"
[[ $(curl -sS --max-time 5 -o out -w '%{http_code}' "http://localhost:$port/mutate" 2>/dev/null || true) != 200 ]] || fail "without TLS"
curl -sS --tls-max 1.1 --cacert first.crt "https://localhost:$port/mutate" >out 2>&1 && fail "TLS 1.1"

# --- clients that say nothing hold nobody up ---------------------------------------
for _ in {1..40}; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$port" && held+=("$fd")
done
[[ $(post first.crt good.json out) == 200 ]] || fail "beside 40 silent clients"
for fd in "${held[@]}"; do exec {fd}>&-; done
posts=()
for _ in {1..30}; do
    post first.crt good.json /dev/null >>codes &
    posts+=($!)
done
wait "${posts[@]}"
[[ $(tr -d '\n' <codes) == $(printf '200%.0s' {1..30}) ]] || fail "30 at once: $(cat codes)"

# --- certificates -------------------------------------------------------------------
ln -sfn data2 ..data
kill -HUP $pid
waits_for 'reload 1'
[[ $(post second.crt good.json out) == 200 ]] || fail "the second certificate"
post first.crt good.json out >/dev/null 2>&1 && fail "the first certificate is still served"
# a key that is not the certificate's: the old pair goes on
mkdir data3 && cp third.crt data3/tls.crt && cp second.key data3/tls.key && ln -sfn data3 ..data
kill -HUP $pid
waits_for 'trouble: the webhook goes on with the certificate it had'
[[ $(post second.crt good.json out) == 200 ]] || fail "after a broken pair"
cp third.key data3/tls.key
kill -HUP $pid
for _ in {1..100}; do
    [[ $(grep -c 'reload 1' said) == 2 ]] && break
    sleep 0.05
done
[[ $(post third.crt good.json out) == 200 ]] || fail "the third certificate"
before=$(find "/proc/$pid/fd" | wc -l)
for _ in {1..20}; do
    touch data3/tls.crt && kill -HUP $pid
    [[ $(post third.crt good.json out) == 200 ]] || fail "after a touch"
done
((before + 8 >= $(find "/proc/$pid/fd" | wc -l))) || fail "descriptors: $before, then $(find "/proc/$pid/fd" | wc -l)"
kill -TERM $pid
wait $pid || fail "its exit status"
pid=
"$serve" wattle.conf missing.crt tls.key >said 2>&1 && fail "without a certificate it ran"
grep -q 'missing.crt: No such file' said || fail "$(cat said)"
exit $failures
