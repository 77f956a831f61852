# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Slowdown models: the fit is a command's, the inversion is slurmctld's.

bench() {
    local n program=$BENCH_TMP/model_time libs
    n=$(repeats 2000 20)
    read -ra libs <<<"$(pkg-config --cflags --libs json-c inih gsl)"
    cc -O2 -w -D_GNU_SOURCE -I"$BENCH_CHECKOUT/lib" -I"$BENCH_CHECKOUT/tests/unit" -o "$program" "$BENCH_D/model_time.c" \
        "$BENCH_CHECKOUT"/tests/unit/sweeps.c "$BENCH_CHECKOUT"/lib/*.c "$BENCH_CHECKOUT"/lib/fit/*.c \
        "${libs[@]}" -lpowercap -lm
    mkdir -m 700 "$BENCH_TMP/profiles"
    "$program" "$n" "$BENCH_TMP/profiles" >"$BENCH_TMP/model"
    awk '$1 == "fit100" { print $2 }' "$BENCH_TMP/model" | figure model_fit_100_caps us le 1000 "100 runs at 100 caps, fit, left out and judged"
    awk '$1 == "fit20" { print $2 }' "$BENCH_TMP/model" | figure model_fit_20_caps us le 1000 "100 runs at 20 caps"
    awk '$1 == "hyperbolic" { print $2 }' "$BENCH_TMP/model" | figure model_watts_hyperbolic ns le 1000 "slowdown to watts"
    awk '$1 == "quadratic" { print $2 }' "$BENCH_TMP/model" | figure model_watts_quadratic ns le 1000 "slowdown to watts"
    awk '$1 == "cached" { print $2 }' "$BENCH_TMP/model" | figure profile_lookup ns le 1000 "by name, from the cache"
    awk '$1 == "changed" { print $2 }' "$BENCH_TMP/model" | figure profile_lookup_changed us le 1000 "by name, the file having changed"
}
