# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The carbon planner, all in CPU time: the two sizes with a goal, growth with slots and configurations, the greedy as a ratio.

bench() {
    local n size program=$BENCH_TMP/plan_time
    n=$(repeats 2000 100)
    cc -O2 -w -D_GNU_SOURCE -I"$BENCH_CHECKOUT/lib" -o "$program" "$BENCH_D/plan_time.c" \
        "$BENCH_CHECKOUT"/lib/plan{,_entries,_greedy,_scale,_sort,_start,_switch}.c "$BENCH_CHECKOUT/lib/err.c" -lm
    "$program" "$n" >"$BENCH_TMP/plan"
    plan_case() { awk -v c="$1" '$1 == c { print $2 }' "$BENCH_TMP/plan"; }
    plan_case scale_168x16 | figure plan_scale_168x16 us le 20 "a week of hours, 16 configurations"
    plan_case scale_8760x1024 | figure plan_scale_8760x1024 us le 2000 "a year of hours, 1,024 configurations"
    plan_case start_168x16 | figure plan_start_168x16 us le 20 "the best start in a week"
    for size in 168x16 8760x1024; do
        paste <(plan_case "greedy_$size" | sort -g) <(plan_case "scale_$size" | sort -g | head -n "$(plan_case "greedy_$size" | wc -l)") |
            awk '{ print $1 / $2 }' | figure "plan_greedy_ratio_$size" times none 0 "CarbonScaler's greedy, by the planner's time"
    done
    for size in 1000x64 4000x64 16000x64 64000x64 8760x64 8760x256 8760x4096; do
        plan_case "scale_$size" | figure "plan_scale_$size" us none 0 "growth"
    done
}
