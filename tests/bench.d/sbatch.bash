# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Throughput of sbatch against three slurmctlds that differ in their job_submit plugin alone, all up at once. Blocks of
# submissions go round them, so that whatever else the machine does falls on all three. Jobs are held: scheduling is
# not what is measured. SPANK is off on all: nothing but the plugin differs.

bench() {
    local rounds each setup order i
    rounds=$(repeats 20 2)
    each=$(repeats 100 10)
    lab_up bench-none --nodes 1 --spank none --job-submit none
    lab_up bench-lua --nodes 1 --spank none --job-submit "lua:$BENCH_D/job_submit.lua"
    lab_up bench-wattle --nodes 1 --spank none --job-submit wattle
    for setup in none lua wattle; do
        lab "bench-$setup" run --user alice -- sh -c 'cat >submit' <"$BENCH_D/sbatch-block"
        lab "bench-$setup" run --user alice -- bash submit "$(repeats 30 3)" >/dev/null </dev/null # caches
    done
    same_translation
    for ((i = 0; i < rounds; i++)); do
        case $((i % 3)) in
        0) order='none lua wattle' ;;
        1) order='lua wattle none' ;;
        2) order='wattle none lua' ;;
        esac
        for setup in $order; do
            lab "bench-$setup" run --user alice -- bash submit "$each" </dev/null >"$BENCH_TMP/rate.$setup"
        done
        paste "$BENCH_TMP"/rate.{none,lua,wattle}
    done >"$BENCH_TMP/rates"
    awk '{ print $1 }' "$BENCH_TMP/rates" | figure sbatch_none 1/s none 0 "sbatch without a job_submit plugin"
    awk '{ print $2 }' "$BENCH_TMP/rates" | figure sbatch_lua 1/s none 0 "with job_submit/lua"
    awk '{ print $3 }' "$BENCH_TMP/rates" | figure sbatch_wattle 1/s none 0 "with job_submit/wattle"
    awk '{ print $3 / $1 }' "$BENCH_TMP/rates" | figure sbatch_ratio ratio reaches 0.98 "wattle against none, rounds of $each"
    awk '{ print $3 / $2 }' "$BENCH_TMP/rates" | figure sbatch_lua_ratio ratio none 0 "wattle against lua, rounds of $each"

    # Most of an sbatch is the client's. What slurmctld itself spent on each request stands in its log.
    for setup in none lua wattle; do rpc_medians "bench-$setup" "$rounds" "$each" >"$BENCH_TMP/rpc.$setup"; done
    paste "$BENCH_TMP"/rpc.{none,lua,wattle} >"$BENCH_TMP/rpcs"
    awk '{ print $1 }' "$BENCH_TMP/rpcs" | figure submit_rpc_none us none 0 "slurmctld's time for a submission, median of a round"
    awk '{ print $2 }' "$BENCH_TMP/rpcs" | figure submit_rpc_lua us none 0 "with job_submit/lua"
    awk '{ print $3 }' "$BENCH_TMP/rpcs" | figure submit_rpc_wattle us none 0 "with job_submit/wattle"
    awk '{ print $2 / $3 }' "$BENCH_TMP/rpcs" | figure submit_rpc_lua_ratio ratio none 0 "lua's time to wattle's"

    # And most of that is Slurm's. The plugin's own share, by the CPU clock of the thread that calls it.
    for setup in lua wattle; do time_calls "bench-$setup" "$setup"; done
    for ((i = 0; i < rounds; i++)); do
        for setup in lua wattle; do call_median "bench-$setup" "$each" >"$BENCH_TMP/call.$setup"; done
        paste "$BENCH_TMP"/call.{lua,wattle}
    done >"$BENCH_TMP/calls"
    awk '{ print $1 }' "$BENCH_TMP/calls" | figure submit_call_lua us none 0 "CPU of a job_submit call in slurmctld, lua, median of a round"
    awk '{ print $2 }' "$BENCH_TMP/calls" | figure submit_call_wattle us none 0 "the same, wattle"
    awk '{ print $1 / $2 }' "$BENCH_TMP/calls" | figure submit_call_lua_ratio ratio ge 1 "lua's to wattle's: faster than lua"
}

# time_calls LAB NAME: from now on job_submit/timed calls job_submit/NAME there.
time_calls() {
    local folder plugin=$BENCH_TMP/job_submit_timed.$2.so
    folder=$(lab "$1" on ctl -- sh -c 'dirname /usr/lib/*/slurm-wlm/job_submit_lua.so' </dev/null)
    cc -O2 -Wall -shared -fPIC "-DTARGET=\"$folder/job_submit_$2.so\"" -o "$plugin" "$BENCH_D/job_submit_timed.c"
    lab "$1" on ctl -- sh -c "cat >$folder/job_submit_timed.so" <"$plugin"
    lab "$1" on ctl -- sed -i 's/^JobSubmitPlugins=.*/JobSubmitPlugins=timed/' /etc/slurm/lab.conf </dev/null
    lab "$1" restart ctl </dev/null
    lab "$1" run --user alice -- bash submit "$(repeats 30 3)" >/dev/null </dev/null # caches
}

# call_median LAB N: microseconds.
call_median() {
    lab "$1" on ctl -- sh -c '>/tmp/job-submit-times; chmod 666 /tmp/job-submit-times' </dev/null
    lab "$1" run --user alice -- bash submit "$2" >/dev/null </dev/null
    lab "$1" on ctl -- cat /tmp/job-submit-times </dev/null | sort -n |
        awk -v n="$2" '{ x[NR] = $1 } END { if (NR != n) exit 1; print x[int((n + 1) / 2)] / 1000 }'
}

# rpc_medians LAB ROUNDS EACH: the median of each of the last ROUNDS times EACH submissions.
rpc_medians() {
    local i
    lab "$1" on ctl -- cat /var/log/slurm/slurmctld.log </dev/null |
        sed -n 's/.*_slurm_rpc_submit_batch_job: JobId=[0-9]* .*usec=\([0-9]*\).*/\1/p' | tail -n $(($2 * $3)) >"$BENCH_TMP/usec"
    for ((i = 0; i < $2; i++)); do
        sed -n "$((i * $3 + 1)),$(((i + 1) * $3))p" "$BENCH_TMP/usec" | sort -n | sed -n "$((($3 + 1) / 2))p"
    done
}

# The Lua script is a fair rival only if it charges the same.
same_translation() {
    local lua wattle
    lua=$(licences bench-lua)
    wattle=$(licences bench-wattle)
    [[ -n $lua && $lua == "$wattle" ]] || {
        note "job_submit.lua does not translate the same: '$lua' against '$wattle'"
        return 1
    }
}
licences() {
    # shellcheck disable=SC2016
    lab "$1" run --user alice -- sh -c '
        job=$(sbatch --parsable job 2>/dev/null)
        scontrol -o show job "$job" | grep -o "Licenses=[^ ]*"
        scancel "$job"' </dev/null
}
