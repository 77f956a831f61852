# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For tests of wattle-bridge: the one of the lab where it runs, under whatever identity it has there; else one of the test's own on kctl.

BRIDGE_STATUS=127.0.0.1:9470
WATTS_KEY='wattle\.hpc/watts'

bridge_get() { lab on kctl -- curl -sS --max-time 5 "http://$BRIDGE_STATUS$1"; }
bridge_ready() { [[ $(bridge_get /readyz 2>/dev/null) == ok ]]; }
# A sample of /metrics, by name and labels as it stands there.
bridge_metric() { bridge_get /metrics | awk -v name="wattle_bridge_$1" '$1 == name { print $2 }'; }
bridge_leads() { [[ $(bridge_metric leader) == 1 ]]; }
bridge_start() {
    lab node kctl start-bridge >/dev/null 2>&1 ||
        lab on kctl -- sh -c 'setsid -f "${WATTLE_BRIDGE:-wattle-bridge}" --kubeconfig /etc/kubernetes/admin.conf "$@" >>/var/log/bridge.log 2>&1' sh "$@"
    until_true 60 bridge_ready
    until_true 60 bridge_leads
}
bridge_kill() {
    lab on kctl -- pkill "-${1:-KILL}" -x wattle-bridge || true
    until_true 20 bridge_gone
}
bridge_gone() { ! lab on kctl -- pgrep -x wattle-bridge >/dev/null; }

# power_job NAME WORKERS COMMAND [WORD=VALUE …]: an MPIJob that asks for something, of whose pods nothing more is said. Environment: as mpijob's.
power_job() {
    local name=$1 workers=$2 command=$3
    shift 3
    ASKS=$(printf '%s\n' "$@") CLEAN=${CLEAN-} mpijob "$name" "$workers" sh -c "$command"
}

field() { kubectl get mpijob "$1" -o "jsonpath={$2}"; }
said_of() { field "$1" ".metadata.annotations.wattle\.hpc/$2"; }
watts_of() { field "$1" ".spec.mpiReplicaSpecs.Worker.template.spec.containers[0].resources.limits.$WATTS_KEY"; }
suspended() { [[ $(field "$1" .spec.runPolicy.suspend) == true ]]; }
not_suspended() { ! suspended "$1"; }
decided() { [[ -n $(said_of "$1" decision) ]]; }
# The watts that the running workers of a job were given, in order.
workers_watts() { kubectl get pods -l "training.kubeflow.org/job-name=$1,training.kubeflow.org/job-role=worker" -o "jsonpath={range .items[*]}{.spec.containers[0].resources.limits.$WATTS_KEY} {end}"; }
has_event() { kubectl get events --field-selector "involvedObject.kind=MPIJob,involvedObject.name=$1,reason=$2" --no-headers 2>/dev/null | grep -q .; }
event_count() { kubectl get events --field-selector "involvedObject.kind=MPIJob,involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].count}'; }
# forecast DIRTY_S: dirty for so long from now, clean for 80 s, dirty again for an hour; slots of 10 s.
forecast() {
    python3 - "$1" <<'PY' | lab on login -- tee /var/lib/wattle/carbon/LAB.json >/dev/null
import json, sys, time
start = int(time.time()) // 10 * 10
iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))
values = [600] * (int(sys.argv[1]) // 10) + [100] * 8 + [600] * 360
print(json.dumps({"zone": "LAB", "signal": "average", "unit": "gCO2/kWh", "issued": iso, "slot_s": 10, "start": iso, "values": values}))
PY
}
