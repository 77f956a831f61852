#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# wattlerun in the launcher of an MPIJob: what mpirun is told, and what becomes of "checkpointed".
# shellcheck source=tests/component/launcher_test.bash
. "${BASH_SOURCE[0]%/*}/launcher_test.bash"
unset SLURM_JOB_ID
export KUBERNETES_SERVICE_HOST=10.0.0.1
run=("$build/launcher/wattlerun")
# until_there FILE
until_there() {
    for ((i = 0; i < 400; i++)); do
        [[ ! -e $1 ]] || return 0
        sleep 0.05
    done
    fail "no $1"
}

echo "other statuses, signals and programs that are not there"
gives 0 "${run[@]}" -- true
gives 3 "${run[@]}" -- sh -c 'exit 3'
# shellcheck disable=SC2016
gives 137 "${run[@]}" -- sh -c 'kill -9 $$'
gives 127 "${run[@]}" -- ./no-such-program
grep -q "can't run ./no-such-program" err || fail "unsaid"

echo "mpirun is told to hand on what the ranks listen to; another program has it in its environment"
# shellcheck disable=SC2016
printf '#!/bin/sh\nprintf "<%%s>" "$@"; echo "$WATTLE_CHECKPOINT_SIGNAL"\n' >mpirun
chmod +x mpirun
[[ $("${run[@]}" -- ./mpirun -n 2 'a b' '') == '<-x><WATTLE_CHECKPOINT_SIGNAL><-n><2><a b><>23' ]] || fail "words"
# shellcheck disable=SC2016
[[ $("${run[@]}" --checkpoint-signal=USR1 -- sh -c 'echo "$# $WATTLE_CHECKPOINT_SIGNAL"') == '0 10' ]] || fail "signal"

echo "checkpointed: waits to be stopped, and has not done its job then"
for word in TERM INT; do
    rm -f ready
    "${run[@]}" -- sh -c ': >ready; exit 85' 2>err &
    until_there ready
    until_said=$!
    for ((i = 0; i < 400; i++)); do
        ! grep -q 'waits to be stopped' err || break
        sleep 0.05
    done
    sleep 0.3
    kill -0 $until_said || fail "it did not wait"
    kill "-$word" $until_said
    rc=0
    wait $until_said || rc=$?
    [[ $rc == 85 ]] || fail "$word: $rc, wanted 85"
done

echo "nobody stops it: started again, as often as that is so"
# shellcheck disable=SC2016
gives 4 "${run[@]}" --grace=1s -- sh -c 'echo x >>starts; [ "$(wc -l <starts)" = 3 ] && exit 4; exit 85'
[[ $(grep -c 'goes on from its checkpoint' err) == 2 ]] || fail "said: $(<err)"
# shellcheck disable=SC2016
gives 5 "${run[@]}" --checkpoint-exit=3 --quiet --grace=1s -- sh -c 'echo x >>other; [ "$(wc -l <other)" = 2 ] && exit 5; exit 3'
[[ ! -s err ]] || fail "not quiet: $(<err)"

echo "stopped while the program runs: it is told, and not started again"
rm -f ready
# shellcheck disable=SC2016
"${run[@]}" -- sh -c 'echo x >>stopped; trap "exit 85" TERM; : >ready; while :; do sleep 0.05; done' 2>err &
until_there ready
kill -TERM $!
rc=0
wait $! || rc=$?
[[ $rc == 85 && $(wc -l <stopped) == 1 ]] || fail "stopped: $rc, $(wc -l <stopped) starts"

echo "workers whose names are not known yet are waited for; the list may become another meanwhile"
export RES_OPTIONS='timeout:1 attempts:1' # where nobody answers
echo 'nobody.invalid slots=1' >hosts
export OMPI_MCA_orte_default_hostfile=$dir/hosts
"${run[@]}" -- touch began 2>err &
for ((i = 0; i < 400; i++)); do
    ! grep -q 'waits for worker nobody.invalid' err || break
    sleep 0.05
done
sleep 0.3
[[ ! -e began ]] || fail "it did not wait: $(<err)"
printf '# workers\n127.0.0.1 slots=1\n\n127.0.0.1:2\n' >hosts
until_there began
wait $!
[[ $(grep -c waits err) == 1 ]] || fail "said: $(<err)"
echo 'nobody.invalid' >hosts
"${run[@]}" -- touch never 2>err &
sleep 0.5
kill -TERM $!
rc=0
wait $! || rc=$?
[[ $rc == 143 && ! -e never ]] || fail "stopped meanwhile: $rc"
unset OMPI_MCA_orte_default_hostfile

echo "a batch job is none of this, pod or not"
gives 0 "${run[@]}" --dry-run -- true
grep -q 'no plan' out || fail "dry run: $(<out)"
echo "ok"
