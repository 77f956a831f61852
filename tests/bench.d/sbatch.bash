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
    awk '{ print $3 / $2 }' "$BENCH_TMP/rates" | figure sbatch_lua_ratio ratio reaches 1 "wattle against lua, rounds of $each"
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
