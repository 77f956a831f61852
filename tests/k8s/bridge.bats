# SPDX-License-Identifier: GPL-2.0-or-later
# wattle-bridge on a real Kubernetes, alone (without Kueue): what users see, and what must hold whatever dies.
bats_require_minimum_version 1.5.0
load kube.bash
load bridge.bash

setup_file() {
    bridge_gone || return 0
    bridge_start
}
setup() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    until_true 60 bridge_leads
}
teardown() {
    lab on login -- rm -f /var/lib/wattle/carbon/LAB.json
    ! bridge_gone || bridge_start
    jobs_end
}
pods_have() { [[ $(workers_watts "$1") == "$2" ]]; }
has_ended() { job_has "$1" Succeeded; }
node_watts() { [[ $(kubectl get node "$1" -o "jsonpath={.status.capacity.$WATTS_KEY}") == "$2" ]]; }

@test "nodes show their class's watts, and again after somebody took them away" {
    until_true 30 node_watts k1 400
    until_true 30 node_watts k2 400
    kubectl patch node k1 --subresource=status --type=merge -p '{"status": {"capacity": {"wattle.hpc/watts": "0"}}}'
    until_true 30 node_watts k1 400
    kubectl patch node k1 --subresource=status --type=merge -p '{"status": {"capacity": {"wattle.hpc/watts": null}}}'
    until_true 30 node_watts k1 400
}

@test "a job that admission missed gets its watts before its workers run, says so, and ends" {
    power_job plain 2 'mpirun --allow-run-as-root -n 2 hostname' power=250W
    until_true 30 decided plain
    until_true 60 pods_have plain '250 250 '
    [[ $(said_of plain decision) == 'wattle: 250 W/node x 2 nodes: 500 W' ]]
    [[ $(said_of plain grant) == 'v1 watts=250 nodes=2-2'* ]]
    until_true 120 has_ended plain
    # the operator's default would leave workers, and with them caps, for ever
    [[ $(field plain .spec.runPolicy.cleanPodPolicy) == Running ]]
    until_true 60 no_workers plain
    until_true 10 has_event plain PowerGranted
}
no_workers() { [[ -z $(workers_watts "$1") ]]; }

@test "a total is split over the workers, a percentage is of the node's maximum" {
    SUSPEND=true power_job split 2 true power=500W/job
    SUSPEND=true power_job part 2 true power=70%
    until_true 30 decided split
    until_true 30 decided part
    [[ $(watts_of split) == 250 && $(watts_of part) == 280 ]]
}

@test "a request that can't be had is refused: no watts, no pods, an Event that says why" {
    power_job cheap 2 'sleep 600' power=10W
    until_true 30 decided cheap
    [[ $(said_of cheap decision) == 'wattle: refused: '*100* ]]
    [[ -z $(watts_of cheap) ]]
    until_true 30 suspended cheap
    until_true 30 has_event cheap PowerRefused
    until_true 60 no_workers cheap
    # mended, it runs
    kubectl annotate --overwrite mpijob cheap wattle.hpc/power=150W
    until_true 30 not_suspended cheap
    until_true 60 pods_have cheap '150 150 '
}

@test "a refusal is a condition of the job, beside the operator's own; mended, it is False" {
    power_job shown 2 true power=10W
    until_true 60 condition_is shown True
    [[ $(condition_field shown reason) == PowerRefused && $(condition_field shown message) == "$(said_of shown decision)" ]]
    # the operator goes on writing its own, and leaves ours
    until_true 60 job_has shown Created
    until_true 60 job_has shown Suspended
    condition_is shown True
    since=$(condition_field shown lastTransitionTime)
    # said once: what is refused for another reason has been refused since then, and killing the bridge changes nothing
    # shellcheck disable=SC2016 # as it is: hostile
    kubectl annotate --overwrite mpijob shown wattle.hpc/power='$(reboot)'
    until_true 60 message_has shown reboot
    [[ $(condition_field shown lastTransitionTime) == "$since" ]]
    version=$(field shown .metadata.resourceVersion)
    bridge_kill
    bridge_start
    sleep 3
    [[ $(field shown .metadata.resourceVersion) == "$version" ]]
    kubectl annotate --overwrite mpijob shown wattle.hpc/power=150W
    until_true 60 condition_is shown False
    until_true 60 not_suspended shown
    # one who was never refused has none
    SUSPEND=true power_job never 1 true power=200W
    until_true 30 decided never
    until_true 30 job_has never Created
    [[ -z $(condition_field never status) ]]
}
condition_field() { field "$1" ".status.conditions[?(@.type==\"WattleRefused\")].$2"; }
condition_is() { [[ $(condition_field "$1" status) == "$2" ]]; }
message_has() { [[ $(condition_field "$1" message) == *"$2"* ]]; }

@test "what a user suspended himself stays so, watts or not" {
    SUSPEND=true power_job mine 1 true power=200W
    until_true 30 decided mine
    [[ $(watts_of mine) == 200 ]]
    sleep 5
    suspended mine
    kubectl patch mpijob mine --type=merge -p '{"spec": {"runPolicy": {"suspend": false}}}'
    until_true 60 pods_have mine '200 '
    not_suspended mine
}

@test "a job waits for a clean hour, holds no pods meanwhile, and starts in time, across a death of the bridge" {
    forecast 60
    power_job green 1 'sleep 5' power=200W carbon=start carbon-within=15m work=1m
    until_true 30 decided green
    until_true 10 suspended green
    [[ $(said_of green decision) == *'starts '*'less CO2'* ]]
    until_true 30 has_event green StartDeferred
    bridge_kill
    sleep 3
    suspended green
    bridge_start
    [[ $(workers_watts green) == '' ]]
    start=$(date -d "$(said_of green start)" +%s)
    until_true 180 not_suspended green
    (($(date +%s) >= start && $(date +%s) < start + 30))
    until_true 60 pods_have green '200 '
    until_true 120 has_ended green
}

# bats test_tags=slow
@test "a user who starts a waiting job himself is respected" {
    forecast 600
    power_job hasty 1 'sleep 300' power=200W carbon=start carbon-within=1h work=1m
    until_true 30 decided hasty
    until_true 10 suspended hasty
    kubectl patch mpijob hasty --type=merge -p '{"spec": {"runPolicy": {"suspend": false}}}'
    until_true 60 pods_have hasty '200 '
    sleep 5
    not_suspended hasty
    [[ -z $(said_of hasty held) ]]
}

@test "a job without a word of ours is charged the default" {
    power_job silent 1 'sleep 100'
    until_true 30 decided silent
    # one of a node's two CPUs: half its watts
    until_true 60 pods_have silent '200 '
}

@test "what another writes over watts is put right; what was decided is not decided again" {
    SUSPEND=true power_job steady 1 true power=200W
    until_true 30 decided steady
    kubectl patch mpijob steady --type=json -p '[{"op": "replace", "path": "/metadata/annotations/wattle.hpc~1grant", "value": "v1 watts=999 nodes=1-1"}]'
    until_true 30 grant_is steady 'v1 watts=200'
    [[ $(watts_of steady) == 200 ]]
    granted=$(bridge_metric 'decisions_total{outcome="granted"}')
    kubectl label mpijob steady some=thing
    sleep 3
    [[ $(bridge_metric 'decisions_total{outcome="granted"}') == "$granted" ]]
}
grant_is() { [[ $(said_of "$1" grant) == "$2"* ]]; }

# bats test_tags=slow
@test "killed in the midst of many jobs: each is decided once, none stays held" {
    for i in {1..20}; do power_job "many$i" 1 'sleep 600' power=$((150 + i))W; done &
    for _ in {1..4}; do
        sleep 1
        bridge_kill
        bridge_start
    done
    for i in {1..20}; do until_true 120 decided "many$i"; done
    for i in {1..20}; do
        [[ $(watts_of "many$i") == $((150 + i)) ]]
        until_true 60 not_suspended "many$i"
        [[ -z $(said_of "many$i" held) ]]
    done
}

@test "--dry-run says what it would do, and writes nothing" {
    bridge_kill
    power_job dry 1 'sleep 60' power=200W
    lab on kctl -- sh -c 'setsid -f wattle-bridge --kubeconfig /etc/kubernetes/admin.conf --dry-run --status= >/tmp/dry.log 2>&1'
    until_true 60 lab on kctl -- grep 'dry run: mpijob default/dry would be suspended' /tmp/dry.log
    sleep 2
    bridge_kill TERM
    run ! decided dry
    not_suspended dry
}

@test "SIGTERM ends it in seconds and gives the lead away" {
    bridge_kill TERM
    [[ -z $(kubectl get lease -A --field-selector metadata.name=wattle-bridge -o 'jsonpath={.items[*].spec.holderIdentity}') ]]
    begin=$SECONDS
    bridge_start
    ((SECONDS - begin < 12))
}

@test "a broken configuration leaves the last good one; a good one is taken without a restart" {
    lab on kctl -- cp /etc/wattle/wattle.conf /etc/wattle/wattle.conf.kept
    lab on kctl -- sh -c 'echo "nonsense = 1" >>/etc/wattle/wattle.conf'
    until_true 30 config_good 0
    SUSPEND=true power_job under 1 true power=200W
    until_true 30 decided under
    lab on kctl -- sh -c 'sed "s/^max_w = 400/max_w = 390/; s/^default_w = 400/default_w = 390/" /etc/wattle/wattle.conf.kept >/etc/wattle/wattle.conf.new && mv /etc/wattle/wattle.conf.new /etc/wattle/wattle.conf'
    until_true 30 node_watts k1 390
    until_true 30 config_good 1
    lab on kctl -- mv /etc/wattle/wattle.conf.kept /etc/wattle/wattle.conf
    until_true 30 node_watts k1 400
}
config_good() { [[ $(bridge_metric config_good) == "$1" ]]; }

@test "the API server dies, is frozen, and etcd dies: jobs of meanwhile are decided after it" {
    lab node kctl kill-apiserver
    sleep 3
    lab node kctl start-apiserver
    until_true 60 bridge_leads
    SUSPEND=true power_job after1 1 true power=200W
    until_true 60 decided after1
    lab node kctl freeze-apiserver
    sleep 12
    lab node kctl thaw-apiserver
    until_true 60 bridge_leads
    SUSPEND=true power_job after2 1 true power=200W
    until_true 60 decided after2
    lab node kctl kill-etcd
    sleep 3
    lab node kctl start-etcd
    until_true 90 bridge_leads
    until_true 60 eval 'SUSPEND=true power_job after3 1 true power=200W'
    until_true 90 decided after3
}

# bats test_tags=slow
@test "frozen for longer than its lease, it writes nothing until it leads again" {
    lab on kctl -- pkill -STOP -x wattle-bridge
    sleep 20
    SUSPEND=true power_job thawed 1 true power=200W
    lab on kctl -- pkill -CONT -x wattle-bridge
    until_true 60 decided thawed
    [[ $(watts_of thawed) == 200 ]]
}

@test "workers' number follows the plan: fewer at first, told to checkpoint, stopped, resized, started again" {
    power_job wide 1 'sleep 600' power=200W min-replicas=1 max-replicas=2
    until_true 60 pods_have wide '200 '
    now=$(date +%s)
    # what the planner would have written, with slots short enough for a test
    kubectl annotate --overwrite mpijob wide \
        wattle.hpc/plan="v1 start=$now end=$((now + 600)) deadline=0 overhead=5 slots=0:1:200,25:2:200"
    until_true 30 warned wide
    [[ $(workers_watts wide) == '200 ' ]]
    until_true 60 pods_have wide '200 200 '
    (($(date +%s) >= now + 25))
    [[ $(field wide .spec.mpiReplicaSpecs.Worker.replicas) == 2 ]]
    not_suspended wide
    [[ -z $(said_of wide held) ]]
}
warned() { [[ -n $(said_of "$1" checkpoint) ]]; }

@test "before a scaled job is stopped its programs are told: SIGURG, to its workers alone" {
    local node
    power_job other 1 'sleep 600' power=150W
    power_job told 1 'sleep 600' power=150W min-replicas=1 max-replicas=2
    until_true 60 pods_have told '150 '
    until_true 60 pods_have other '150 '
    until_true 60 listens told
    until_true 60 listens other
    kubectl annotate --overwrite mpijob told \
        wattle.hpc/plan="v1 start=$(date +%s) end=$(($(date +%s) + 600)) deadline=0 overhead=15 slots=0:1:150,45:2:150"
    until_true 60 warned told
    until_true 10 was_told told
    # told ahead of the stop, while it still runs
    [[ $(workers_watts told) == '150 ' ]]
    not_told other
    until_true 30 has_pod_event told-worker-0 WattleCheckpointAsked
    until_true 90 pods_have told '150 150 '
}
worker_sh() { kubectl exec "$1-worker-0" -- sh -c "$2"; }
# A program of the worker that listens, beside one that does not (sshd): that goes on.
listens() { worker_sh "$1" 'test -e /tmp/listens || { (trap "echo asked >>/tmp/asked" URG; : >/tmp/listens; while :; do sleep 0.2; done) >/dev/null 2>&1 & sleep 0.5; test -e /tmp/listens; }'; }
was_told() { [[ $(worker_sh "$1" 'cat /tmp/asked') == asked ]]; }
not_told() { worker_sh "$1" '! test -e /tmp/asked'; }
has_pod_event() { kubectl get events --field-selector "involvedObject.kind=Pod,involvedObject.name=$1,reason=$2" --no-headers 2>/dev/null | grep -q .; }
