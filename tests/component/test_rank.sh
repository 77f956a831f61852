#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What wattlerun is to launchers: one that says 0 to mpirun for "checkpointed", passes signals on once, tells of all else as it was, and
# notes what a rank died of.
# shellcheck source=tests/component/launcher_test.bash
. "${BASH_SOURCE[0]%/*}/launcher_test.bash"
export WATTLE_STATUS=$dir/status
rank=("$build/launcher/wattlerun" --as-rank 85)

echo "statuses"
gives 0 "${rank[@]}" true
[[ ! -e status.left ]] || fail "0 is not 'checkpointed'"
gives 3 "${rank[@]}" sh -c 'exit 3'
[[ ! -e status.left ]] || fail "3 is not 'checkpointed'"
gives 0 "${rank[@]}" sh -c 'exit 85'
[[ -e status.left ]] || fail "nothing says that it has checkpointed"
[[ ! -e status.died ]] || fail "nothing has died"
# a 0 that nothing explains would be taken for the end of a program that goes on
gives 85 env WATTLE_STATUS="$dir/gone/status" "${rank[@]}" sh -c 'exit 85'
gives 137 "${rank[@]}" sh -c 'kill -9 $$'
[[ $(<status.died) == 9 ]] || fail "nothing says what it died of"
gives 139 "${rank[@]}" sh -c 'kill -SEGV $$'
gives 127 "${rank[@]}" ./no-such-program
grep -q "can't run ./no-such-program" err || fail "unsaid"

echo "a launcher that is none is refused"
gives 2 "$build/launcher/wattlerun" --launcher /bin/sh --dry-run true
grep -q 'wanted srun, mpirun, or an mpirun with its path' err || fail "unsaid: $(<err)"
gives 0 "$build/launcher/wattlerun" --launcher /opt/openmpi/bin/mpirun --dry-run true

echo "words, input and output are the program's"
# shellcheck disable=SC2016
[[ $(echo in | "${rank[@]}" sh -c 'cat; printf "<%s>" "$@"' sh --as-rank 'a b' '') == $'in\n<--as-rank><a b><>' ]] || fail "words"

echo "signals go on, once, also if the group gets them, and those the program has handled end nothing"
cat >count.sh <<'S'
n=0
trap 'n=$((n + 1)); echo $n >counted' USR1
trap 'exit 85' TERM
: >ready
while :; do sleep 0.05; done
S
rm -f status.left status.died
setsid "${rank[@]}" bash count.sh &
for ((i = 0; i < 200; i++)); do [[ ! -e ready ]] || break; sleep 0.05; done
kill -USR1 -- -$!
for ((i = 0; i < 200; i++)); do [[ ! -e counted ]] || break; sleep 0.05; done
sleep 0.3
[[ $(<counted) == 1 ]] || fail "it came $(<counted) times"
kill -TERM $!
wait $! || fail "exit status $?"
[[ -e status.left && ! -e status.died ]] || fail "not taken for checkpointed"
rm ready
"${rank[@]}" sh -c ': >ready; exec sleep 1000' &
for ((i = 0; i < 200; i++)); do [[ ! -e ready ]] || break; sleep 0.05; done
kill -TERM $!
rc=0
wait $! || rc=$?
[[ $rc == 143 && ! -e status.died ]] || fail "told to end: $rc"

echo "under srun statuses are as they are, and signals come once: by us where Slurm sends to its task, from Slurm where it sends to all"
for how in task tree; do
    rank=("$build/launcher/wattlerun" --as-rank "$how")
    rm -f status.left status.died ready counted
    gives 85 "${rank[@]}" sh -c 'exit 85'
    gives 14 "${rank[@]}" sh -c 'exit 14'
    [[ ! -e status.left && ! -e status.died ]] || fail "$how: noted"
    setsid "${rank[@]}" bash count.sh &
    for ((i = 0; i < 200; i++)); do [[ ! -e ready ]] || break; sleep 0.05; done
    [[ $how == tree ]] && to=-$! || to=$!
    kill -USR1 -- "$to"
    for ((i = 0; i < 200; i++)); do [[ ! -e counted ]] || break; sleep 0.05; done
    sleep 0.3
    [[ $(<counted) == 1 ]] || fail "$how: it came $(<counted) times"
    # asked before, and killed later by something else
    pkill -9 -P $! bash
    rc=0
    wait $! || rc=$?
    [[ $rc == 137 && $(<status.died) == 9 ]] || fail "$how: killed: $rc"
done
rank=("$build/launcher/wattlerun" --as-rank 85)

echo "the program does not outlive it; a preload is the program's alone"
"${rank[@]}" sleep 1000 &
for ((i = 0; i < 200; i++)); do child=$(pgrep -P $!) && break; sleep 0.05; done
kill -9 $!
wait $! || true
for ((i = 0; i < 200; i++)); do [[ -e /proc/$child ]] || break; sleep 0.05; done
[[ ! -e /proc/$child ]] || fail "it lives on"
# shellcheck disable=SC2016
[[ $(WATTLE_PRELOAD=libm.so.6 "${rank[@]}" sh -c 'echo "$LD_PRELOAD,${WATTLE_PRELOAD-}"') == libm.so.6, ]] || fail "preload"
echo "ok"
