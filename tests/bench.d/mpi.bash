# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What libwattle_mpi costs a program, on two ranks of this machine; and the time that a change of size takes in the lab: from the
# request, over checkpoint, requeue and start, to the first iteration at the new size.

bench() {
    local n pmix program=$BENCH_TMP/mpi_time launcher=$BENCH_CHECKOUT/launcher
    n=$(repeats 60 3)
    read -ra pmix < <(pkg-config --exists 'pmix >= 4' && echo "-DHAVE_PMIX $(pkg-config --cflags --libs pmix)") || pmix=()
    mpicc -O2 -w -D_GNU_SOURCE -I"$launcher" -o "$program" "$BENCH_D/mpi_time.c" "$launcher"/mpi_*.c "$launcher/status.c" "${pmix[@]}" -lm
    (
        export OMPI_MCA_mpi_yield_when_idle=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl=self,vader TMPDIR=$BENCH_TMP
        export WATTLE_STATUS=$BENCH_TMP/status WATTLE_MEASURE=$BENCH_TMP/measured WATTLE_CHECKPOINT_SIGNAL
        WATTLE_CHECKPOINT_SIGNAL=$(kill -l URG)
        mpirun --oversubscribe -np 2 "$program" "$n" >"$BENCH_TMP/mpi"
    )
    mpi_case() { awk -v c="$1" '$1 == c { print $2 }' "$BENCH_TMP/mpi"; }
    mpi_case should_checkpoint | figure mpi_should_checkpoint us le 1 "a call when nothing is asked, 2 ranks"
    mpi_case progress | figure mpi_progress us none 0 "a call of wattle_progress"
    mpi_case pmpi | figure mpi_pmpi_stencil times le 1.01 "a stencil step with the PMPI layer, by one without"
    bench_resize
}

# Its work takes longer than the plan; with so far a deadline it follows the plan nevertheless.
bench_resize() {
    local lab=bench-mpi i slots=() seconds
    lab_up "$lab" --nodes 2
    for ((i = 0; i < $(repeats 10 2) + 1; i++)); do slots+=("{\"t\":$i,\"nodes\":$((i % 2 + 1))}"); done
    seconds=$((8 * i + 60))
    lab "$lab" run --user alice -- sh -c 'cat >stencil.c && mpicc -O2 -o stencil stencil.c -lwattle_mpi' <"$BENCH_CHECKOUT/tests/apps/stencil.c"
    (IFS=, && echo "{\"slot_s\":8,\"slots\":[${slots[*]}]}") | lab "$lab" run --user alice -- sh -c 'cat >plan'
    lab "$lab" run --user alice -- sbatch -N1-2 --power=200 -t60 --deadline=now+1day --open-mode=append -o out \
        --wrap 'wattlerun --plan plan --min-pause 2s ./stencil 200 10000000 ck' >/dev/null 2>&1 </dev/null
    for ((i = 0; i < seconds; i++)); do
        [[ $(lab "$lab" run --user alice -- grep -sc 'first iteration' out </dev/null) -lt ${#slots[@]} ]] || break
        sleep 1
    done
    lab "$lab" run --user alice -- sed -n 's/^wattlerun: \([0-9.]*\) s from the request.*/\1/p' out </dev/null |
        figure mpi_resize s none 0 "lost in a change of size, the 2 s that Slurm needs between two runs included"
    labs_down
}
