#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# libwattle_mpi in a program of several ranks on this machine: one rank is asked, all leave at the same step, and a run with another
# number of ranks goes on from there to the result of an undisturbed one.
set -euo pipefail
command -v mpirun >/dev/null || {
    echo "no mpirun on this machine"
    exit 77
}
build=$PWD
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
# libraries of others leak, and a rank waits for the others on the same few CPUs
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 ASAN_OPTIONS=detect_leaks=0
export OMPI_MCA_plm_rsh_agent=/bin/false OMPI_MCA_btl=self,vader,tcp TMPDIR=$dir
SIDE=120 URG=$(kill -l URG)

fail() {
    echo "FAILED: $*"
    cat out err 2>/dev/null || true
    exit 1
}
# ranks N ARG…: the program; each rank leaves its process id in pid.RANK
ranks() {
    # shellcheck disable=SC2016
    timeout 900 mpirun --oversubscribe -np "$1" sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' \
        "$build/tests/component/stencil" "${@:2}" >out 2>err
}
checksum() { grep -o 'checksum=[0-9a-f]*' out; }
status() { grep -o " $1=[0-9]*" status | cut -d= -f2; }
until_true() {
    for ((i = 0; i < 600; i++)); do
        "$@" 2>/dev/null && return
        sleep 0.1
    done
    fail "not within a minute: $*"
}

echo "the result does not depend on the number of ranks"
ranks 1 $SIDE 2000 none || fail "1 rank"
want=$(checksum)
ranks 3 $SIDE 2000 none || fail "3 ranks"
[[ $(checksum) == "$want" ]] || fail "3 ranks: $(checksum), 1 rank: $want"

# runs that are asked for something can't end before that: their last step waits for a file
STEPS=2000

echo "nobody expects a request: it is not heard"
rm -f pid.*
ranks 2 $SIDE $STEPS none 1 gate &
until_true test -s pid.1
kill -URG "$(<pid.1)"
touch gate
wait $! || fail "a signal that nobody named was heard"
want=$(checksum)

echo "one rank of three is asked: all leave at the same step"
rm -f pid.* gate
export WATTLE_STATUS=$dir/status WATTLE_CHECKPOINT_SIGNAL=$URG
ranks 3 $SIDE $STEPS ck 1 gate &
begun() { [[ -s pid.2 && -s status && $(status calls) -gt 0 ]]; }
until_true begun
kill -URG "$(<pid.2)"
rc=0
wait $! || rc=$?
[[ $rc == 85 ]] || fail "exit status $rc"
[[ $(status asked) == 1 && $(status total) == "$STEPS" && ($(status saved) -ge 1 || -e status.saved) ]] || fail "status: $(<status)"
[[ -s ck && ! -e ck.new ]] || fail "no checkpoint"

echo "another number of ranks goes on from there"
rm status*
touch gate
ranks 2 $SIDE $STEPS ck 1 gate || fail "after the restart"
[[ $(checksum) == "$want" ]] || fail "$(checksum) after the restart, $want without one"
did=$(grep -o 'did=[0-9]*' out | cut -d= -f2)
((did > 0 && did < STEPS)) || fail "the second run did $did of $STEPS steps"
[[ $(status "done") == "$STEPS" ]] || fail "status: $(<status)"

echo "what was measured: time in MPI within the run's, iterations, units"
WATTLE_MEASURE=$dir/measured ranks 2 $SIDE 2000 none2 || fail "measured"
grep -Eq '^\{"job":.*"nodes":1,"ranks":2,.*"iterations":2000,"iteration_s":0\.[0-9]+,"done":2000,"total":2000,"units_per_s":[0-9.]+\}$' measured ||
    fail "measured: $(<measured)"
awk -F'[:,}]' '{ for (i = 1; i < NF; i++) { if ($i ~ /elapsed_s/) e = $(i + 1); if ($i ~ /"min"/) a = $(i + 1); if ($i ~ /"max"/) b = $(i + 1) }
    exit !(0 < a && a <= b && b < e) }' measured || fail "measured: $(<measured)"
[[ $(wc -l <measured) == 1 ]] || fail "$(wc -l <measured) lines"
echo "ok"
