# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# job_submit() of the real plugin in a process that plays slurmctld, each call timed by itself: submissions with --power, with
# #SBATCH --power, with neither, with --slowdown by a profile of the site, and refused ones;
# and with --carbon. A batch of calls gives one percentile, the batches its spread.

bench() {
    local batches calls i kind c=$BENCH_CHECKOUT/tests/component libs
    batches=$(repeats 20 3)
    calls=$(repeats 20000 1000)
    read -ra libs <<<"$(pkg-config --cflags --libs inih json-c)"
    mkdir -p "$BENCH_TMP/jobsubmit/.libs"
    local flags=(-O2 -w -D_GNU_SOURCE '-DWATTLE_CONF_PATH="/etc/wattle/wattle.conf"')
    cc "${flags[@]}" -shared -fPIC -fvisibility=hidden -I"$BENCH_CHECKOUT/lib" -o "$BENCH_TMP/jobsubmit/.libs/job_submit_wattle.so" \
        "$BENCH_CHECKOUT"/jobsubmit/*.c "$BENCH_CHECKOUT"/lib/*.c "${libs[@]}" -lpowercap -lm
    cc "${flags[@]}" -rdynamic -I"$c" -o "$BENCH_TMP/bench_jobsubmit" "$c/bench_jobsubmit.c" "$c/slurmctld_stub.c" -ldl -lm
    (
        cd "$BENCH_TMP" || exit
        ./bench_jobsubmit "$calls" >/dev/null # warm
        for ((i = 0; i < batches; i++)); do ./bench_jobsubmit "$calls"; done >jobsubmit.out
        for kind in start scale; do
            for ((i = 0; i < batches; i++)); do ./bench_jobsubmit "$((calls / 10))" "$kind"; done >"$kind.out"
        done
    )
    awk '{ print $1 / 1000 }' "$BENCH_TMP/jobsubmit.out" | figure job_submit_p50 us none 0 "a call, median"
    awk '{ print $2 / 1000 }' "$BENCH_TMP/jobsubmit.out" | figure job_submit_p99 us le 50 "a call, 99th percentile"
    awk '{ print $5 / 1000 }' "$BENCH_TMP/jobsubmit.out" | figure job_submit_cpu_p99 us none 0 "its CPU time, 99th percentile"
    awk '{ print $2 / 1000 }' "$BENCH_TMP/start.out" | figure job_submit_carbon_start_p99 us le 100 "with --carbon=start, 99th percentile"
    awk '{ print $5 / 1000 }' "$BENCH_TMP/start.out" | figure job_submit_carbon_start_cpu_p99 us none 0 "its CPU time, 99th percentile"
    awk '{ print $5 / 1000 }' "$BENCH_TMP/scale.out" | figure job_submit_carbon_scale_cpu_p99 us none 0 "with --carbon=scale: CPU time, 99th percentile"
}
