#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# wattle.h in C++ and wattle.inc in Fortran (`use mpi` and mpi_f08): compiled, run, asked for a checkpoint, measured.
set -euo pipefail
fortran=$(compgen -c | grep -xE 'gfortran(-[0-9]+)?' | sort | head -n 1) || true
command -v mpirun mpicxx mpifort g++ >/dev/null && [[ -n $fortran ]] || {
    echo "needs mpirun, g++ and gfortran"
    exit 77
}
build=$PWD
src=$(cd "${srcdir:-.}" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 ASAN_OPTIONS=detect_leaks=0
export OMPI_MCA_plm_rsh_agent=/bin/false OMPI_MCA_btl=self,vader,tcp TMPDIR=$dir OMPI_FC=$fortran
export WATTLE_STATUS=$dir/status WATTLE_CHECKPOINT_SIGNAL WATTLE_MEASURE=$dir/measured
WATTLE_CHECKPOINT_SIGNAL=$(kill -l URG)
libs=$build/launcher/.libs
with=(-I"$src/launcher" -L"$libs" -lwattle_mpi "-Wl,-rpath,$libs")
# A library with sanitizers wants a program with them.
[[ $(nm -D "$libs/libwattle_mpi.so") != *__asan_init* ]] || with+=("-fsanitize=address,undefined")

fail() {
    echo "FAILED: $*"
    cat out status measured 2>/dev/null || true
    exit 1
}
# shellcheck disable=SC2016
ranks() { timeout 900 mpirun --oversubscribe -np 2 sh -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$0" "$@"' "$@" >out 2>&1; }
field() { sed -n "s/.*\"$1\":\([0-9.]*\).*/\1/p" measured; }
begun() { [[ -s pid.1 ]] && grep -q ' calls=[1-9]' status; }

mpicxx -DOMPI_SKIP_MPICXX -Wall -Wextra -Werror -O1 -o cxx "$src/tests/apps/loop.cpp" "${with[@]}"
mpifort -cpp -O1 -fallow-argument-mismatch -o mpi "$src/tests/apps/loop.f90" "${with[@]}"
mpifort -cpp -O1 -DUSE_F08 -o f08 "$src/tests/apps/loop.f90" "${with[@]}"
for program in cxx mpi f08; do
    echo "$program: runs to its end; every call of MPI is seen"
    rm -f status* measured pid.*
    ranks "$dir/$program" 3000 || fail "exit status $?"
    [[ $(<out) == "loop ranks=2 did=3000" ]] || fail "$program"
    [[ $(field mpi_calls) == 6000 && $(field iterations) == 3000 ]] || fail "$program: not all calls were measured"
    echo "$program: one rank is asked, all leave with 85"
    rm -f status* measured pid.*
    ranks "$dir/$program" 2000000000 &
    for ((i = 0; i < 600; i++)); do
        ! begun 2>/dev/null || break
        sleep 0.1
    done
    kill -URG "$(<pid.1)"
    rc=0
    wait $! || rc=$?
    [[ $rc == 85 ]] || fail "$program: exit status $rc"
    grep -q ' asked=1 ' status || fail "$program: status"
done
echo "ok"
