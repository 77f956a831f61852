#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2016,SC2154 # what single quotes hold is expanded on the hosts; output and status are bats's
# A `scale` plan carried out on a real Kubernetes by a program with libwattle_mpi: told by the agent, checkpointed, stopped, of another size, gone on.

bats_require_minimum_version 1.5.0
load agent.bash
load bridge.bash

SIDE=200 STEPS=600 WORK=${WATTLE_SCALE_WORK-300} # by one worker of the lab some 30 s

setup_file() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    ! bridge_gone || bridge_start
    nodes_ready
    lab run --user alice -- sh -c 'mkdir -p scale && cd scale && cat >stencil.c && mpicc -O2 -DWATTLE -o stencil stencil.c -lwattle_mpi' <"${BATS_TEST_DIRNAME%/*}/apps/stencil.c"
}
setup() { PATH=$BATS_TEST_DIRNAME/..:$PATH; }
teardown() { jobs_end; }
teardown_file() {
    PATH=$BATS_TEST_DIRNAME/..:$PATH
    lab run --user alice -- rm -rf scale
}

pods_have() { [[ $(workers_watts "$1") == "$2" ]]; }
replicas_is() { [[ $(field "$1" .spec.mpiReplicaSpecs.Worker.replicas) == "$2" ]]; }
warned() { [[ -n $(said_of "$1" checkpoint) ]]; }
# The step that its checkpoint was written after.
saved() { lab run -- od -An -t u8 -j 8 -N 8 "/home/alice/scale/$1.ck" | tr -d ' '; }
has_saved() { lab run -- test -e "/home/alice/scale/$1.ck"; }
waits() { job_log "$1" | grep -q '^wattlerun: checkpointed: waits to be stopped'; }
all_gone() { [[ -z $(kubectl get pods -l "training.kubeflow.org/job-name=$1" -o name) ]]; }
checksum_of() { sed -n 's/.* checksum=\([0-9a-f]*\).*/\1/p' <<<"$1"; }

@test "one worker, a pause, two workers: told, checkpointed, stopped, resized, gone on; the result is that of a run without a stop, and no cap stays" {
    local whole now step said
    # what it must come to, computed at once, meanwhile
    lab run --user alice -- sh -c "cd scale && ./stencil $SIDE $STEPS whole.ck $WORK >whole.out" &
    whole=$!
    # decided before it starts, so that it starts as often as the plan says
    SUSPEND=true ASKS=$'power=200W\nmin-replicas=1\nmax-replicas=2' mpijob wide 1 sh -c 'date +%T >>/home/alice/scale/starts; exec "$@"' - \
        wattlerun -- mpirun --allow-run-as-root /home/alice/scale/stencil $SIDE $STEPS /home/alice/scale/wide.ck "$WORK" /home/alice/scale/go >/dev/null
    until_true 60 decided wide
    kubectl patch mpijob wide --type=merge -p '{"spec": {"runPolicy": {"suspend": false}}}' >/dev/null
    until_true 60 pods_have wide '200 '
    now=$(date +%s)
    kubectl annotate --overwrite mpijob wide \
        wattle.hpc/plan="v1 start=$now end=$((now + 900)) deadline=0 overhead=10 slots=0:1:200,28:0:0,38:2:200" >/dev/null
    until_true 60 warned wide
    # it is still there when its checkpoint is: the launcher waits to be stopped, and has not failed
    until_true 30 has_saved wide
    (($(date +%s) <= now + 28))
    until_true 10 waits wide
    [[ $(workers_watts wide) == '200 ' ]]
    run ! job_has wide Failed
    # the pause: no pods, no caps, and the bridge may die in it
    until_true 60 all_gone wide
    for node in k1 k2; do until_true 10 at_boot "$node"; done
    step=$(saved wide)
    ((step > 0 && step < STEPS))
    suspended wide
    bridge_kill
    bridge_start
    until_true 120 pods_have wide '200 200 '
    (($(date +%s) >= now + 38))
    replicas_is wide 2
    lab run -- touch /home/alice/scale/go # it may end, now that it can't have before
    until_true 120 job_has wide Succeeded
    run -0 job_log wide
    said=$output
    wait "$whole"
    run -0 lab run -- cat /home/alice/scale/whole.out
    [[ $(checksum_of "$said") == "$(checksum_of "$output")" && -n $(checksum_of "$said") ]]
    # nothing was lost, nothing done twice; two starts, the second by two ranks
    [[ $said == *"ranks=2 "*"did=$((STEPS - step))"* ]]
    run -0 lab run -- cat /home/alice/scale/starts
    ((${#lines[@]} == 2)) || { echo "starts: $output; $said" >&2 && return 1; }
    until_true 60 workers_gone wide
    for node in k1 k2; do until_true 10 at_boot "$node"; done
    until_true 10 no_lease k1
}
